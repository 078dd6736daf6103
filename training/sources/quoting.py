"""Splitting lines of text into rows of cells, and losing no row to another row's stray quote.

Lines come in, rows with their line numbers go out to `training.sources.delimited`.
"""

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from training.sources.chunks import Fault

_LONGEST_CELL = 1 << 20
"""Characters; Python's own limit of 131,072 is too short for long lists, and none at all lets a quote eat a file."""


@dataclass(frozen=True)
class Rows:
    """Consecutive rows.

    Attributes:
        cells: Of each row, as many as the header has.
        lines: At which each row starts, from 1.
        faults: Rows whose cells were cut or padded, by their place among these rows.
    """

    cells: list[list[str]]
    lines: list[int]
    faults: list[Fault]


class RowReader:
    """The rows of a text. Lines with nothing in them are no rows.

    A quote that opens and never closes costs its own line, not those that it would swallow.

    Args:
        stream: Lines with their ends.
        separator: One character.

    Attributes:
        width: Number of cells that a row should have; None as long as the header is unknown.
    """

    def __init__(self, stream: Iterator[str], separator: str) -> None:
        csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CELL))
        self.width: int | None = None
        self._separator = separator
        self._lines = _Lines(stream)
        self._reader = csv.reader(self._lines, delimiter=separator, strict=True)
        self._line = 1

    def take(self, count: int) -> Rows:
        """The next ``count`` rows, or those that are left."""
        if self.width is None:
            return self._take_carefully(count)
        lines = self._lines.take(count)
        cells = self._split_plain(lines)
        if cells is None:
            self._lines.put_back(lines)
            return self._take_carefully(count)
        first, self._line = self._line, self._line + len(lines)
        return Rows(cells, list(range(first, self._line)), [])

    def _split_plain(self, lines: Sequence[str]) -> list[list[str]] | None:
        """The cells where every line is one row and has the right number of them, as nearly always; else None."""
        try:
            cells = list(csv.reader(lines, delimiter=self._separator, strict=True))
        except csv.Error:
            return None
        return cells if len(cells) == len(lines) and {self.width}.issuperset(map(len, cells)) else None

    def _take_carefully(self, count: int) -> Rows:
        rows = Rows([], [], [])
        while len(rows.cells) < count:
            self._lines.taken.clear()
            try:
                cells = next(self._reader)
                reason = self._odd_width(cells)
            except StopIteration:
                break
            except csv.Error as error:
                cells, reason = [], f"quotes do not match: {error}"
            if reason is not None:
                cells = self._set_apart(rows, cells, reason)
            if cells:
                rows.cells.append(cells)
                rows.lines.append(self._line)
            self._line += len(self._lines.taken)
        return rows

    def _odd_width(self, cells: Sequence[str]) -> str | None:
        if not cells or self.width is None or len(cells) == self.width:
            return None
        return f"expected {self.width} fields, got {len(cells)}"

    def _set_apart(self, rows: Rows, cells: list[str], reason: str) -> list[str]:
        """List the row that was just taken among the faults; its cells, cut or padded to the width, come back."""
        taken = self._lines.taken
        if len(taken) > 1 and (not cells or any(map(self._is_whole, taken[1:]))):
            # Quotes do not match, or a later line is a row of its own: the quote that made one of them was a stray.
            self._lines.put_back(taken[1:])
            del taken[1:]
            cells, reason = [], "a quote opens that is not closed"
        text = "".join(taken).rstrip("\r\n")
        rows.faults.append(Fault(len(rows.cells), reason, cells or text))
        cells = cells or text.split(self._separator)
        width = len(cells) if self.width is None else self.width
        return (cells + [""] * width)[:width]

    def _is_whole(self, line: str) -> bool:
        try:
            cells = next(csv.reader([line], delimiter=self._separator, strict=True), [])
        except csv.Error:
            return False
        return len(cells) == self.width


class _Lines:
    """Lines that can be put back and are then read again."""

    def __init__(self, stream: Iterator[str]) -> None:
        self._stream = stream
        self._again: deque[str] = deque()
        self.taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._stream)
        self.taken.append(line)
        return line

    def take(self, count: int) -> list[str]:
        """The next ``count`` lines, or those that are left."""
        again = [self._again.popleft() for _ in range(min(count, len(self._again)))]
        return again + list(islice(self._stream, count - len(again)))

    def put_back(self, lines: Sequence[str]) -> None:
        self._again.extendleft(reversed(lines))
