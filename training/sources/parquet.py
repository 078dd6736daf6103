"""Parquet files: typed columns in, chunks of a data frame out, a few row groups in memory at a time.

The fields of a struct are columns too, such as ``user.id``.

`training.sources.source` chooses this format by the ending .parquet.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl

from features.spec import RawKind
from training.errors import DataError
from training.sources.chunks import SourceChunk
from training.sources.files import refusing_damage


@dataclass(frozen=True)
class TableCells:
    """A slice of the file's table."""

    table: pl.DataFrame
    text: ClassVar[bool] = False

    def values(self, column: str, kind: RawKind) -> list[Any]:
        return _plain(self.table[column], kind).to_list()

    def row(self, place: int) -> tuple[object, ...]:
        return self.table.row(place)

    def frame(self, columns: Sequence[str]) -> pl.DataFrame:
        return self.table.select(columns)


class Parquet:
    """Columns of one type each, in row groups."""

    def columns(self, path: Path) -> tuple[str, ...]:
        if path.is_file() and path.stat().st_size == 0:
            return ()
        with _refusing_other_formats(path):
            return tuple(_scan(path).collect_schema().names())

    def chunks(self, path: Path, rows: int, columns: Sequence[str]) -> Iterator[SourceChunk]:
        with _refusing_other_formats(path):
            scan = _scan(path)
            total = scan.select(pl.len()).collect().item()
            before = 0
            for batch in scan.select(columns).collect_batches(chunk_size=rows, maintain_order=True):
                for table in batch.iter_slices(rows):
                    lines = np.arange(before + 1, before + table.height + 1, dtype=np.int64)
                    before += table.height
                    yield SourceChunk(path, TableCells(table), lines, faults=(), done=before / total)


@contextmanager
def _refusing_other_formats(path: Path) -> Iterator[None]:
    with refusing_damage(path):
        try:
            yield
        except pl.exceptions.PolarsError as error:
            raise DataError(f"{path}: expected a Parquet file, got: {error}") from error


def _scan(path: Path) -> pl.LazyFrame:
    # A path is one file, whatever its name looks like, and has the columns that it holds.
    table = pl.scan_parquet(path, glob=False, hive_partitioning=False)
    while pl.Struct in (schema := table.collect_schema()).dtypes():
        table = table.select(
            part
            for name, kind in schema.items()
            for part in (_fields(name, kind) if isinstance(kind, pl.Struct) else [pl.col(name)])
        )
    return table


def _fields(name: str, kind: pl.Struct) -> list[pl.Expr]:
    return [pl.col(name).struct.field(field.name).alias(f"{name}.{field.name}") for field in kind.fields]


def _plain(series: pl.Series, kind: RawKind) -> pl.Series:
    """The column with types that JSON has too, so that the same value is read the same from every format."""
    match series.dtype:
        case pl.Date if kind is RawKind.TIME:
            return series.cast(pl.Datetime("ms"))
        case pl.Date | pl.Datetime if kind is not RawKind.TIME:
            return series.cast(pl.String)
        case pl.Time | pl.Categorical | pl.Enum:
            return series.cast(pl.String)
        case pl.Decimal | pl.Float32 | pl.Float64:
            return series.to_frame().select(_finite(pl.first())).to_series()
        case pl.List(inner=pl.Decimal | pl.Float32 | pl.Float64):
            return series.list.eval(_finite(pl.element()))
        case _:
            return series


def _finite(numbers: pl.Expr) -> pl.Expr:
    """The numbers without NaN and infinities, by which programs without nulls say that there is none."""
    # By way of its shortest text, a float32 of 0.1 stays 0.1 and does not become 0.10000000149.
    numbers = numbers.cast(pl.String).cast(pl.Float64)
    return pl.when(numbers.is_finite()).then(numbers)
