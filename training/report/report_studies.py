"""The report's studies as the page shows them: a `Report` comes in, sentences, pictures and bars go out.

`training.report.html` hands them to ``report_studies.html``.
"""

from dataclasses import dataclass
from typing import NamedTuple

from training.report.advice import (
    depth_advice,
    familiarity_advice,
    importance_advice,
    layer_advice,
    leak_advice,
    peers_advice,
)
from training.report.insights import FeatureImportance, Peer
from training.report.layer_pictures import layer_pictures
from training.report.pictures import Picture, best_point
from training.report.report import LearningPoint, Report

BAR_WIDTH = 200
"""Of the bars of importance; the longest reaches its end, whisker included."""

SHOWN_FEATURES = 15
"""Features above the fold; the others are one click away."""


class ImportanceBar(NamedTuple):
    """How much a feature matters, in units of a box that is `BAR_WIDTH` wide.

    Attributes:
        found: The feature.
        width: Of the bar, at least 0.
        whisker: From where to where the increase lies, two standard deviations either side, inside the box.
        counts: Whether the increase is more than the permutations differ by.
    """

    found: FeatureImportance
    width: float
    whisker: tuple[float, float]
    counts: bool


class Row(NamedTuple):
    """A line of the table of peers; the judged model's own has no distance."""

    peer: Peer
    is_own: bool


@dataclass(frozen=True)
class Studies:
    """Everything that the page says beyond the figures."""

    peers: tuple[Row, ...]
    peers_advice: str
    depths: tuple[Row, ...]
    depth_advice: str
    bars: tuple[ImportanceBar, ...]
    more_bars: tuple[ImportanceBar, ...]
    importance_advice: str
    leak_advice: str
    familiarity_advice: str
    layer_pictures: tuple[Picture, ...]
    layer_advice: str


def studies(report: Report) -> Studies:
    """The studies of a report; what was not studied is empty."""
    curve = judged_curve(report)
    pictures = layer_pictures(curve)
    bars = _bars(report)
    return Studies(
        peers=_with_own(report, report.peers),
        peers_advice=peers_advice(report),
        depths=_with_own(report, report.depths),
        depth_advice=depth_advice(report),
        bars=bars[:SHOWN_FEATURES],
        more_bars=bars[SHOWN_FEATURES:],
        importance_advice=importance_advice(report),
        leak_advice=leak_advice(report),
        familiarity_advice=familiarity_advice(report),
        layer_pictures=pictures,
        layer_advice=layer_advice(best_point(curve)) if pictures else "",
    )


def judged_curve(report: Report) -> tuple[LearningPoint, ...]:
    """The learning curve of the judged network, or of an ensemble's first; empty where there is none."""
    curves = report.learning_curves
    return curves.get(report.family) or curves.get(f"{report.family} 1") or ()


def _with_own(report: Report, peers: tuple[Peer, ...]) -> tuple[Row, ...]:
    """The peers with the judged model among them, the best first."""
    if not peers:
        return ()
    own = Peer(
        name=report.family,
        metrics=report.metrics,
        behind=0.0,
        seconds=report.seconds.get(f"training {report.family}"),
        parameters=report.parameters,
    )
    rows = [Row(own, is_own=True), *(Row(peer, is_own=False) for peer in peers)]
    return tuple(sorted(rows, key=lambda row: row.peer.behind))


def _bars(report: Report) -> tuple[ImportanceBar, ...]:
    features = report.importance.features if report.importance else ()
    longest = max((found.increase + 2 * found.spread for found in features), default=0.0)
    return tuple(_bar(found, BAR_WIDTH / longest if longest > 0 else 0.0) for found in features)


def _bar(found: FeatureImportance, scale: float) -> ImportanceBar:
    ends = (found.increase - 2 * found.spread, found.increase + 2 * found.spread)
    low, high = (max(0.0, end * scale) for end in ends)
    return ImportanceBar(found, max(0.0, found.increase * scale), (low, high), counts=ends[0] > 0)
