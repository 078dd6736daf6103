"""What the service counts about itself, for Prometheus: events come in, the text of ``/metrics`` goes out.

`service.middleware` counts requests, `service.routes.score` answers, `service.app` loads. Labels never hold ids or
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

from service.live import LiveModel
from service.score_histogram import ScoreHistogram
from service.scorer import Scored

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class ServiceMetrics:
    """Every series of one service, in a registry of its own so that two services fit into one process."""

    def __init__(self) -> None:
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
        self._missing = Counter(
            "axon_feature_missing_total", "Rows scored without a value.", ("feature",), registry=self.registry
        )
        self._info = Gauge(
            "axon_model_loaded_info",
            "1 for the version that answers.",
            ("model", "version", "digest"),
            registry=self.registry,
        )
        self._load = Gauge(
            "axon_model_load_duration_seconds",
            "Verifying, loading and warming up.",
            ("model", "version"),
            registry=self.registry,
        )
        worker = Gauge(
            "axon_worker_info",
            "1 for the process that these numbers are of.",
            ("pid",),
            registry=self.registry,
        )
        worker.labels(os.getpid()).set(1)
        self._scores = ScoreHistogram()
        self.registry.register(self._scores)

    def loaded(self, live: LiveModel, seconds: float) -> None:
        """A version went live."""
        self._info.clear()
        self._info.labels(live.name, live.version, live.manifest.fitted_fingerprint).set(1)
        self._load.labels(live.name, live.version).set(seconds)
        for raw in live.reader.inputs:
            self._missing.labels(raw.column)

    def scored(self, live: LiveModel, scored: Scored) -> None:
        """A request was answered with probabilities."""
        self._predictions.labels(live.name, live.version).inc(len(scored.probabilities))
        self._scores.observe(live.name, str(live.version), scored.probabilities)
        for column, count in scored.missing.items():
            if count:
                self._missing.labels(column).inc(count)

    def answered(self, endpoint: str, live: LiveModel | None, code: int, seconds: float) -> None:
        """A request came to its end.

        Args:
            endpoint: The route's path with its placeholders, or ``other``.
            live: The model that answered, if one did.
            code: HTTP status; 499 if the client hung up.
            seconds: From its first byte to the last of its answer.
        """
        name, version = (live.name, str(live.version)) if live else ("", "")
        self._requests.labels(endpoint, name, version, code).inc()
        self._duration.labels(endpoint).observe(seconds)
