"""How layers fared while a network learned, as pictures: learning points come in, one small multiple per measure goes out.

`training.report.html` shows them beside the learning curves.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from training.report.pictures import (
    BOTTOM,
    COLOURS,
    LEFT,
    RIGHT,
    TOP,
    Key,
    Picture,
    Scale,
    Shape,
    Tick,
    dot,
    joined,
)
from training.report.report import LearningPoint
from training.report.wording import percent

SMALLEST_NORM = 1e-9
"""Gradients shorter than this are drawn as long as this: the axis is logarithmic."""


class _Measure(NamedTuple):
    """A field of `LayerLook` and how it is drawn."""

    field: str
    title: str
    y_label: str
    is_share: bool


_MEASURES = (
    _Measure("dead", "Dead units", "share of ReLU units that no impression activates", is_share=True),
    _Measure(
        "saturated", "Saturation", "share of sigmoid or tanh activations near their ends", is_share=True
    ),
    _Measure("gradient_norm", "Gradient norms", "length of the gradient (logarithmic axis)", is_share=False),
)


def layer_pictures(points: Sequence[LearningPoint]) -> tuple[Picture, ...]:
    """A picture of every measure that some layer has."""
    pictures = (_picture(measure, points) for measure in _MEASURES)
    return tuple(picture for picture in pictures if picture is not None)


def _picture(measure: _Measure, points: Sequence[LearningPoint]) -> Picture | None:
    lines = _lines(measure, points)
    if not lines:
        return None
    heights = [height for line in lines.values() for _, height in line]
    x = Scale(0, max(point.epoch for point in points), LEFT, RIGHT)
    if measure.is_share:
        y = Scale(0, min(1.0, max(max(heights) * 1.1, 0.05)), BOTTOM, TOP)
    else:
        y = Scale(min(heights) - 0.1, max(heights) + 0.1, BOTTOM, TOP)
    shapes: list[Shape] = []
    for index, (layer, line) in enumerate(lines.items()):
        colour = f"c{index % COLOURS}{_dashes(index)}"
        shapes.append(joined(((x(epoch), y(height)) for epoch, height in line), f"line {colour}"))
        shapes += [
            Shape(
                dot(x(epoch), y(height), 2.8),
                f"dot {colour}",
                f"{layer}, epoch {epoch:.3g}: {_shown(measure, height)}",
            )
            for epoch, height in line
        ]
    last = "; ".join(f"{layer} {_shown(measure, line[-1][1])}" for layer, line in lines.items())
    return Picture(
        title=measure.title,
        summary=f"{measure.y_label} over epochs; at the end {last}.",
        x_label="epoch",
        y_label=measure.y_label,
        x_ticks=x.ticks(),
        y_ticks=y.percent_ticks() if measure.is_share else _log_ticks(y),
        shapes=tuple(shapes),
        legend=tuple(
            Key(f"line c{index % COLOURS}{_dashes(index)}", layer) for index, layer in enumerate(lines)
        ),
    )


def _lines(measure: _Measure, points: Sequence[LearningPoint]) -> dict[str, list[tuple[float, float]]]:
    """Layer -> epoch and height; the height of a norm is its decimal logarithm."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for point in points:
        for layer, look in point.layers.items():
            figure: float | None = getattr(look, measure.field)
            if figure is not None:
                height = figure if measure.is_share else math.log10(max(figure, SMALLEST_NORM))
                lines.setdefault(layer, []).append((point.epoch, height))
    return lines


def _dashes(index: int) -> str:
    """Layers beyond the colours are dashed."""
    return " dashed" if index // COLOURS % 2 else ""


def _shown(measure: _Measure, height: float) -> str:
    return percent(height) if measure.is_share else f"{10.0**height:.2g}"


def _log_ticks(y: Scale) -> tuple[Tick, ...]:
    """Powers of ten, and 2 and 5 times them where there are few."""
    powers = range(math.floor(y.low), math.ceil(y.high) + 1)
    mantissas = (1, 2, 5) if y.high - y.low < 2 else (1,)
    found = [
        (math.log10(mantissa * 10.0**power), mantissa, power) for power in powers for mantissa in mantissas
    ]
    return tuple(
        Tick(y(height), f"{mantissa * 10.0**power:.0e}" if power < -3 else f"{mantissa * 10.0**power:g}")
        for height, mantissa, power in found
        if y.low <= height <= y.high
    )
