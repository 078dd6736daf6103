"""A histogram of probabilities that takes a whole answer at once: arrays come in, a Prometheus series goes out.

The client library's own histogram takes one number a call, which would cost more than the model does.
"""

import threading
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
"""Upper bounds of the buckets; clicks are rare, so the low end is told apart more finely."""

_Labels = tuple[str, str]


class ScoreHistogram(Collector):
    """``axon_prediction_score`` by model and version."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[_Labels, NDArray[np.int64]] = {}
        self._sums: dict[_Labels, float] = {}

    def observe(self, model: str, version: str, probabilities: NDArray[np.float32]) -> None:
        """Count every probability in its bucket."""
        places = np.searchsorted(BOUNDS, probabilities, side="left")
        counts = np.bincount(places, minlength=len(BOUNDS) + 1)
        total = float(probabilities.sum(dtype=np.float64))
        labels = (model, version)
        with self._lock:
            self._counts[labels] = counts + self._counts.get(labels, 0)
            self._sums[labels] = total + self._sums.get(labels, 0.0)

    @override
    def collect(self) -> Iterator[HistogramMetricFamily]:
        family = HistogramMetricFamily(
            "axon_prediction_score", "Answered probabilities.", labels=("model", "version")
        )
        with self._lock:
            for labels, counts in self._counts.items():
                up_to = np.cumsum(counts)
                bounds = [*map(str, BOUNDS), "+Inf"]
                buckets = [(bound, float(count)) for bound, count in zip(bounds, up_to, strict=True)]
                family.add_metric(labels, buckets, self._sums[labels])
        yield family
