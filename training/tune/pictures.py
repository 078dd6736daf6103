"""A search as pictures: trials come in, shapes in the box of the report's pictures go out; `training.tune.page` draws them."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from training.report.pictures import BOTTOM, LEFT, RIGHT, TOP, Key, Picture, Scale, Shape, Tick, dot, joined
from training.tune.result import TunedTrial, TuneResult

ROOM = 3.0
"""The picture ends this many times as far above the best trial as the median; what is worse stands on its upper edge."""

EDGE = 18.0
"""Distance of the first and the last value from the frame."""

LOG_RATIO = 10.0
"""Positive numbers that span more than this factor are shown on a logarithmic axis."""


LONGEST_NAME = 9
"""Letters of a name below an axis that has a place for every family."""


class Place(NamedTuple):
    """A trial in a scatter: the value of the key, and its log loss."""

    trial: TunedTrial
    value: Any
    log_loss: float


def progress_picture(result: TuneResult) -> Picture:
    """Log loss of every trial in order, and the best so far."""
    trials = sorted((t for t in result.trials if t.log_loss is not None), key=lambda trial: trial.number)
    y = _losses(result)
    x = Scale(0, max(1, *(trial.number for trial in result.trials)), LEFT + EDGE, RIGHT - EDGE)
    best: list[tuple[float, float]] = []
    for trial in trials:
        height = y(_loss(trial))
        lowest = max(height, best[-1][1]) if best else height
        best += [(x(trial.number), best[-1][1]), (x(trial.number), lowest)] if best else [(x(0), height)]
    best.append((float(RIGHT), best[-1][1]))
    without = [trial for trial in result.trials if trial.log_loss is None]
    return Picture(
        title="Best so far",
        summary=f"Log loss of {len(trials)} trials in order; the best is {min(map(_loss, trials)):.5f}.",
        x_label="trial",
        y_label="log loss on the judging impressions",
        x_ticks=tuple(tick for tick in x.ticks() if float(tick.text).is_integer()),
        y_ticks=y.ticks(),
        shapes=(
            joined(best, "line c0"),
            *(_shape(trial, x(trial.number), y, result) for trial in trials),
            *(Shape(f"M{x(t.number):.1f} {TOP}v8", "line muted", t.without) for t in without),
        ),
        legend=(
            Key("line c0", "best so far"),
            Key("line c1", "the task file as it stands"),
            Key("line c2", "winner"),
            Key("line muted", "without a log loss"),
        ),
    )


def scatter_pictures(result: TuneResult, values: dict[str, dict[int, Any]]) -> tuple[Picture, ...]:
    """One picture per searched key that has more than one value: log loss against the value.

    Args:
        result: The search.
        values: By key and number of a trial the value that it had; a trial whose family lacks the key is absent.
    """
    pictures = []
    for key, by_number in values.items():
        places = [
            Place(trial, by_number[trial.number], _loss(trial))
            for trial in result.trials
            if trial.log_loss is not None and trial.number in by_number
        ]
        if len({str(place.value) for place in places}) > 1:
            pictures.append(_scatter(key, places, result))
    return tuple(pictures)


def _scatter(key: str, places: Sequence[Place], result: TuneResult) -> Picture:
    y = _losses(result)
    across, ticks = _across([place.value for place in places])
    return Picture(
        title=key,
        summary=f"Log loss of {len(places)} trials against {key}.",
        x_label=key,
        y_label="log loss on the judging impressions",
        x_ticks=ticks,
        y_ticks=y.ticks(),
        shapes=tuple(_shape(place.trial, at, y, result) for place, at in zip(places, across, strict=True)),
        legend=(Key("line c1", "the task file as it stands"), Key("line c2", "winner")),
    )


def _across(values: Sequence[Any]) -> tuple[list[float], tuple[Tick, ...]]:
    """Where values stand on the horizontal axis, and its marks."""
    numbers = [
        float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    if len(numbers) < len(values):
        return _by_name(values)
    positive = [number for number in numbers if number > 0]
    if positive and max(positive) > LOG_RATIO * min(positive):
        return _logarithmic(numbers, min(positive), max(positive))
    x = Scale(min(numbers), max(numbers), LEFT + EDGE, RIGHT - EDGE)
    return [x(number) for number in numbers], x.ticks()


def _by_name(values: Sequence[Any]) -> tuple[list[float], tuple[Tick, ...]]:
    names = sorted({str(value) for value in values})
    x = Scale(0, max(1, len(names) - 1), LEFT + 2 * EDGE, RIGHT - 2 * EDGE)
    return [x(names.index(str(value))) for value in values], tuple(
        Tick(x(place), name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…")
        for place, name in enumerate(names)
    )


def _logarithmic(numbers: Sequence[float], low: float, high: float) -> tuple[list[float], tuple[Tick, ...]]:
    """An axis of logarithms; 0 stands at its left end, apart from the others."""
    off = LEFT + EDGE
    x = Scale(math.log10(low), math.log10(high), off + (2 * EDGE if 0.0 in numbers else 0.0), RIGHT - EDGE)
    # Few powers of ten have room for what lies between them.
    between = (1, 2, 5) if math.log10(high / low) < 3 else (1,)
    powers = range(math.floor(math.log10(low)), math.floor(math.log10(high)) + 1)
    marks = [mantissa * 10.0**power for power in powers for mantissa in between]
    ticks = [Tick(x(math.log10(mark)), f"{mark:g}") for mark in marks if low <= mark <= high]
    if 0.0 in numbers:
        ticks.insert(0, Tick(off, "0"))
    return [x(math.log10(number)) if number > 0 else off for number in numbers], tuple(ticks)


def _losses(result: TuneResult) -> Scale:
    """The vertical axis, the same in every picture."""
    losses = sorted(_loss(trial) for trial in result.trials if trial.log_loss is not None)
    best, median = losses[0], losses[len(losses) // 2]
    top = max(best + ROOM * (median - best), _loss(result.baseline), best + 1e-4)
    top = min(top, max(losses[-1], best + 1e-4))
    return Scale(best - (top - best) * 0.06, top, BOTTOM, TOP)


def _shape(trial: TunedTrial, at: float, y: Scale, result: TuneResult) -> Shape:
    height = max(float(TOP), y(_loss(trial)))
    told = f"trial {trial.number}, {trial.family}: {_loss(trial):.5f}"
    if trial.number == result.winner.number:
        return Shape(dot(at, height, 5.5), "dot c2", f"winner, {told}")
    if trial.number == result.first:
        return Shape(dot(at, height, 4.5), "dot c1", f"as it stands, {told}")
    return Shape(dot(at, height, 3.2), "dot c0", told)


def _loss(trial: TunedTrial) -> float:
    assert trial.log_loss is not None  # noqa: S101  # the callers leave out those without
    return trial.log_loss
