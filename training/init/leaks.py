"""Columns that know the click: they exist after it, or repeat it, and must not be features.

Columns and labels come in; the reason to leave a column out, for people, goes out to `training.init.plan`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.spec import Side
from training.init.column import Column
from training.init.signal import crossed_auc, is_slow, later_auc, value_codes
from training.univariate import OUTCOMES_TO_JUDGE, TOO_GOOD, enough_to_judge

SUSPICIOUS = 0.75
"""AUC from which a column named after something that follows a click is left out, if it is far ahead of the others."""

_AHEAD = 1.25
_MOST_CLICKS_BY_CHANCE = 1e-6

_AFTERWARDS = frozenset(
    {"duration", "dwell", "watch", "watched", "play", "played", "playing", "view", "viewed", "stay", "spent", "elapsed",
     "conversion", "converted", "convert", "purchase", "purchased", "bought", "order", "ordered", "paid", "revenue",
     "click", "clicks", "clicked", "like", "liked", "comment", "commented", "follow", "followed", "forward", "share",
     "shared", "rating", "rated", "response", "result", "outcome", "attribution", "attributed", "payout", "cost",
     "profile", "landing", "bounce", "label", "target"}
)  # fmt: skip
"""Words of columns that often exist only after the click."""


@dataclass(frozen=True)
class Strength:
    """How well a column alone tells later clicks, beside the others.

    Attributes:
        auc: Its AUC either way round, in [0.5, 1]; 0.5 with too few clicks to say.
        next_best: That of the best other column that changes from row to row: a month or a market says when it is,
            not what was shown.
    """

    auc: float
    next_best: float

    @property
    def is_ahead(self) -> bool:
        """Whether it is suspiciously far ahead."""
        return self.auc >= SUSPICIOUS and self.auc - 0.5 > _AHEAD * (self.next_best - 0.5)


def strengths(
    columns: Sequence[Column], clicked: NDArray[np.int8], learned: NDArray[np.bool_]
) -> dict[str, Strength]:
    """How strong each column is, by name: on the impressions that are not ``learned``, or on all where those are too few."""
    if enough_to_judge(clicked[~learned]):
        found = {column.name: later_auc(column, clicked, learned) for column in columns}
    elif enough_to_judge(clicked):
        found = {column.name: crossed_auc(column, clicked) for column in columns}
    else:
        return {column.name: Strength(0.5, 0.5) for column in columns}
    aucs = {name: auc or 0.5 for name, auc in found.items()}
    aucs = {name: max(auc, 1 - auc) for name, auc in aucs.items()}
    rivals = {column.name for column in columns if aucs[column.name] < TOO_GOOD and not is_slow(column)}
    return {
        name: Strength(auc, max((aucs[rival] for rival in rivals - {name}), default=0.5))
        for name, auc in aucs.items()
    }


def leak_reason(column: Column, clicked: NDArray[np.int8], strength: Strength, side: Side) -> str | None:
    """Why a column must be left out; None if it need not.

    Args:
        column: Any column.
        clicked: Labels of the kept impressions, shape ``(n,)``.
        strength: Of the column.
        side: Of the column; what depends on the user or the item alone cannot know a click.
    """
    auc = f"{strength.auc:.3f}"
    if strength.auc >= TOO_GOOD:
        return f"tells clicks alone with an AUC of {auc} on rows that it was not learned from: it repeats the label or comes after the click"
    if _only_of_clicks(column, clicked):
        return "has one value only, or none, among non-clicks: it comes after the click"
    if strength.is_ahead and side is Side.CONTEXT and column.words & _AFTERWARDS:
        return (
            f"by its name known only after the click, and alone far ahead of the others (AUC {auc}, the next best "
            f"{strength.next_best:.3f}); put it back if it is known before"
        )
    return None


def outlier_note(strength: Strength) -> str:
    """A warning about a column that is far ahead of the others, yet stays; empty if it is not."""
    if not strength.is_ahead:
        return ""
    return f"far ahead of the others (AUC {strength.auc:.3f} alone): is it known before the click?"


def _only_of_clicks(column: Column, clicked: NDArray[np.int8]) -> bool:
    """Whether non-clicks all share one value, or have none, and clicks have others far too often for chance."""
    codes = value_codes(column)
    without = codes[clicked == 0]
    if not len(without):
        return False
    usual = np.bincount(without).argmax()
    if (without != usual).mean() > 0.0005:
        return False
    clicks = int((codes[clicked == 1] != usual).sum())
    strays = int((without != usual).sum())
    rate = float(clicked.mean())
    enough = clicks >= OUTCOMES_TO_JUDGE or bool(column.words & _AFTERWARDS)
    return enough and strays <= 0.01 * clicks and rate**clicks < _MOST_CLICKS_BY_CHANCE
