"""What the service counts about its journals, for Prometheus: the writers' counts and verdicts on events come in, series go out."""

from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

from journal.writer import JournalWriter
from service.decisions.feedback_desk import Verdict

Family = CounterMetricFamily | GaugeMetricFamily


class JournalMetrics(Collector):
    """Records by journal and what became of them, bytes that wait, events by verdict.

    Args:
        registry: Of the service.
        writers: By the name of their journal.
    """

    def __init__(self, registry: CollectorRegistry, writers: Mapping[str, JournalWriter]) -> None:
        self.writers = writers
        self._events = Counter(
            "axon_feedback_events_total", "Events by what was said of them.", ("verdict",), registry=registry
        )
        for verdict in Verdict:
            self._events.labels(verdict.value)
        registry.register(self)

    def judged(self, verdicts: Iterable[Verdict]) -> None:
        """Events were taken in."""
        for verdict, count in Tally(verdicts).items():
            self._events.labels(verdict.value).inc(count)

    @override
    def collect(self) -> Iterator[Family]:
        records = CounterMetricFamily(
            "axon_journal_records",
            "Records written, dropped because too many waited, or given up because they could not be written.",
            labels=("journal", "outcome"),
        )
        waiting = GaugeMetricFamily(
            "axon_journal_queued_bytes", "Bytes that wait to be written.", labels=("journal",)
        )
        for name, writer in self.writers.items():
            for outcome, count in vars(writer.counts).items():
                records.add_metric((name, outcome), count)
            waiting.add_metric((name,), writer.queued_bytes)
        yield records
        yield waiting
