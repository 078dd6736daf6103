"""A share of what was answered comes in, what is missing, out of vocabulary or drifting goes out, per feature, to Prometheus.

`service.scoring.score` and `service.ranking.rank` offer what they answered, which costs them a microsecond; `service.watch.background`
has it counted. Every runtime is watched alike, because what is counted are raw values.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

from features.spec import Side
from service.models.live import LiveModel
from service.ranking.ranked import Ranked
from service.ranking.sides import stacked
from service.watch.budget import Budget
from service.watch.columns import ColumnWatch

MOST_OF_ONE = 200
"""Rows of one batch that are looked at, evenly spread."""

SHOWN = 20
"""Ranked candidates of one question that are looked at, from the best: what people see is what training learns from."""

MOST_VERSIONS = 4
"""Of the versions that answered lately, so many are told about: a champion, what is beside it, and what was before."""

_FORGET_S = 3600.0
"""A version that has answered nothing for so long is told about no more."""

_MODEL = ("model", "version")
Arrays = Mapping[str, NDArray[Any]]
Family = CounterMetricFamily | GaugeMetricFamily
_Part = TypeVar("_Part")


class FeatureWatch(Collector):
    """Counts by version and feature.

    Args:
        rows_per_s: Most rows per second that are looked at; 0 looks at none.
        window_s: How far back drift looks, in seconds.
    """

    def __init__(self, rows_per_s: float, window_s: float = 3600.0) -> None:
        self._budget = Budget(rows_per_s)
        self._window_s = window_s
        self._rows: deque[tuple[LiveModel, Sequence[object]]] = deque()
        self._arrays: deque[tuple[LiveModel, Arrays]] = deque()
        self._versions: dict[tuple[str, str], ColumnWatch] = {}

    def scored(self, live: LiveModel, rows: Sequence[object]) -> None:
        """Rows were scored, as they came in the request."""
        granted = self._budget.grant(min(len(rows), MOST_OF_ONE))
        if granted:
            self._rows.append((live, rows if granted == len(rows) else rows[:: -(-len(rows) // granted)]))

    def ranked(self, live: LiveModel, ranked: Sequence[Ranked]) -> None:
        """Questions were ranked; the best candidates are taken now, before the catalog changes."""
        for one in ranked:
            granted = self._budget.grant(min(len(one.best), SHOWN))
            if granted:
                self._arrays.append((live, _best(live, one, granted)))

    def count(self) -> None:
        """Count what was offered since the last time, and compute drift; not on the thread that answers."""
        for live, batches in _taken(self._rows):
            self._of(live).add(live.reader.read([row for rows in batches for row in rows]).arrays)
        for live, parts in _taken(self._arrays):
            self._of(live).add(_stacked(parts))
        for watched in self._versions.values():
            watched.refresh()
        self._forget()

    @override
    def collect(self) -> Iterator[Family]:
        versions = self._versions
        rows = CounterMetricFamily(
            "axon_feature_rows", "Rows whose features were looked at, a sample.", labels=_MODEL
        )
        missing = _counter("axon_feature_missing", "Of these rows, those without a value.")
        tokens = _counter("axon_feature_tokens", "Texts that were looked up in the feature's vocabulary.")
        oov = _counter("axon_feature_oov", "Of these texts, those that training has not seen often enough.")
        drift = GaugeMetricFamily(
            "axon_feature_drift_psi",
            "Population stability index of a window against the training data; below 0.1 is stable.",
            labels=(*_MODEL, "feature"),
        )
        for labels, watched in versions.items():
            rows.add_metric(labels, watched.rows)
            for family, values in (
                (missing, watched.missing),
                (tokens, watched.tokens),
                (oov, watched.oov),
                (drift, watched.drift),
            ):
                for name, value in list(values.items()):
                    family.add_metric((*labels, name), value)
        yield from (rows, missing, tokens, oov, drift)

    def _forget(self) -> None:
        """Let go of versions that answer no more: each has the tokens of its vocabularies in memory."""
        latest = sorted(self._versions.items(), key=lambda item: item[1].used_s)[-MOST_VERSIONS:]
        newest = latest[-1][1].used_s if latest else 0.0
        # A new dictionary, because `collect` may be going through the old one.
        self._versions = {
            labels: watched for labels, watched in latest if watched.used_s > newest - _FORGET_S
        }

    def _of(self, live: LiveModel) -> ColumnWatch:
        labels = (live.name, str(live.version))
        if labels not in self._versions:
            self._versions = {**self._versions, labels: ColumnWatch(live, self._window_s)}
        return self._versions[labels]


def _counter(name: str, told: str) -> CounterMetricFamily:
    return CounterMetricFamily(name, told, labels=(*_MODEL, "feature"))


def _taken(offered: deque[tuple[LiveModel, _Part]]) -> list[tuple[LiveModel, list[_Part]]]:
    """All that was offered so far, by model: what is counted at once costs a fraction of as many by themselves."""
    taken: dict[int, tuple[LiveModel, list[_Part]]] = {}
    for _ in range(len(offered)):
        live, part = offered.popleft()
        taken.setdefault(id(live), (live, []))[1].append(part)
    return list(taken.values())


def _stacked(parts: Sequence[Arrays]) -> dict[str, NDArray[Any]]:
    return {column: stacked([part[column] for part in parts]) for column in parts[0]}


def _best(live: LiveModel, ranked: Ranked, most: int) -> Arrays:
    """The raw columns of the best candidates, with those of whoever asked, as a log would have them."""
    behind, best = ranked.behind, ranked.best[:most]
    found = behind.found[ranked.place]
    kept = len(found.rows)
    of_catalog, cold = best[best < kept], best[best >= kept]
    items = [raw for raw in live.reader.inputs if raw.side is Side.ITEM]
    parts: list[Arrays] = []
    if behind.items is not None and len(of_catalog):
        parts.append(behind.items.arrays_of(found.rows[of_catalog], items))
    if len(cold):
        places = found.cold.start + cold - kept
        parts.append({raw.column: behind.cold.arrays[raw.column][places] for raw in items})
    of_items, asker = _stacked(parts), np.full(len(best), ranked.place)
    return {
        raw.column: of_items[raw.column] if raw.side is Side.ITEM else behind.askers[raw.column][asker]
        for raw in live.reader.inputs
    }
