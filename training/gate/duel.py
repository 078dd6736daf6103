"""Two published artefacts on the same impressions: what both promised comes in, how much is lost with the challenger goes out.

`training.gate.challenge` asks both, `training.gate.gate` reads the `Duel`, and the report shows it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from features.document import FiniteDocument
from training.gate.bootstrap import Resampling, redrawn_sums, units_of
from training.grouping import most_frequent
from training.metrics import Float64Array, SliceMetrics, all_metrics, aucs_by_user, log_losses


class Interval(FiniteDocument):
    """A figure and how far chance may move it; each end is passed with a chance of 1 - ``gate.champion.confidence``."""

    estimate: float
    low: float
    high: float


class SegmentDuel(FiniteDocument):
    """The impressions that share a value of a column; the empty value is a missing one."""

    column: str
    value: str
    impressions: int = Field(ge=0)
    champion_log_loss: float
    challenger_log_loss: float
    increase: Interval = Field(description="of the log loss, as a share of the champion's")


class Duel(FiniteDocument):
    """The challenger against the champion, both scored by their exports on the held-out slice."""

    version: int = Field(ge=1, description="of the champion")
    champion: SliceMetrics
    challenger: SliceMetrics
    log_loss_increase: Interval = Field(
        description="as a share of the champion's log loss; below 0 is better"
    )
    gauc_drop: Interval | None = Field(
        default=None, description="in GAUC; below 0 is better; null where it is undefined"
    )
    segments: tuple[SegmentDuel, ...] = ()
    champion_has_seen: bool = Field(
        default=False,
        description="whether the champion was trained on a part of the slice, which flatters it",
    )


@dataclass(frozen=True)
class HeldOut:
    """The judged impressions and both answers about them, each of shape ``(n,)``.

    Attributes:
        clicked: Labels 0 or 1.
        champion: The champion's probabilities.
        challenger: The challenger's probabilities.
        users: Who saw each impression; None where nobody knows.
        segments: Column -> its values.
    """

    clicked: NDArray[np.int8]
    champion: Float64Array
    challenger: Float64Array
    users: NDArray[Any] | None
    segments: Mapping[str, NDArray[Any]]


def fight(version: int, held_out: HeldOut, how: Resampling, *, max_values: int) -> Duel:
    """Compare both on the whole slice and on every named segment.

    Args:
        version: Of the champion.
        held_out: The impressions, at least one.
        how: How chance is measured.
        max_values: Of each segment column only so many values are compared, the most frequent ones.
    """
    units = units_of(held_out.users, len(held_out.clicked))
    named = [
        (column, value, places)
        for column, values in held_out.segments.items()
        for value, places in most_frequent(values, max_values)
    ]
    losses = np.stack(
        [log_losses(held_out.clicked, held_out.champion), log_losses(held_out.clicked, held_out.challenger)]
    )
    parts = [np.arange(len(units)), *(places for _, _, places in named)]
    size = int(units.max()) + 1
    columns: list[NDArray[Any]] = [
        np.bincount(units[places], loss[places], size) for places in parts for loss in losses
    ]
    columns += _gauc_columns(held_out, units)
    sums: Float64Array = np.stack(columns, axis=1)
    redrawn = redrawn_sums(sums, how.resamples, np.random.default_rng([how.seed, 3]))
    whole, tail = sums.sum(axis=0), 1.0 - how.confidence
    # Of many segments one is unlucky: their intervals hold together (Bonferroni).
    tails = [tail, *[tail / max(1, len(named))] * len(named)]
    increases = [
        _increase(whole[2 * at : 2 * at + 2], redrawn[:, 2 * at : 2 * at + 2], each)
        for at, each in enumerate(tails)
    ]
    return Duel(
        version=version,
        champion=all_metrics(held_out.clicked, held_out.champion, held_out.users),
        challenger=all_metrics(held_out.clicked, held_out.challenger, held_out.users),
        log_loss_increase=increases[0],
        gauc_drop=_drop(whole[2 * len(parts) :], redrawn[:, 2 * len(parts) :], tail),
        segments=tuple(
            SegmentDuel(
                column=column,
                value=value,
                impressions=len(places),
                champion_log_loss=float(losses[0, places].mean()),
                challenger_log_loss=float(losses[1, places].mean()),
                increase=increase,
            )
            for (column, value, places), increase in zip(named, increases[1:], strict=True)
        ),
    )


def _gauc_columns(held_out: HeldOut, units: NDArray[np.int64]) -> list[Float64Array]:
    """Per unit: the impressions that count for GAUC, and these times what its AUC loses; nothing without users."""
    if held_out.users is None:
        return []
    champion, challenger = (
        aucs_by_user(held_out.clicked, scores, held_out.users)
        for scores in (held_out.champion, held_out.challenger)
    )
    counted, lost = np.zeros((2, int(units.max()) + 1))
    # A counted user's impressions are one unit, so any of them tells which.
    counted[units[champion.first_impressions]] = champion.impressions
    # Users stand in the same order, whatever the scores.
    lost[units[champion.first_impressions]] = champion.impressions * (champion.aucs - challenger.aucs)
    return [counted, lost]


def _increase(whole: Float64Array, redrawn: Float64Array, tail: float) -> Interval:
    """The challenger's loss over the champion's, less one; a slice of certain and right answers has no loss to compare."""
    tiny = np.finfo(np.float64).tiny
    ratios = redrawn[:, 1] / np.maximum(redrawn[:, 0], tiny)
    # A crowd without any impression of the segment says nothing about it.
    present = redrawn[:, 0] > 0
    return _interval(whole[1] / max(whole[0], tiny) - 1.0, ratios[present] - 1.0, tail)


def _drop(whole: Float64Array, redrawn: Float64Array, tail: float) -> Interval | None:
    if not len(whole) or not whole[0]:
        return None
    present = redrawn[:, 0] > 0
    return _interval(whole[1] / whole[0], redrawn[present, 1] / redrawn[present, 0], tail)


def _interval(estimate: float, redrawn: Float64Array, tail: float) -> Interval:
    low, high = np.quantile(redrawn, [tail, 1.0 - tail]) if len(redrawn) else (estimate, estimate)
    return Interval(estimate=float(estimate), low=float(low), high=float(high))
