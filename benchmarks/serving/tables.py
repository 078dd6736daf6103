"""What a run found, for people: the loads and figures of a run come in, tables and a JSON document go out."""

import os
import platform
from dataclasses import asdict
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.serving.closed_loop import Load
from benchmarks.serving.plans import OURS
from benchmarks.serving.ratios import Figure, Found, figures, is_valid, validity
from benchmarks.serving.rounds import Loads


def show(found: Found, console: Console) -> None:
    """Print everything."""
    for table in (
        _loads(found.loads),
        _weights(found),
        _figures("Asked", figures(found)),
    ):
        console.print(table)
    show_validity(found, console)
    for line in found.differences:
        console.print(f"[red]different answer:[/red] {line}")
    for name in found.absent:
        console.print(f"left out, not installed: {name}")


def show_validity(found: Found, console: Console) -> None:
    """Print whether the run counts, as far as is known."""
    console.print(_figures("Valid?", validity(found.check)))
    if not is_valid(found.check):
        console.print(
            "[red]void:[/red] the careful service is slower here than it should be, so no ratio counts"
        )
    if found.differences:
        console.print("[red]void:[/red] not all servers give the same answers")


def document(found: Found) -> dict[str, Any]:
    """The run as JSON."""
    return {
        "machine": {
            "cores": os.cpu_count(),
            "system": platform.system(),
            "python": platform.python_version(),
        },
        "valid": is_valid(found.check) and not found.differences,
        "validity": [_figure(figure) for figure in validity(found.check)],
        "figures": [_figure(figure) for figure in figures(found)],
        "loads": [{**cell._asdict(), **summary(loads)} for cell, loads in sorted(found.loads.items())],
        "servers": {name: asdict(weight) for name, weight in found.weights.items()},
        "steady": [asdict(seen) for seen in found.steady],
        "overload": [asdict(seen) for seen in found.overload],
        "soak": [asdict(seen) for seen in found.soaks],
        "different_answers": found.differences,
        "not_installed": found.absent,
    }


def summary(loads: list[Load]) -> dict[str, float | int]:
    """Medians over the rounds; ``rate_spread`` is the distance from the slowest to the fastest round over the median."""
    rates = [load.rate for load in loads]
    middle = median(rates)
    return {
        "rate": round(middle, 1),
        "rate_spread": round((max(rates) - min(rates)) / middle, 3) if middle else 0.0,
        "p50_ms": round(median(load.p50_ms for load in loads), 3),
        "p99_ms": round(median(load.p99_ms for load in loads), 3),
        "p999_ms": round(median(load.p999_ms for load in loads), 3),
        "refused": sum(load.refused for load in loads),
        "broken": sum(load.broken for load in loads),
    }


def _figure(figure: Figure) -> dict[str, Any]:
    return {**asdict(figure), "best": figure.best, "is_reached": figure.is_reached}


def _loads(loads: Loads) -> Table:
    table = Table("shape", "clients", "server", title="Closed loop")
    for column in ("requests/s", "spread", "p50 ms", "p99 ms", "p99.9 ms", "refused", "broken"):
        table.add_column(column, justify="right")
    before = None
    for cell, seen in sorted(loads.items(), key=lambda item: (item[0].shape, item[0].connections)):
        if before not in (None, cell[1:]):
            table.add_section()
        before = cell[1:]
        of = summary(seen)
        table.add_row(
            cell.shape,
            str(cell.connections),
            cell.server,
            f"{of['rate']:,.0f}",
            f"{of['rate_spread']:.0%}",
            *(f"{of[name]:.2f}" for name in ("p50_ms", "p99_ms", "p999_ms")),
            str(of["refused"]),
            str(of["broken"]),
        )
    return table


def _weights(found: Found) -> Table:
    table = Table("server", title="Processes")
    table.add_column("ready, s", justify="right")
    table.add_column("resident after the run, MB", justify="right")
    for name, weight in found.weights.items():
        table.add_row(name, f"{weight.ready_s:.1f}", f"{weight.resident_mb:.0f}")
    return table


def _figures(title: str, lines: list[Figure]) -> Table:
    servers = list(dict.fromkeys(name for line in lines for name in line.reached))
    table = Table("figure", title=title)
    for name in ("asked", *sorted(servers, key=lambda name: (name not in OURS, name)), "reached"):
        table.add_column(name, justify="right")
    for line in lines:
        bound = "-" if line.asked is None else f"{'at most' if line.at_most else 'at least'} {line.asked:g}"
        cells = [
            _number(line.reached.get(name))
            for name in sorted(servers, key=lambda name: (name not in OURS, name))
        ]
        verdict = {None: "-", True: "[green]yes[/green]", False: "[red]no[/red]"}[line.is_reached]
        table.add_row(line.what, bound, *cells, verdict)
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}" if abs(value) < 1_000 else f"{value:,.0f}"
