"""What values a column had: small histograms that travel with a version, and how far other values are from them.

`training.retraining.profile` counts them and `training.retraining.drift` compares a newer log; `assets.extra/profile.json` keeps them for
`service.watch.features`, which watches live traffic.
"""

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from features.document import Document
from features.spec import RawKind
from features.values import MISSING_TEXT, MISSING_TIME


class ColumnProfile(Document):
    """A histogram of one raw column, over a sample of impressions.

    Numbers: ``counts[i]`` lie in ``[edges[i - 1], edges[i])``. Texts and lists: ``counts[i]`` are ``tokens[i]``, and the
    last count is every other token. Times: no counts, only what is missing.
    """

    kind: RawKind
    edges: tuple[float, ...] = Field(default=(), description="rising")
    tokens: tuple[str, ...] = Field(default=(), description="the most frequent ones")
    counts: tuple[int, ...] = ()
    missing: int = Field(ge=0)

    def bins(self) -> tuple[str, ...]:
        """What each count is, in words; the last one is what is missing."""
        if self.kind is RawKind.NUMBER:
            ends = ["", *(f"{edge:g}" for edge in self.edges), ""]
            named = [_range(low, high) for low, high in itertools.pairwise(ends)]
        else:
            named = [repr(token) for token in self.tokens] + ["any other"] * bool(self.counts)
        return (*named, "missing")

    def all_counts(self) -> tuple[int, ...]:
        """The counts of `bins`."""
        return (*self.counts, self.missing)


class DataProfile(Document):
    """The impressions that a version was trained on, at a glance."""

    impressions: int = Field(ge=0)
    click_rate: float = Field(ge=0, le=1)
    first_ms: int | None = Field(default=None, description="null where the log has no clock")
    last_ms: int | None = None
    columns: dict[str, ColumnProfile]

    @property
    def per_day(self) -> float | None:
        """Impressions per day; None without a clock or for less than an hour."""
        if self.first_ms is None or self.last_ms is None or self.last_ms - self.first_ms < 3_600_000:
            return None
        return self.impressions * 86_400_000 / (self.last_ms - self.first_ms)


def missing_in(kind: RawKind, column: NDArray[Any]) -> int:
    """How many rows of a raw array, as `features.raw.to_array` makes it, have no value."""
    match kind:
        case RawKind.NUMBER:
            return int(np.isnan(column).sum())
        case RawKind.TIME:
            return int((column == MISSING_TIME).sum())
        case RawKind.TEXT:
            return int((column == MISSING_TEXT).sum())
        case RawKind.TEXTS:
            return len(column) - int((column != MISSING_TEXT).any(axis=1).sum())


def counts_like(before: ColumnProfile, column: NDArray[Any]) -> NDArray[np.int64]:
    """How many values of a raw array fall into each bin of `ColumnProfile.bins`, the last one being what is missing."""
    missing = missing_in(before.kind, column)
    match before.kind:
        case RawKind.NUMBER:
            present = column[~np.isnan(column)]
            places = np.searchsorted(before.edges, present, side="right")
            counts = np.bincount(places, minlength=len(before.edges) + 1).tolist()
        case RawKind.TEXT | RawKind.TEXTS:
            of = Counter(column.ravel().tolist())
            del of[MISSING_TEXT]
            named = [of[token] for token in before.tokens]
            counts = [*named, of.total() - sum(named)]
        case _:
            counts = []
    return np.array([*counts, missing], np.int64)


class Moved(NamedTuple):
    """One bin of two histograms: its name, and its share before and now."""

    name: str
    before: float
    now: float


class Drift(NamedTuple):
    """How far a column has moved: its population stability index, and its bins, the largest change of share first."""

    psi: float
    moved: tuple[Moved, ...]


def drift(before: ColumnProfile, now: Sequence[int]) -> Drift:
    """Compare a histogram with newer counts of the same bins, as `ColumnProfile.all_counts` has them.

    Returns:
        The PSI, at least 0: the sum over bins of (now - before) * ln(now / before), of shares with half an impression
        added to every bin. Below 0.1 is usually called stable, above 0.25 a shift.

    Source:
        Siddiqi, "Credit Risk Scorecards", 2006; it is the symmetric Kullback-Leibler divergence (Jeffreys 1946).
    """
    old, new = _shares(before.all_counts()), _shares(now)
    parts = [(b - a) * math.log(b / a) for a, b in zip(old, new, strict=True)]
    order = np.argsort(-np.abs(np.subtract(new, old)), kind="stable").tolist()
    names = before.bins()
    return Drift(sum(parts), tuple(Moved(names[place], old[place], new[place]) for place in order))


def _shares(counts: Sequence[int]) -> list[float]:
    total = sum(counts) + 0.5 * len(counts)
    return [(count + 0.5) / total for count in counts]


def _range(low: str, high: str) -> str:
    if not low or not high:
        return f"below {high}" if high else (f"from {low}" if low else "any number")
    return f"{low} to {high}"
