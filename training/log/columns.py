"""From the values of a file's chunk to typed columns, by the one table in `features.raw`.

Source chunks come in; Polars series, and the reasons why some rows cannot be used, go out to the readers of logs and
tables.
"""

from collections.abc import Sequence
from itertools import compress
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.raw import MISSING_TEXT, MISSING_TIME, Unreadable, Value, missing, read_column, to_array
from features.spec import RawInput, RawKind, Side
from training.config import DataConfig
from training.sources import Source, SourceChunk


class RowsReader:
    """The rows of one chunk, read column by column.

    Args:
        chunk: The rows; those with a fault are left out.
        source: Knows the columns' names in the file.
        data: Says which cells of text files mean missing and how their numbers are written.

    Attributes:
        places: Of the rows without a fault within the chunk, shape ``(n,)``.
        reasons: Why a row cannot be used, by its index among `places`; the first reason counts.
    """

    def __init__(self, chunk: SourceChunk, source: Source, data: DataConfig) -> None:
        self._chunk = chunk
        self._source = source
        self._missing = frozenset(data.missing_values) - {MISSING_TEXT} if chunk.cells.text else frozenset()
        self._commas = chunk.cells.text and data.decimal == ","
        self._whole = np.ones(chunk.size, dtype=bool)
        self._whole[[fault.place for fault in chunk.faults]] = False
        self.places: NDArray[np.int64] = np.flatnonzero(self._whole)
        self.reasons: dict[int, str] = {}
        self._series: dict[tuple[object, ...], tuple[pl.Series, list[Unreadable]]] = {}

    def refuse(self, index: int, reason: str) -> None:
        """Note that a row cannot be used; it keeps the reason that it has already."""
        self.reasons.setdefault(index, reason)

    def values(self, column: str, kind: RawKind = RawKind.TEXT) -> list[Any]:
        """The values of a column, as they are in the file but for missing ones, length ``n``."""
        values = self._chunk.cells.values(self._source.names[column], kind)
        if self._chunk.faults:
            values = list(compress(values, self._whole))
        if self._missing:
            values = [MISSING_TEXT if cell in self._missing else cell for cell in values]
        return values

    def series(self, raw: RawInput) -> pl.Series:
        """One column as its type; a row with an unreadable value is refused and missing in the result."""
        series, problems = self._read(raw)
        for problem in problems:
            self.refuse(problem.row, f"column {raw.column!r}: {problem.reason}")
        return series

    def series_or_missing(self, raw: RawInput) -> pl.Series:
        """One column as its type; an unreadable value is just missing."""
        return self._read(raw)[0]

    def texts(self, column: str) -> pl.Series:
        """One column as text."""
        return self.series(as_text(column))

    def _read(self, raw: RawInput) -> tuple[pl.Series, list[Unreadable]]:
        # A key is often a feature too, and the time of the impression nearly always: once is enough.
        how = (raw.column, raw.kind, raw.separator, raw.time)
        if how not in self._series:
            values = self.values(raw.column, raw.kind)
            if raw.kind is RawKind.NUMBER and self._commas:
                values = with_points(values)
            if raw.kind is RawKind.TIME and not (self._chunk.cells.text or self._source.noted):
                values = _as_written(raw, values)
            column, problems = read_column(raw, values, text=self._chunk.cells.text)
            self._series[how] = to_series(raw, column), problems
        return self._series[how]


def with_points(cells: Sequence[str]) -> list[str]:
    """Numbers with a decimal comma as numbers with a point; what has no comma stays as it is."""
    return [cell.replace(".", "").replace(",", ".") if "," in cell else cell for cell in cells]


def as_text(column: str) -> RawInput:
    """A column that is text, whatever else it may be for the model."""
    return RawInput(column=column, side=Side.CONTEXT, kind=RawKind.TEXT)


def to_series(raw: RawInput, column: Sequence[Value]) -> pl.Series:
    """Read values as a series: String, Float32, Int64 or List(String), named by the column."""
    match raw.kind:
        case RawKind.NUMBER | RawKind.TIME:
            return pl.Series(raw.column, to_array(raw, column))
        case RawKind.TEXT:
            return pl.Series(raw.column, column, dtype=pl.String)
        case RawKind.TEXTS:
            return pl.Series(raw.column, column, dtype=pl.List(pl.String))


def filled(raw: RawInput, series: pl.Series) -> pl.Series:
    """The series with null, which a join leaves where it finds nothing, turned into the kind's missing value."""
    return series.fill_null(to_series(raw, [missing(raw)]))


def is_missing(kind: RawKind, series: pl.Series) -> pl.Series:
    """Where a column of this kind has no value, shape ``(n,)``."""
    match kind:
        case RawKind.NUMBER:
            return series.is_nan()
        case RawKind.TIME:
            return series == MISSING_TIME
        case RawKind.TEXT:
            return series == MISSING_TEXT
        case RawKind.TEXTS:
            return series.list.len() == 0


def _as_written(raw: RawInput, values: list[Any]) -> list[Any]:
    """Numbers as text where the task file says how times are written.

    A request's integers are milliseconds, always, and what the service notes has them as requests do; a file's are what
    its `TimeColumn` says, as in a text file.
    """
    if raw.time.format in {"auto", "epoch_ms"}:
        return values
    return [
        str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
        for value in values
    ]
