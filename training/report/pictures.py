"""The report's pictures as geometry: points of a `Report` come in, shapes in a 520 by 320 box go out.

`training.report.html` writes them as SVG, so that the page's style sheet colours them in light and in dark.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from training.report.curves import HistogramBin, ReliabilityBin, RocPoint
from training.report.report import LearningPoint
from training.report.wording import percent

WIDTH, HEIGHT = 520, 320
LEFT, RIGHT, TOP, BOTTOM = 58, 496, 12, 276
"""The frame that the axes span, in the units of the box."""

COLOURS = 5
"""Series beyond so many reuse the colours of the first."""


class Tick(NamedTuple):
    """A mark on an axis: where, in the units of the box, and its text."""

    at: float
    text: str


class Shape(NamedTuple):
    """A path, its style class and what a pointer resting on it is told (may be empty)."""

    path: str
    style: str
    title: str = ""


class Key(NamedTuple):
    """One line of a legend."""

    style: str
    text: str


@dataclass(frozen=True)
class Picture:
    """One chart; the summary is for those who do not see it."""

    title: str
    summary: str
    x_label: str
    y_label: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    shapes: tuple[Shape, ...]
    legend: tuple[Key, ...]


class Scale:
    """Maps values from ``low`` to ``high`` to the units of the box, from ``start`` to ``end``."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        # One value alone still gets an axis, with the value in its middle.
        room = 0.0 if high > low else max(abs(low) * 0.1, 1e-6)
        self.low, self.high, self.start, self.end = low - room, high + room, start, end

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, factor: float = 1.0, unit: str = "") -> tuple[Tick, ...]:
        """Three to eight round values, shown times ``factor`` with one number of digits."""
        rough = (self.high - self.low) / 5
        magnitude = 10.0 ** math.floor(math.log10(rough))
        step = next(size for size in (1, 2, 2.5, 5, 10) if size * magnitude >= rough * 0.999) * magnitude
        _, _, digits = f"{step * factor:.12f}".rstrip("0").partition(".")
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return tuple(
            Tick(self(index * step), f"{index * step * factor:.{len(digits)}f}{unit}")
            for index in range(first, last + 1)
        )

    def percent_ticks(self) -> tuple[Tick, ...]:
        return self.ticks(100.0, " %")


def roc_picture(points: Sequence[RocPoint], auc: float | None) -> Picture | None:
    """The ROC curve; None where there is none."""
    if not points or auc is None:
        return None
    x, y = Scale(0, 1, LEFT, RIGHT), Scale(0, 1, BOTTOM, TOP)
    curve = _line((x(point.false_positive_rate), y(point.true_positive_rate)) for point in points)
    return Picture(
        title="ROC curve",
        summary=f"ROC curve with an area of {auc:.3f} under it; chance alone gives 0.5.",
        x_label="unclicked impressions above the threshold",
        y_label="clicked ones above it",
        x_ticks=x.percent_ticks(),
        y_ticks=y.percent_ticks(),
        shapes=(
            Shape(f"{curve}L{RIGHT} {BOTTOM}Z", "area c0"),
            Shape(f"M{LEFT} {BOTTOM}L{RIGHT} {TOP}", "line dashed muted"),
            Shape(curve, "line c0", f"AUC {auc:.4f}"),
        ),
        legend=(Key("line c0", f"model, AUC {auc:.3f}"), Key("line dashed muted", "chance, AUC 0.5")),
    )


def reliability_picture(bins: Sequence[ReliabilityBin]) -> Picture | None:
    """Promised against observed click rates with 95 % intervals; None without an impression."""
    if not bins:
        return None
    spans = [wilson_interval(found.observed, found.impressions) for found in bins]
    top = min(
        1.0, max(max(found.predicted, high) for found, (_, high) in zip(bins, spans, strict=True)) * 1.05
    )
    x, y = Scale(0, top, LEFT, RIGHT), Scale(0, top, BOTTOM, TOP)
    shapes = [Shape(f"M{LEFT} {BOTTOM}L{RIGHT} {TOP}", "line dashed muted")]
    for found, (low, high) in zip(bins, spans, strict=True):
        at = x(found.predicted)
        shapes.append(Shape(f"M{at:.1f} {y(low):.1f}V{y(high):.1f}", "whisker c0"))
    shapes.append(joined(((x(found.predicted), y(found.observed)) for found in bins), "line thin c0"))
    shapes += [
        Shape(
            dot(x(found.predicted), y(found.observed), 4.5),
            "dot c0",
            f"promised {percent(found.predicted)}, observed {percent(found.observed)} "
            f"of {found.impressions:,} impressions",
        )
        for found in bins
    ]
    return Picture(
        title="Reliability",
        summary=f"Promised against observed click rate in {len(bins)} bins; the table below has the figures.",
        x_label="promised (mean probability of the bin)",
        y_label="observed click rate",
        x_ticks=x.percent_ticks(),
        y_ticks=y.percent_ticks(),
        shapes=tuple(shapes),
        legend=(
            Key("line c0", "bins of impressions, 95 % interval"),
            Key("line dashed muted", "promise kept"),
        ),
    )


def learning_picture(curves: dict[str, tuple[LearningPoint, ...]]) -> Picture | None:
    """Training and validation loss of every family, the restored point marked; None without a point."""
    curves = {family: points for family, points in curves.items() if points}
    if not curves:
        return None
    every = [point for points in curves.values() for point in points]
    losses = [
        loss for point in every for loss in (point.train_loss, point.validation_loss) if loss is not None
    ]
    x = Scale(0, max(point.epoch for point in every), LEFT, RIGHT)
    room = (max(losses) - min(losses)) * 0.06
    y = Scale(min(losses) - room, max(losses) + room, BOTTOM, TOP)
    shapes: list[Shape] = []
    legend: list[Key] = []
    for index, (family, points) in enumerate(curves.items()):
        colour = f"c{index % COLOURS}"
        shapes += _family_shapes(family, points, colour, x, y)
        best = best_point(points)
        text = f"{family}: validation, lowest {best.validation_loss:.4f} at epoch {best.epoch:.3g}"
        legend += [Key(f"line {colour}", text), Key(f"line dashed {colour}", f"{family}: training")]
    return Picture(
        title="Learning curves",
        summary="Loss over epochs. " + "; ".join(key.text for key in legend[::2]) + ".",
        x_label="epoch",
        y_label="loss per impression",
        x_ticks=x.ticks(),
        y_ticks=y.ticks(),
        shapes=tuple(shapes),
        legend=tuple(legend),
    )


def best_point(points: Sequence[LearningPoint]) -> LearningPoint:
    """The first point with the lowest validation loss: the one whose weights early stopping restores."""
    return min(points, key=lambda point: point.validation_loss)


def _family_shapes(
    family: str, points: Sequence[LearningPoint], colour: str, x: Scale, y: Scale
) -> list[Shape]:
    trained = ((x(p.epoch), y(p.train_loss)) for p in points if p.train_loss is not None)
    best = best_point(points)
    at, height = x(best.epoch), y(best.validation_loss)
    return [
        joined(trained, f"line dashed {colour}"),
        joined(((x(p.epoch), y(p.validation_loss)) for p in points), f"line {colour}"),
        *(
            Shape(
                dot(x(p.epoch), y(p.validation_loss), 2.8),
                f"dot {colour}",
                f"{family}, epoch {p.epoch:.3g}: validation {p.validation_loss:.5f}",
            )
            for p in points
        ),
        Shape(
            dot(at, height, 7),
            f"ring {colour}",
            f"{family}: restored, validation {best.validation_loss:.5f}",
        ),
    ]


def histogram_picture(bins: Sequence[HistogramBin]) -> Picture | None:
    """How probabilities are distributed among clicked and among unclicked impressions; None without an impression."""
    if not bins:
        return None
    clicks, non_clicks = (sum(found.clicks for found in bins), sum(found.non_clicks for found in bins))
    shares = [(found.clicks / max(1, clicks), found.non_clicks / max(1, non_clicks)) for found in bins]
    x = Scale(_logit(bins[0].low), _logit(bins[-1].high), LEFT, RIGHT)
    y = Scale(0, max(max(pair) for pair in shares) * 1.05, BOTTOM, TOP)
    edges = [x(_logit(found.low)) for found in bins] + [x(_logit(bins[-1].high))]
    return Picture(
        title="Probabilities given",
        summary=f"Distribution of the probabilities of {clicks:,} clicked and {non_clicks:,} unclicked impressions; "
        "the further apart the two, the better the model tells them apart.",
        x_label="probability (log-odds axis)",
        y_label="share of impressions",
        x_ticks=_probability_ticks(x),
        y_ticks=y.percent_ticks(),
        shapes=(
            _steps(edges, [y(share) for _, share in shares], "c1"),
            _steps(edges, [y(share) for share, _ in shares], "c0"),
        ),
        legend=(
            Key("block c0", f"clicked ({clicks:,})"),
            Key("block c1", f"not clicked ({non_clicks:,})"),
        ),
    )


def wilson_interval(rate: float, impressions: int) -> tuple[float, float]:
    """Where the click rate behind an observed one lies with 95 % confidence, within [0, 1].

    Source:
        Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 1927.
    """
    z = 1.96
    spread = z * z / impressions
    centre = (rate + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(rate * (1 - rate) / impressions + spread / impressions / 4)
    return max(0.0, centre - half), min(1.0, centre + half)


def _probability_ticks(x: Scale) -> tuple[Tick, ...]:
    """Round probabilities on a log-odds axis, none closer to the next than its text is wide."""
    small = [mantissa * 10.0**power for power in range(-7, -1) for mantissa in (1, 2, 5)]
    round_ones = [*small, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, *(1 - p for p in reversed(small))]
    ticks: list[Tick] = []
    for probability in round_ones:
        at = x(_logit(probability))
        if LEFT <= at <= RIGHT and (not ticks or at - ticks[-1].at >= 46):
            ticks.append(Tick(at, f"{probability * 100:.6g} %"))
    return tuple(ticks)


def _logit(probability: float) -> float:
    inside = min(max(probability, 1e-7), 1 - 1e-7)
    return math.log(inside) - math.log1p(-inside)


def _line(points: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def joined(points: Iterable[tuple[float, float]], style: str) -> Shape:
    """A line through points."""
    points = list(points)
    return Shape(_line(points) if points else "", style)


def dot(x: float, y: float, radius: float) -> str:
    """The path of a circle."""
    return f"M{x - radius:.1f} {y:.1f}a{radius} {radius} 0 1 0 {2 * radius} 0a{radius} {radius} 0 1 0 {-2 * radius} 0"


def _steps(edges: Sequence[float], heights: Sequence[float], colour: str) -> Shape:
    tops = "".join(f"V{height:.1f}H{right:.1f}" for height, right in zip(heights, edges[1:], strict=True))
    return Shape(f"M{edges[0]:.1f} {BOTTOM}{tops}V{BOTTOM}Z", f"block {colour}")
