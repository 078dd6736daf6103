"""What the service counts about itself, for Prometheus: events come in, the text of ``/metrics`` goes out.

`service.transport.middleware` counts requests, `service.routes.score` answers, `service.app` loads. Labels never hold ids or
anything else that a client chooses.
"""

import os

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

from service.metrics.score_histogram import ScoreHistogram
from service.models.live import LiveModel
from service.scoring.scorer import Scored
from service.watch.features import FeatureWatch

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class ServiceMetrics:
    """Every series of one service, in a registry of its own so that two services fit into one process.

    Args:
        features: Is offered what was answered, and tells about its features; looks at nothing by default.

    Attributes:
        features: The same.
    """

    def __init__(self, features: FeatureWatch | None = None) -> None:
        features = features or FeatureWatch(rows_per_s=0)
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._requests = Counter(
            "axon_requests_total",
            "Requests answered.",
            ("endpoint", "model", "version", "code"),
            registry=self.registry,
        )
        self._duration = Histogram(
            "axon_request_duration_seconds",
            "From the first byte of a request to the last of its answer.",
            ("endpoint",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._predictions = Counter(
            "axon_predictions_total", "Rows scored.", ("model", "version"), registry=self.registry
        )
        self._load = Gauge(
            "axon_model_load_duration_seconds",
            "Verifying, loading and warming up.",
            ("model", "version"),
            registry=self.registry,
        )
        # Finding a series by its labels takes longer than counting.
        self._answered: dict[tuple[str | int, ...], tuple[Counter, Histogram]] = {}
        worker = Gauge(
            "axon_worker_info",
            "1 for the process that these numbers are of.",
            ("pid",),
            registry=self.registry,
        )
        worker.labels(os.getpid()).set(1)
        self._scores = ScoreHistogram()
        self.registry.register(self._scores)
        self.features = features
        self.registry.register(features)

    def loaded(self, live: LiveModel, seconds: float) -> None:
        """A version was loaded; `service.metrics.served_metrics` tells which ones answer."""
        self._load.labels(live.name, live.version).set(seconds)

    def scored(self, live: LiveModel, scored: Scored) -> None:
        """A request was answered with probabilities."""
        self._predictions.labels(live.name, live.version).inc(len(scored.probabilities))
        self._scores.observe(live.name, str(live.version), scored.probabilities)

    def answered(self, endpoint: str, live: LiveModel | None, code: int, seconds: float) -> None:
        """A request came to its end.

        Args:
            endpoint: The route's path with its placeholders, or ``other``.
            live: The model that answered, if one did.
            code: HTTP status; 499 if the client hung up.
            seconds: From its first byte to the last of its answer.
        """
        key = (endpoint, *((live.name, live.version) if live else ("", "")), code)
        series = self._answered.get(key)
        if series is None:
            series = self._requests.labels(*key), self._duration.labels(endpoint)
            self._answered[key] = series
        count, duration = series
        count.inc()
        duration.observe(seconds)
