"""``axon simulate`` and ``axon check``: logs, before anything is trained on them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from axon.options import Config, DataRoot, Json, Quiet, screen

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.progress import Bar


def simulate(
    directory: Annotated[Path, typer.Argument(help="Where the log and the tables go.", show_default=False)],
    impressions: Annotated[int, typer.Option(min=1, help="Lines of the log.")] = 500_000,
    seed: Annotated[int, typer.Option(min=0, help="Of every random choice.")] = 2026,
    drift: Annotated[float, typer.Option(min=0, help="How far tastes turn per week; 0 is stationary.")] = 0.0,
    start: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="First day of the log's four weeks; 2026-03-02 by default."),
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write the log of a simulated shop, its tables, and the true click probabilities in a file apart."""
    from simulator.shop import write_shop
    from simulator.world import WorldConfig

    out = screen(quiet=quiet, as_json=as_json)
    with out.progress().stage("simulating", unit="impressions", total=impressions) as bar:
        given = {} if start is None else {"start": start.date()}
        world = WorldConfig(impressions=impressions, seed=seed, drift=drift, **given)
        files = write_shop(world, directory, progress=_steps(bar))
    paths = {name: str(getattr(files, name)) for name in ("log", "users", "items", "truth")}
    out.result(paths, [f"{name:6} {path}" for name, path in paths.items()])


def check(
    config: Config,
    data_root: DataRoot = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Look at the log and the tables the way training will; exit 1 when something stops it."""
    from axon.quiet import import_tensorflow

    import_tensorflow()
    from training.check import check_log
    from training.config import data_root as root_of
    from training.config import load_config

    out = screen(quiet=quiet, as_json=as_json)
    task = load_config(config)
    found = check_log(task, root_of(task, config, data_root), progress=out.progress(), now=datetime.now(UTC))
    out.result(found.model_dump(mode="json"), found.lines())
    if found.errors:
        raise typer.Exit(1)


def _steps(bar: "Bar") -> "Callable[[int], None]":
    """Turns totals into steps."""
    done = 0

    def advance(total: int) -> None:
        nonlocal done
        bar.advance(total - done)
        done = total

    return advance
