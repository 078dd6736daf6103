"""What the training slice teaches about each feature: typed frames in, a `FittedSpec` out.

Fed chunk by chunk and never with an impression of the validation or test slice. Memory grows with the number of
distinct tokens, not with the log.
"""

import math
from collections import Counter
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.fitted import (
    FittedCross,
    FittedEdges,
    FittedFeature,
    FittedRate,
    FittedScale,
    FittedSpec,
    FittedTimeZone,
    FittedVocabulary,
    NothingFitted,
)
from features.raw import MISSING_TEXT, MISSING_TIME
from features.spec import (
    Age,
    AnyFeature,
    Buckets,
    Categorical,
    Cross,
    FeatureSpec,
    MultiValued,
    Numeric,
    Rate,
    TimePart,
)

RESERVOIR = 200_000
"""Values kept for quantiles: enough to place an edge within about 0.3 % of its rank."""

_CANDIDATES = 4
"""Tokens counted at once, as a multiple of a vocabulary's largest size."""

_FEWEST_CANDIDATES = 100_000
"""As many are counted at once however small the vocabulary: what was forgotten begins at 0 when it comes back."""

_MS_PER_DAY = 86_400_000


class Statistic(Protocol):
    """Learns one feature from frames of the training slice."""

    def update(self, frame: pl.DataFrame) -> None:
        """Take in one more frame."""

    def fitted(self) -> FittedFeature:
        """What was learned so far."""


class SpecStatistics:
    """The statistics of every feature of a spec.

    Args:
        spec: What is fitted.
        rng: Draws the values that quantiles are computed from.
    """

    def __init__(self, spec: FeatureSpec, rng: np.random.Generator) -> None:
        self.spec = spec
        self._statistics = {feature.name: _statistic(feature, rng) for feature in spec.features()}

    def update(self, frame: pl.DataFrame) -> None:
        """Take in one frame of the training slice, with one column per raw input."""
        for statistic in self._statistics.values():
            statistic.update(frame)

    def fitted(self) -> FittedSpec:
        return FittedSpec(
            spec=self.spec,
            fitted={name: statistic.fitted() for name, statistic in self._statistics.items()},
        )


class Tokens:
    """How often each token of a vocabulary was seen."""

    def __init__(self, feature: Categorical | MultiValued) -> None:
        self.feature = feature
        self.counts: Counter[str] = Counter()

    def update(self, frame: pl.DataFrame) -> None:
        tokens = frame[self.feature.column]
        if isinstance(self.feature, MultiValued):
            # The encoder drops what stands behind max_length: it must not be counted either.
            tokens = tokens.list.head(self.feature.max_length).explode().drop_nulls()
        elif self.feature.fill is not None:
            tokens = tokens.replace(MISSING_TEXT, self.feature.fill)
        counted = tokens.value_counts(name="count")
        self.counts.update(dict(zip(counted.to_series(0).to_list(), counted["count"].to_list(), strict=True)))
        most = max(_CANDIDATES * self.feature.max_size, _FEWEST_CANDIDATES)
        if len(self.counts) > most:
            # A column of ever new tokens must not fill the memory: the rarest so far are forgotten.
            self.counts = Counter(dict(self.counts.most_common(most // 2)))

    def fitted(self) -> FittedVocabulary:
        frequent = [
            token
            for token, count in self.counts.items()
            # The vocabulary is an asset with one token a line: a token with a line break stays OOV.
            if count >= self.feature.min_count and token != MISSING_TEXT and not {"\n", "\r"} & set(token)
        ]
        # Ties are broken by token, so that the same log always yields the same ids.
        frequent.sort(key=lambda token: (-self.counts[token], token))
        return FittedVocabulary(tokens=tuple(frequent[: self.feature.max_size]))


class _Scale:
    """Mean, standard deviation and range, merged chunk by chunk.

    Source:
        Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979.
    """

    def __init__(self, feature: Numeric | Age) -> None:
        self.feature = feature
        self.count, self.mean, self.squares = 0, 0.0, 0.0
        self.low, self.high = math.inf, -math.inf

    def update(self, frame: pl.DataFrame) -> None:
        numbers = _numbers(self.feature, frame)
        if self.feature.scale == "log":
            numbers = np.sign(numbers) * np.log1p(np.abs(numbers))
        if not len(numbers):
            return
        mean, count = float(numbers.mean()), len(numbers)
        distance, total = mean - self.mean, self.count + count
        self.squares += float(((numbers - mean) ** 2).sum()) + distance**2 * self.count * count / total
        self.mean += distance * count / total
        self.count = total
        self.low, self.high = min(self.low, float(numbers.min())), max(self.high, float(numbers.max()))

    def fitted(self) -> FittedScale:
        if self.count == 0:
            return FittedScale(mean=0.0, std=1.0, low=0.0, high=0.0)
        std = math.sqrt(self.squares / self.count)
        # A constant feature has nothing to divide by; what is left is 0 for its one value. Small numbers are none.
        usable = std if std > 1e-9 * abs(self.mean) else 1.0
        return FittedScale(mean=self.mean, std=usable, low=self.low, high=self.high)


class _Quantiles:
    """Bucket edges from a uniform reservoir.

    Source:
        Vitter, "Random Sampling with a Reservoir", 1985 (algorithm R, in chunks).
    """

    def __init__(self, feature: Buckets, rng: np.random.Generator) -> None:
        self.feature = feature
        self.rng = rng
        self.seen = 0
        self.kept: NDArray[np.float64] = np.empty(0)

    def update(self, frame: pl.DataFrame) -> None:
        numbers = _numbers(self.feature, frame)
        room = max(0, RESERVOIR - len(self.kept))
        self.kept = np.concatenate([self.kept, numbers[:room]])
        late = numbers[room:]
        ranks = self.seen + room + 1 + np.arange(len(late))
        places = (self.rng.random(len(late)) * ranks).astype(np.int64)
        inside = places < RESERVOIR
        self.kept[places[inside]] = late[inside]
        self.seen += len(numbers)

    def fitted(self) -> FittedEdges:
        if not len(self.kept):
            return FittedEdges(edges=())
        shares = np.arange(1, self.feature.buckets) / self.feature.buckets
        edges = np.unique(np.quantile(self.kept, shares, method="higher").astype(np.float32))
        # Nothing trains a bucket below the smallest value, and `missing: lowest` or a smaller value later would be in it.
        return FittedEdges(edges=tuple(float(edge) for edge in edges if edge > self.kept.min()))


class _Average:
    """Clicks over impressions, summed over all rows as the encoder counts them: nothing negative, no click unshown."""

    def __init__(self, feature: Rate) -> None:
        self.feature = feature
        self.clicks = self.impressions = 0.0

    def update(self, frame: pl.DataFrame) -> None:
        clicked, shown = (
            np.fmax(frame[column].to_numpy().astype(np.float64), 0.0) for column in self.feature.columns
        )
        self.clicks += float(np.minimum(clicked, shown).sum())
        self.impressions += float(shown.sum())

    def fitted(self) -> FittedRate:
        # One of each keeps the average off 0 and 1, where log-odds have no value.
        average = (self.clicks + 1) / (self.impressions + 2)
        return FittedRate(average=min(max(average, _LOWEST_RATE), 1 - _LOWEST_RATE))


_LOWEST_RATE = 1e-6


class _Known:
    """What is known without the log."""

    def __init__(self, feature: AnyFeature) -> None:
        self.feature = feature

    def update(self, frame: pl.DataFrame) -> None:
        """Learns nothing."""

    def fitted(self) -> FittedFeature:
        match self.feature:
            case TimePart(time_zone=time_zone):
                return FittedTimeZone.of(time_zone)
            case Cross():
                return FittedCross()
            case _:
                return NothingFitted()


def _statistic(feature: AnyFeature, rng: np.random.Generator) -> Statistic:
    match feature:
        case Categorical() | MultiValued(like=None):
            return Tokens(feature)
        case Numeric() | Age():
            return _Scale(feature)
        case Rate():
            return _Average(feature)
        case Buckets():
            return _Quantiles(feature, rng)
        case _:
            return _Known(feature)


def _numbers(feature: Numeric | Age | Buckets, frame: pl.DataFrame) -> NDArray[np.float64]:
    """The feature's values that are not missing, float64 ``(k,)``."""
    if isinstance(feature, Age):
        since, at = frame[feature.column].to_numpy(), frame[feature.at].to_numpy()
        present = (since != MISSING_TIME) & (at != MISSING_TIME)
        return np.asarray((at[present] - since[present]) / _MS_PER_DAY, np.float64)
    numbers: NDArray[np.float32] = frame[feature.column].to_numpy()
    known = numbers[~np.isnan(numbers)]
    if feature.missing_values:
        known = known[~np.isin(known, np.asarray(feature.missing_values, np.float32))]
    return known.astype(np.float64)
