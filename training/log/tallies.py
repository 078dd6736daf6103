"""What a data check counts while the log passes by, in memory that does not grow with it.

Chunks of typed columns come in; counts, ranges and shares go out to `training.log.survey`.
"""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.moments import epoch_ms, moment_of
from features.raw import MISSING_TIME
from features.spec import RawInput, RawKind
from training.log.columns import is_missing
from training.univariate import (
    BINS,
    EARLIER,
    OUTCOMES_TO_JUDGE,
    auc_alone,
    bin_codes,
    enough_to_judge,
    value_codes,
)

DISTINCT_CAP = 10_000
"""Distinct values are counted up to here."""

MOST_SAMPLED = 100_000
"""Impressions of a column that are kept, at most, to see how well it tells clicks."""

_MOST_KEYS = 200_000
_WHOLE = r"^-?\d+\.0$"


class ColumnTally:
    """One raw input over the whole log.

    Attributes:
        raw: The column.
        distinct: Number of different values (tokens, for lists); None when there are more than `DISTINCT_CAP`.
    """

    def __init__(self, raw: RawInput) -> None:
        self.raw = raw
        self._present = np.zeros(2, dtype=np.int64)  # of rows without, with a click
        self._rows = np.zeros(2, dtype=np.int64)
        self._values: set[object] | None = set()
        self._lowest = [np.inf, np.inf]
        self._highest = [-np.inf, -np.inf]
        self._sample = _Sample()

    def add(self, series: pl.Series, clicked: NDArray[np.int8]) -> None:
        """Count some impressions: their values and their clicks, both of length ``n``."""
        self._sample.add(series, clicked)
        present = ~is_missing(self.raw.kind, series)
        for outcome in (0, 1):
            self._rows[outcome] += int((clicked == outcome).sum())
            mask = present & pl.Series(clicked == outcome)
            self._present[outcome] += int(mask.sum())
            if self.raw.kind is RawKind.NUMBER and mask.any():
                numbers = series.filter(mask).to_numpy()
                self._lowest[outcome] = min(self._lowest[outcome], float(numbers.min()))
                self._highest[outcome] = max(self._highest[outcome], float(numbers.max()))
        if self._values is not None:
            values = series.filter(present)
            tokens = values.explode() if self.raw.kind is RawKind.TEXTS else values
            self._values.update(tokens.unique())
            if len(self._values) > DISTINCT_CAP:
                self._values = None

    @property
    def missing(self) -> float | None:
        """Share of impressions without a value; None when none was counted."""
        rows = int(self._rows.sum())
        return 1.0 - float(self._present.sum() / rows) if rows else None

    @property
    def distinct(self) -> int | None:
        return None if self._values is None else len(self._values)

    @property
    def constant(self) -> bool:
        """Whether every impression has a value, and they are all the same."""
        return self.distinct == 1 and self.missing == 0

    def whole_number_with_fraction(self) -> str | None:
        """One of the texts, where all that were sampled are whole numbers as `17.0`; None where they are not, or no texts."""
        if self.raw.kind not in {RawKind.TEXT, RawKind.TEXTS}:
            return None
        values, _ = self._sample.taken()
        values = values.filter(~is_missing(self.raw.kind, values))
        tokens = values.explode() if self.raw.kind is RawKind.TEXTS else values
        return str(tokens[0]) if len(tokens) and tokens.str.contains(_WHOLE).all() else None

    def gives_clicks_away(self) -> bool:
        """Whether the column alone tells every click from every non-click.

        True where all its numbers of one outcome lie above those of the other, or it has a value exactly where the
        outcome is one of the two; undecided, so False, with fewer than `OUTCOMES_TO_JUDGE` impressions of an outcome.
        """
        if self._rows.min() < OUTCOMES_TO_JUDGE:
            return False
        if self._present.min() == 0 and self._present.max() == self._rows[self._present.argmax()]:
            return True
        apart = self._highest[0] < self._lowest[1] or self._highest[1] < self._lowest[0]
        return bool(self.raw.kind is RawKind.NUMBER and self._present.min() > 0 and apart)

    def auc_alone(self) -> float | None:
        """AUC on the later part of a sample of the click rates that the column's values have in the earlier one.

        In [0.5, 1]; None where the later part has too few impressions of either outcome to say.
        """
        values, clicked = self._sample.taken()
        learned = np.arange(len(clicked)) < EARLIER * len(clicked)
        if not enough_to_judge(clicked[~learned]):
            return None
        found = auc_alone(_codes(self.raw.kind, values), clicked, learned)
        return None if found is None else max(found, 1.0 - found)


class _Sample:
    """Every so many-th impression of one column, evenly spread over the log, with its click."""

    def __init__(self) -> None:
        self._values: list[pl.Series] = []
        self._clicked: list[NDArray[np.int8]] = []
        self._seen = 0
        self._kept = 0
        self._stride = 1

    def add(self, series: pl.Series, clicked: NDArray[np.int8]) -> None:
        taken = np.arange(-self._seen % self._stride, len(series), self._stride)
        self._seen += len(series)
        self._values.append(series.gather(taken))
        self._clicked.append(clicked[taken])
        self._kept += len(taken)
        while self._kept > MOST_SAMPLED:
            values, flags = self.taken()
            self._values, self._clicked = [values.gather_every(2)], [flags[::2]]
            self._kept = len(self._clicked[0])
            self._stride *= 2

    def taken(self) -> tuple[pl.Series, NDArray[np.int8]]:
        """Values and labels of the sample, in the order of the log, both of length ``n``."""
        if not self._values:
            return pl.Series(dtype=pl.Null), np.empty(0, np.int8)
        return pl.concat(self._values), np.concatenate(self._clicked)


class RepeatTally:
    """How many impressions repeat an earlier one's keys, estimated from keys chosen by their hash.

    All impressions with the same keys are chosen or none is, so that the share among them is that of the log. The
    choice is halved whenever it outgrows 200,000 keys; up to there the share is exact.
    """

    def __init__(self) -> None:
        self._hashes = np.empty(0, dtype=np.uint64)
        self._counts = np.empty(0, dtype=np.int64)
        self._mask = np.uint64(0)

    def add(self, keys: Sequence[pl.Series]) -> None:
        """Count some impressions by the series that identify one."""
        hashes = pl.DataFrame(keys).hash_rows(seed=0).to_numpy()
        chosen = hashes[(hashes & self._mask) == 0]
        together = np.concatenate([self._hashes, chosen])
        weights = np.concatenate([self._counts, np.ones(len(chosen), dtype=np.int64)])
        self._hashes, places = np.unique(together, return_inverse=True)
        self._counts = np.bincount(places, weights=weights, minlength=len(self._hashes)).astype(np.int64)
        while len(self._hashes) > _MOST_KEYS:
            self._mask = (self._mask << np.uint64(1)) | np.uint64(1)
            kept = (self._hashes & self._mask) == 0
            self._hashes, self._counts = self._hashes[kept], self._counts[kept]

    @property
    def share(self) -> float | None:
        """Share of impressions that repeat an earlier one; None when none was counted."""
        rows = int(self._counts.sum())
        return 1.0 - len(self._hashes) / rows if rows else None


class TimeTally:
    """When impressions happened.

    Attributes:
        first: Earliest time, UTC; None before any impression.
        last: Latest time, UTC.
        in_order: Whether no impression is earlier than the one before it in the log.
        future: Number of impressions later than ``now``; 0 where that is None.
    """

    def __init__(self, now: datetime | None) -> None:
        self.first: datetime | None = None
        self.last: datetime | None = None
        self.in_order = True
        self.future = 0
        self._now_ms = None if now is None else epoch_ms(now)
        self._previous_ms = MISSING_TIME

    def add(self, time_ms: NDArray[np.int64]) -> None:
        """Count the times of some impressions, shape ``(n,)``, in the order of the log."""
        if not len(time_ms):
            return
        first, last = moment_of(int(time_ms.min())), moment_of(int(time_ms.max()))
        self.first = first if self.first is None else min(first, self.first)
        self.last = last if self.last is None else max(last, self.last)
        rising = bool((np.diff(time_ms) >= 0).all()) and int(time_ms[0]) >= self._previous_ms
        self.in_order = self.in_order and rising
        self._previous_ms = int(time_ms[-1])
        if self._now_ms is not None:
            self.future += int((time_ms > self._now_ms).sum())


def _codes(kind: RawKind, series: pl.Series) -> NDArray[np.int64]:
    """A code per value, of numbers with many values per bin of them, 0 for missing; shape ``(n,)``."""
    missing = is_missing(kind, series).to_numpy()
    if kind in {RawKind.NUMBER, RawKind.TIME} and series.n_unique() > BINS:
        return bin_codes(np.where(missing, np.nan, series.to_numpy()), BINS)
    return value_codes(series, missing)
