"""Which versions are live, for Prometheus: the holder comes in, series about each of its versions go out.

`service.app` registers one. Everything is read when ``/metrics`` is asked for, so that nothing is told of a version that is gone.
"""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

from service.models.holder import ModelHolder

NO_ALIAS = ""
"""Of a version that the service was told by its number."""


class ServedMetrics(Collector):
    """What is live, how old it is, and how far its data went."""

    def __init__(self, holder: ModelHolder) -> None:
        self._holder = holder

    @override
    def collect(self) -> Iterator[GaugeMetricFamily]:
        info = GaugeMetricFamily(
            "axon_model_loaded_info",
            "1 for every live version, once for each alias by which it is followed.",
            labels=("model", "version", "digest", "alias"),
        )
        created = GaugeMetricFamily(
            "axon_model_created_timestamp_seconds",
            "When a live version was trained; its age is the time since.",
            labels=("model", "version"),
        )
        data_end = GaugeMetricFamily(
            "axon_model_data_end_timestamp_seconds",
            "The last impression that a live version has learned from.",
            labels=("model", "version"),
        )
        filled = GaugeMetricFamily(
            "axon_model_history_filled",
            "1 for a live version that asks the store of AXON_HISTORY, 0 while nobody has filled that and its snapshot answers.",
            labels=("model", "version"),
        )
        for live, aliases in self._holder.served:
            labels, manifest = (live.name, str(live.version)), live.manifest
            for alias in aliases or (NO_ALIAS,):
                info.add_metric((*labels, manifest.fitted_fingerprint, alias), 1)
            created.add_metric(labels, manifest.created_at.timestamp())
            if manifest.last_impression_at is not None:
                data_end.add_metric(labels, manifest.last_impression_at.timestamp())
            if live.pasts is not None:
                filled.add_metric(labels, not live.waits)
        yield from (info, created, data_end, filled)
