"""How busy the engine is: the engine comes in, its queue and its batches go out, to Prometheus.

Everything is read when ``/metrics`` is asked for; requests pay one addition per batch, in `service.batching.engine`.
"""

import itertools
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

from service.batching.engine import Engine


class LoadMetrics(Collector):
    """The queue as it is now, and the sizes of all batches."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @override
    def collect(self) -> Iterator[GaugeMetricFamily | HistogramMetricFamily]:
        engine = self._engine
        yield GaugeMetricFamily("axon_queue_requests", "Requests that wait now.", engine.waiting)
        yield GaugeMetricFamily(
            "axon_queue_bytes", "Bytes of bodies that wait or are still coming now.", engine.waiting_bytes
        )
        up_to = list(itertools.accumulate(engine.batch_sizes))
        # Nothing has 0 bits but 0, and no batch is empty.
        buckets = [(str(2**bits - 1), float(count)) for bits, count in enumerate(up_to) if bits]
        yield HistogramMetricFamily(
            "axon_batch_requests",
            "Requests that shared a call of the model.",
            [*buckets, ("+Inf", float(up_to[-1]))],
            engine.batched,
        )
