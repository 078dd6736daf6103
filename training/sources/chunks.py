"""What every format makes of a file: chunks of rows that can be asked for a column.

Each format is a sibling of the same shape, a `Format` with its `Cells`; `training.log.columns` reads the values.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.spec import RawKind

CHUNK_ROWS = 100_000
"""Of logs and tables, unless somebody says otherwise."""


@dataclass(frozen=True)
class Fault:
    """A row that is not even a row: its place in the chunk, the reason, and its cells or its text as they came."""

    place: int
    reason: str
    row: Sequence[str] | str


class Cells(Protocol):
    """The rows of a chunk in the form that suits their format."""

    @property
    def text(self) -> bool:
        """Whether the values are cells of text rather than typed values."""

    def values(self, column: str, kind: RawKind) -> list[Any]:
        """The values of a column of the file, one per row, fit to be read as `kind`."""

    def row(self, place: int) -> Sequence[object]:
        """The values of one row, for people to look at."""

    def frame(self, columns: Sequence[str]) -> pl.DataFrame:
        """All rows as they came, those with a fault cut or padded; ``columns`` gives the order."""


@dataclass(frozen=True)
class SourceChunk:
    """Consecutive rows of one file, those with a fault too.

    Attributes:
        file: Where the rows come from.
        cells: The rows.
        lines: Line, or record number in a binary file, at which each row starts; from 1, shape ``(size,)``.
        faults: The rows that could not be split into cells, by place; their values mean nothing.
        done: Share of what there is to read that was read when the chunk was complete, in [0, 1].
    """

    file: Path
    cells: Cells
    lines: NDArray[np.int64]
    faults: tuple[Fault, ...]
    done: float

    @property
    def size(self) -> int:
        """Number of rows, those with a fault too."""
        return len(self.lines)


class Format(Protocol):
    """One way of writing rows into a file."""

    def columns(self, path: Path) -> tuple[str, ...]:
        """Names of the columns, in their order; empty for a file without anything in it."""

    def chunks(self, path: Path, rows: int, columns: Sequence[str]) -> Iterator[SourceChunk]:
        """The file's rows, at most ``rows`` at a time; ``columns``, at least one, are those that will be asked for."""
