"""CSV and TSV files: bytes in, chunks of cells out, column by column.

`training.sources.source` chooses this format by the ending .csv or .tsv.
"""

import codecs
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, ClassVar, Self

import numpy as np
import polars as pl

from features.spec import RawKind
from training.errors import DataError
from training.sources.chunks import Fault, SourceChunk
from training.sources.files import opened
from training.sources.quoting import RowReader, Rows

_BLOCK = 500
"""Rows split at once: measured to be the quickest, as the garbage collector never sees more lists than that."""


@dataclass(frozen=True)
class TextCells:
    """Text, column by column; each column has a cell for every row."""

    columns: dict[str, list[str]]
    text: ClassVar[bool] = True

    def values(self, column: str, kind: RawKind) -> list[str]:  # noqa: ARG002  # text can be read as anything
        return self.columns[column]

    def row(self, place: int) -> list[str]:
        return [cells[place] for cells in self.columns.values()]

    def frame(self, columns: Sequence[str]) -> pl.DataFrame:
        return pl.DataFrame({column: pl.Series(self.columns[column], dtype=pl.String) for column in columns})


class Delimited:
    """Text whose first row names the columns and whose cells stand between separators, quoted where need be."""

    def __init__(self, separator: str) -> None:
        self._separator = separator

    def columns(self, path: Path) -> tuple[str, ...]:
        with opened(path) as file, _text(file.stream, path) as text:
            header = RowReader(text, self._separator).take(1)
        if header.faults:
            fault = header.faults[0]
            raise DataError(f"{path}: expected a header, got {str(fault.row)[:80]!r}: {fault.reason}")
        return tuple(header.cells[0]) if header.cells else ()

    def chunks(self, path: Path, rows: int, columns: Sequence[str]) -> Iterator[SourceChunk]:  # noqa: ARG002
        with opened(path) as file, _text(file.stream, path) as text:
            reader = RowReader(text, self._separator)
            header = reader.take(1).cells[0]
            reader.width = len(header)
            while (part := _Part.read(reader, header, rows)).lines:
                yield part.as_chunk(path, file.done)


@dataclass
class _Part:
    """A chunk that is being filled."""

    columns: dict[str, list[str]]
    lines: list[int] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @classmethod
    def read(cls, reader: RowReader, header: Sequence[str], rows: int) -> Self:
        """As many rows as there are, at most ``rows``."""
        part = cls({column: [] for column in header})
        while lacking := rows - len(part.lines):
            block = reader.take(min(lacking, _BLOCK))
            if not block.cells:
                break
            part.add(block)
        return part

    def add(self, block: Rows) -> None:
        # Transposed soon, so that few of Python's lists are alive at a time: its garbage collector visits them all.
        for column, cells in zip(self.columns.values(), zip(*block.cells, strict=True), strict=True):
            column.extend(cells)
        self.faults += [replace(fault, place=fault.place + len(self.lines)) for fault in block.faults]
        self.lines += block.lines

    def as_chunk(self, path: Path, done: float) -> SourceChunk:
        return SourceChunk(
            file=path,
            cells=TextCells(self.columns),
            lines=np.asarray(self.lines, dtype=np.int64),
            faults=tuple(self.faults),
            done=done,
        )


def _text(stream: "io.BufferedReader[Any]", path: Path) -> IO[str]:
    if stream.peek(2)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        raise DataError(f"{path}: expected text in UTF-8, got UTF-16: save the file as UTF-8")
    # Bytes that are no UTF-8 become U+FFFD: one damaged name is no reason to stop.
    return io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")
