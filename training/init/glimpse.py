"""One pass over an unknown log or table: counts of all of it, and impressions spread evenly over it.

Files come in through the readers that training uses; a `Glimpse` goes out to every decision of this room. Memory is
bounded by the number of impressions to keep.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np
import polars as pl

from features.spec import RawKind
from training.log.labels import label_key
from training.progress import Bar
from training.sources import Source, SourceChunk

_CHUNK_ROWS = 50_000
_MOST_HASHES = 100_000
_MOST_LABELS = 1_000


@dataclass(frozen=True)
class Glimpse:
    """What is known of a log.

    Attributes:
        rows: All readable rows.
        stride: Every so many-th row was kept.
        text: Whether the values are cells of text.
        values: Column -> values of the kept rows, as the file has them, in the order of the log.
        distinct: Column -> number of different values in the whole log; an estimate (1 %) beyond 100,000.
        labels: How often the label column holds which value; empty for a table.
    """

    rows: int
    stride: int
    text: bool
    values: dict[str, list[Any]]
    distinct: dict[str, int]
    labels: Counter[str]

    @property
    def kept(self) -> int:
        """Number of kept rows."""
        return len(next(iter(self.values.values())))


def look_at(source: Source, *, rows: int, label: str | None, bar: Bar) -> Glimpse:
    """Read a log or a table once.

    Args:
        source: The files.
        rows: Rows to keep, at least (where there are so many) and at most twice as many.
        label: Column whose values are all counted, if there is one.
        bar: Told about every chunk.

    Raises:
        DataError: If there is nothing to read.
    """
    sample = _Sample(source, rows)
    distinct = {name: DistinctSketch() for name in source.names}
    labels: Counter[str] = Counter()
    text = True
    for chunk in source.chunks(_CHUNK_ROWS):
        text = chunk.cells.text
        sample.add(chunk)
        frame = chunk.cells.frame(list(source.names.values()))
        for name, old in source.names.items():
            if not frame[old].dtype.is_nested():
                distinct[name].add(_told_apart(frame[old]))
        if label is not None and len(labels) < _MOST_LABELS:
            values = chunk.cells.values(source.names[label], RawKind.TEXT)
            labels.update(label_text(value) for value in values if label_key(value) is not None)
        bar.advance(chunk.size)
    return Glimpse(
        rows=sample.rows,
        stride=sample.stride,
        text=text,
        values=sample.values,
        distinct={name: sketch.count for name, sketch in distinct.items()},
        labels=labels,
    )


def label_text(value: object) -> str:
    """How a value of the label column is counted."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).strip()


def _told_apart(values: pl.Series) -> pl.Series:
    """A text per value, which differs where the values do."""
    if values.dtype == pl.Duration:
        values = values.dt.total_microseconds()
    return values.bin.encode("hex") if values.dtype == pl.Binary else values.cast(pl.String)


class DistinctSketch:
    """Counts different values in bounded memory: exactly up to 100,000, then from those chosen by their hash.

    Source:
        Gibbons, "Distinct Sampling for Highly-Accurate Answers to Distinct Values Queries", VLDB 2001.
    """

    def __init__(self) -> None:
        self._hashes = pl.Series("hash", [], dtype=pl.UInt64)
        self._bits = 0

    def add(self, values: pl.Series) -> None:
        """Take in some values; null and the empty text are none."""
        present = values.filter(values.fill_null("") != "").unique()
        self._hashes = pl.concat([self._hashes, self._chosen(present.hash(seed=0).alias("hash"))]).unique()
        while len(self._hashes) > _MOST_HASHES:
            self._bits += 1
            self._hashes = self._chosen(self._hashes)

    def _chosen(self, hashes: pl.Series) -> pl.Series:
        return hashes.filter(hashes % (1 << self._bits) == 0)

    @property
    def count(self) -> int:
        """How many different values there were."""
        return len(self._hashes) << self._bits


class _Sample:
    """Every ``stride``-th row; the stride doubles when there are too many."""

    def __init__(self, source: Source, rows: int) -> None:
        self._source = source
        self._most = 2 * rows
        self._taken = 0
        self.rows = 0
        self.stride = 1
        self.values: dict[str, list[Any]] = {name: [] for name in source.names}

    def add(self, chunk: SourceChunk) -> None:
        whole = np.ones(chunk.size, dtype=bool)
        whole[[fault.place for fault in chunk.faults]] = False
        numbers = self.rows + np.cumsum(whole) - 1
        wanted = whole & (numbers % self.stride == 0)
        for name, old in self._source.names.items():
            self.values[name] += compress(chunk.cells.values(old, RawKind.TEXT), wanted)
        self.rows += int(whole.sum())
        self._taken += int(wanted.sum())
        while self._taken > self._most:
            self.stride *= 2
            self.values = {name: values[::2] for name, values in self.values.items()}
            self._taken = (self._taken + 1) // 2
