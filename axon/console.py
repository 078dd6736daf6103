"""What the command line shows: progress on standard error, results on standard output."""

import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from training.progress import Progress as Work
    from training.report.report import Report

PLAIN_INTERVAL_S = 10.0
"""Seconds between two lines of a stage where there is no terminal."""

_CUT = "\N{HORIZONTAL ELLIPSIS}"
"""What stands in a drawn table for what did not fit."""


class Mode(StrEnum):
    """How much is said, and to whom."""

    HUMAN = "human"
    QUIET = "quiet"
    JSON = "json"


class Screen:
    """Everything a command prints."""

    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        self.err = Console(stderr=True, highlight=False)
        # A pipe has no width of its own: tables are written whole into it.
        self.out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 160)

    def say(self, text: str) -> None:
        """A line for people; scripts do not see it."""
        if self.mode is Mode.HUMAN:
            self.err.print(text, markup=False)

    def result(self, document: dict[str, Any], lines: Iterable[str] = ()) -> None:
        """What the command was called for: a JSON document, or lines for people."""
        if self.mode is Mode.JSON:
            sys.stdout.write(json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n")
        elif self.mode is Mode.HUMAN:
            for line in lines:
                self.out.print(line, markup=False)

    def table(self, title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A table for people."""
        if self.mode is not Mode.HUMAN:
            return
        rows = list(rows)
        with self.out.capture() as drawn:
            self.out.print(_table(title, header, [[cell.replace(_CUT, ".") for cell in row] for row in rows]))
        if _CUT not in drawn.get():
            self.out.print(_table(title, header, rows))
            return
        # Too narrow a terminal: a line per cell, since a figure that is cut says nothing.
        self.out.print(title, markup=False)
        width = max(map(len, header))
        for row in rows:
            self.out.print()
            for name, cell in zip(header, row, strict=True):
                self.out.print(f"  {name:{width}}  {cell}".rstrip(), markup=False)

    def comparison(self, title: str, report: "Report") -> None:
        """The report's metrics, one column per model."""
        from training.report.report import metrics_table, targets_table

        header, *rows = metrics_table(report)
        self.table(title, header, rows)
        if by_target := targets_table(report):
            header, *rows = by_target
            self.table("by target", header, rows)

    def progress(self) -> "Work":
        """Where long work tells how far it is."""
        if self.mode is Mode.HUMAN:
            return Stages(self)
        from training.progress import Silent

        return Silent()


def _table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(title=Text(title), title_justify="left", header_style="bold")
    for place, name in enumerate(header):
        table.add_column(Text(name), justify="left" if place == 0 else "right")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


class Stages:
    """Draws `training.progress.Progress`: a bar on a terminal, plain lines elsewhere."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen

    @contextmanager
    def stage(self, name: str, *, unit: str, total: int | None = None) -> Iterator[Any]:
        if self.screen.err.is_terminal:
            with _drawn(self.screen.err, name, unit, total) as bar:
                yield bar
        else:
            plain = _Plain(self.screen, name, unit, total)
            yield plain
            plain.finish()


class _Plain:
    def __init__(self, screen: Screen, name: str, unit: str, total: int | None) -> None:
        self.screen, self.name, self.unit, self.total = screen, name, unit, total
        self.done, self.note = 0, ""
        self.started = self.told = time.monotonic()

    def advance(self, amount: int = 1, *, note: str = "") -> None:
        self.done += amount
        self.note = note or self.note
        if time.monotonic() - self.told >= PLAIN_INTERVAL_S:
            self.told = time.monotonic()
            self._tell()

    def finish(self) -> None:
        self._tell()

    def _tell(self) -> None:
        elapsed = max(1e-9, time.monotonic() - self.started)
        rate = self.done / elapsed
        of = f" of {self.total:,}" if self.total else ""
        left = f", {max(0.0, self.total - self.done) / rate:.0f} s left" if self.total and rate else ""
        note = f" ({self.note})" if self.note else ""
        self.screen.say(
            f"{self.name}: {self.done:,}{of} {self.unit}, {rate:,.0f}/s, {elapsed:.0f} s{left}{note}"
        )


class _Drawn:
    def __init__(self, progress: Progress, task: Any, started: float) -> None:
        self.progress, self.task, self.started = progress, task, started
        self.done = 0

    def advance(self, amount: int = 1, *, note: str = "") -> None:
        self.done += amount
        rate = self.done / max(1e-9, time.monotonic() - self.started)
        self.progress.update(self.task, advance=amount, rate=f"{rate:,.0f}/s", note=note)


@contextmanager
def _drawn(console: Console, name: str, unit: str, total: int | None) -> Iterator[_Drawn]:
    columns = [
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn(f"{unit} {{task.fields[rate]}}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    ]
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(name, total=total, rate="", note="")
        yield _Drawn(progress, task, time.monotonic())
