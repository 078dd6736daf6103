"""A table of users or items, read whole into memory, and what a log's keys find in it.

The task file's `TableConfig` comes in; the log reader looks up the columns that the log does not have.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from features.raw import MISSING_TEXT
from features.spec import RawInput
from training.config import DataConfig, TableConfig
from training.errors import DataError
from training.log.columns import RowsReader, as_text, filled
from training.sources import CHUNK_ROWS, Source, SourceChunk, open_source

_KNOWN = "known"
_RAW = "raw "
_KEPT = "kept "


@dataclass(frozen=True)
class Found:
    """What a table has for the rows of a log.

    Attributes:
        raw: The raw inputs that were asked for, one row per key, missing where the key is unknown.
        kept: The other columns that were asked for, as text.
        unknown: Number of keys that the table lacks.
    """

    raw: pl.DataFrame
    kept: pl.DataFrame
    unknown: int


class Table:
    """Some columns of a table, by key.

    Args:
        key: Name of the key column.
        raw_inputs: The typed columns.
        keep: The columns that stay text.
        rows: A key per row, with `_KNOWN`, which is null only where a join found nothing, and the prefixed columns.
    """

    def __init__(
        self, key: str, raw_inputs: Sequence[RawInput], keep: Sequence[str], rows: pl.DataFrame
    ) -> None:
        self.key = key
        self._raw_inputs = tuple(raw_inputs)
        self._keep = tuple(keep)
        self._rows = rows

    def __len__(self) -> int:
        return self._rows.height

    def look_up(self, keys: pl.Series) -> Found:
        """The table's columns for every key, in the order of the keys; a missing key is an unknown one."""
        rows = pl.DataFrame({self.key: keys}).join(self._rows, on=self.key, how="left", maintain_order="left")
        return Found(
            raw=pl.DataFrame([filled(raw, _named(rows, _RAW, raw.column)) for raw in self._raw_inputs]),
            kept=pl.DataFrame([filled(as_text(name), _named(rows, _KEPT, name)) for name in self._keep]),
            unknown=rows[_KNOWN].null_count(),
        )


def open_table(table: TableConfig, data: DataConfig, root: Path, *, what: str) -> Source:
    """The files of a table.

    Raises:
        DataError: If there is none, it is empty or it has no column with the key.
    """
    source = open_source(table.path, root, data, what=what)
    source.require(table.key, "the key of the table")
    return source


def read_table(
    source: Source, key: str, raw_inputs: Sequence[RawInput], keep: Sequence[str], data: DataConfig
) -> Table:
    """Read some columns of a whole table.

    Args:
        source: Its files.
        key: Column with the id; read as text, like the log's.
        raw_inputs: Columns to read as their types.
        keep: Columns to read as text.
        data: Says which cells mean missing.

    Raises:
        DataError: If a row or a cell cannot be read, or a key is missing or comes twice. Tables are curated, so that
            none of their rows is set apart: a user without features would go unnoticed.
    """
    columns = {key, *(raw.column for raw in raw_inputs), *keep}
    parts: list[pl.DataFrame] = []
    for chunk in source.chunks(CHUNK_ROWS, columns):
        rows = RowsReader(chunk, source, data)
        keys = rows.texts(key)
        for index in (keys == MISSING_TEXT).arg_true():
            rows.refuse(index, f"column {key!r}: expected a key, got nothing")
        typed = [rows.series(raw).alias(_RAW + raw.column) for raw in raw_inputs]
        kept = [rows.texts(name).alias(_KEPT + name) for name in keep]
        _refuse_bad_rows(source, chunk, rows)
        known = pl.int_range(len(keys), eager=True).alias(_KNOWN)
        parts.append(pl.DataFrame([keys, known, *typed, *kept]))
    table = pl.concat(parts)
    _check_unique(source, key, table[key])
    return Table(key, raw_inputs, keep, table)


def _named(rows: pl.DataFrame, prefix: str, name: str) -> pl.Series:
    return rows[prefix + name].alias(name)


def _refuse_bad_rows(source: Source, chunk: SourceChunk, rows: RowsReader) -> None:
    reasons = {fault.place: fault.reason for fault in chunk.faults}
    reasons |= {int(rows.places[index]): reason for index, reason in rows.reasons.items()}
    if reasons:
        place = min(reasons)
        raise DataError(
            f"{source.what} {chunk.file}, line {chunk.lines[place]}: {reasons[place]}; mend it (every row of a table "
            "must be readable; data.missing_values names cells that mean missing)"
        )


def _check_unique(source: Source, key: str, keys: pl.Series) -> None:
    twice = keys.filter(keys.is_duplicated())
    if len(twice):
        first = twice[0]
        places = (keys == first).arg_true().to_list()
        raise DataError(
            f"{source.shown}: expected every {key!r} once, got {first!r} {len(places)} times "
            f"(as rows {', '.join(str(place + 1) for place in places[:5])}) and {twice.n_unique() - 1} more such keys; "
            "keep one row of each"
        )
