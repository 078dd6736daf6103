"""How trainings ended: what the registry has noted comes in, counts by outcome go out, to Prometheus.

`training.retraining.retrain` notes them; `service.watch.background` has the registry asked, so that no scrape waits for it.
"""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

from registry.outcomes import ENDINGS
from registry.registry import Registry


class GateMetrics(Collector):
    """Outcomes by model, the same whichever process tells them."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._counts: dict[str, Counter[str]] = {}
        self._last_s: dict[tuple[str, str], float] = {}

    def look(self) -> None:
        """Ask the registry.

        Raises:
            RegistryError: If it does not answer.
        """
        counts: dict[str, Counter[str]] = {}
        last_s: dict[tuple[str, str], float] = {}
        for name in self._registry.names():
            outcomes = self._registry.outcomes(name)
            counts[name] = Counter(one.ending for one in outcomes)
            for one in outcomes:
                last_s[name, one.ending] = one.at.timestamp()
        self._counts, self._last_s = counts, last_s

    @override
    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        ended = CounterMetricFamily(
            "axon_retrain_outcomes", "Scheduled trainings by how they ended.", labels=("model", "outcome")
        )
        last = GaugeMetricFamily(
            "axon_retrain_last_timestamp_seconds",
            "When a scheduled training last ended so.",
            labels=("model", "outcome"),
        )
        for name, count in self._counts.items():
            for ending in dict.fromkeys((*ENDINGS, *count)):
                ended.add_metric((name, ending), count[ending])
        for labels, at_s in self._last_s.items():
            last.add_metric(labels, at_s)
        yield ended
        yield last
