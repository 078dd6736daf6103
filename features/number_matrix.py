"""Numbers to values with a few operations on whole matrices: raw numbers and times come in, value columns go out.

`features.encode_numpy` calls it for each batch. One matrix has a row per feature, so that an operation of NumPy is paid
for once and not once per feature.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.fitted import FittedRate, FittedScale, FittedSpec
from features.layout import ValueField
from features.raw import MISSING_TIME
from features.spec import Age, AnyFeature, Numeric, Rate

Floats = NDArray[np.float32]

_DAYS_PER_MS = 1.0 / 86_400_000
_SMALLEST = np.finfo(np.float32).tiny


def flushed(numbers: Floats) -> Floats:
    """The numbers with subnormal ones as zeros: TensorFlow computes its graphs that way. NaN stays NaN."""
    normal: Floats = numbers * (np.abs(numbers) >= _SMALLEST)
    return normal


def without(numbers: NDArray[Any], absent: Floats) -> NDArray[Any]:
    """The numbers ``(n,)`` with NaN instead of those that mean missing."""
    for value in absent:
        numbers = np.where(numbers == value, np.nan, numbers)
    return numbers


class NumberMatrix:
    """The value columns of some features.

    Args:
        fitted: What was learned.
        features: Whose values; those without are skipped.
        rows: Row of each raw number column in the matrix that `encoded` takes.
        fields: The value columns, in the order in which they come out.
    """

    def __init__(
        self,
        fitted: FittedSpec,
        features: Sequence[AnyFeature],
        rows: Mapping[str, int],
        fields: Sequence[ValueField],
    ) -> None:
        places = {field.name: place for place, field in enumerate(fields)}
        self._width = len(places)
        scaled = [feature for feature in features if isinstance(feature, Numeric | Age)]
        scaled.sort(key=lambda feature: feature.scale != "log")  # stable: logarithms first
        self._scaled = _Scaled(fitted, scaled, rows, places) if scaled else None
        rates = [feature for feature in features if isinstance(feature, Rate)]
        self._rates = _Rates(fitted, rates, rows, places) if rates else None

    def encoded(self, numbers: Floats, raw: Mapping[str, NDArray[Any]]) -> Floats:
        """Values ``(n, columns)``, contiguous.

        Args:
            numbers: The raw number columns, flushed, ``(columns, n)``.
            raw: By column; only times are read.
        """
        values = np.empty((self._width, numbers.shape[1]), np.float32)
        with np.errstate(over="ignore", divide="ignore"):  # huge numbers end as infinities, as in the graph
            if self._scaled:
                self._scaled.fill(values, numbers, raw)
            if self._rates:
                self._rates.fill(values, numbers)
        return np.ascontiguousarray(flushed(values).T)


class _Scaled:
    """Numbers and ages, standardised; computed in float64 and rounded once, like the graph."""

    def __init__(
        self,
        fitted: FittedSpec,
        features: Sequence[Numeric | Age],
        rows: Mapping[str, int],
        places: Mapping[str, int],
    ) -> None:
        self._size = len(features)
        self._logs = sum(feature.scale == "log" for feature in features)
        numeric = [(row, f) for row, f in enumerate(features) if isinstance(f, Numeric)]
        self._numeric_rows = np.array([row for row, _ in numeric], np.intp)
        self._columns = np.array([rows[feature.column] for _, feature in numeric], np.intp)
        self._missing_values = [
            (row, flushed(np.array(feature.missing_values, np.float32)))
            for row, feature in numeric
            if feature.missing_values
        ]
        self._ages = [(row, f.column, f.at) for row, f in enumerate(features) if isinstance(f, Age)]
        parameters = np.array([_parameters(fitted, feature) for feature in features])
        self._low, self._high, self._stand_in, self._mean, self._scale = parameters.T[:, :, np.newaxis]
        self._places = np.array([places[feature.name] for feature in features], np.intp)
        indicators = [row for row, feature in enumerate(features) if feature.indicator]
        self._indicators = np.array(indicators, np.intp)
        self._indicator_places = [places[f"{features[row].name}:missing"] for row in indicators]

    def fill(self, values: Floats, numbers: Floats, raw: Mapping[str, NDArray[Any]]) -> None:
        """Write the rows of ``values`` ``(width, n)`` that belong to these features."""
        matrix = np.empty((self._size, numbers.shape[1]))
        matrix[self._numeric_rows] = numbers[self._columns]
        for row, absent in self._missing_values:
            matrix[row] = without(matrix[row], absent)
        for row, since, at in self._ages:
            matrix[row] = days(raw[since], raw[at])
        missing = np.isnan(matrix)
        logs = matrix[: self._logs]
        np.copysign(np.log1p(np.abs(logs)), logs, out=logs)
        matrix = np.maximum(np.minimum(matrix, self._high), self._low)
        np.copyto(matrix, self._stand_in, where=missing)
        # The graph multiplies by the reciprocal too: TensorFlow rewrites a division by a constant.
        values[self._places] = (matrix - self._mean) * self._scale
        if self._indicator_places:
            values[self._indicator_places] = missing[self._indicators]


class _Rates:
    """Smoothed rates in log-odds above the average; see `features.spec.Rate`."""

    def __init__(
        self, fitted: FittedSpec, features: Sequence[Rate], rows: Mapping[str, int], places: Mapping[str, int]
    ) -> None:
        self._clicks = np.array([rows[feature.clicks] for feature in features], np.intp)
        self._impressions = np.array([rows[feature.impressions] for feature in features], np.intp)
        self._places = np.array([places[feature.name] for feature in features], np.intp)
        averages = np.array([fitted.part(feature.name, FittedRate).average for feature in features])[
            :, np.newaxis
        ]
        strengths = np.array([feature.strength for feature in features])[:, np.newaxis]
        self._won = strengths * averages
        self._lost = strengths * (1 - averages)
        self._against = (1 - averages) / averages

    def fill(self, values: Floats, numbers: Floats) -> None:
        """Write the rows of ``values`` ``(width, n)`` that belong to these features."""
        counts = np.fmax(numbers, np.float32(0.0)).astype(np.float64)  # missing or negative was not counted
        shown = counts[self._impressions]
        clicked = np.minimum(counts[self._clicks], shown)
        odds = (clicked + self._won) / (shown - clicked + self._lost)
        values[self._places] = np.log(odds * self._against)


def days(since_ms: NDArray[np.int64], at_ms: NDArray[np.int64]) -> NDArray[np.float64]:
    """Days between two times, ``(n,)``; NaN where either is missing."""
    missing = (since_ms == MISSING_TIME) | (at_ms == MISSING_TIME)
    return np.where(missing, np.nan, (at_ms - since_ms) * _DAYS_PER_MS)


def _parameters(fitted: FittedSpec, feature: Numeric | Age) -> tuple[float, float, float, float, float]:
    """Low, high, what stands for a missing value, mean and 1 / std; those that change nothing where they do not apply."""
    scale = fitted.part(feature.name, FittedScale)
    low, high = scale.edges(clip=feature.clip)
    stand_in = {"mean": scale.mean, "zero": 0.0, "constant": feature.fill}[feature.missing]
    if feature.scale == "log" and feature.missing != "mean":
        stand_in = float(np.copysign(np.log1p(abs(stand_in)), stand_in))
    mean, std = (0.0, 1.0) if feature.scale == "none" else (scale.mean, scale.std)
    return low, high, stand_in, mean, 1.0 / std
