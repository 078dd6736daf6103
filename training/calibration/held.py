"""How hard a fitted curve is held near the identity: changes of its parameters come in, what they cost goes out.

`training.calibration.kinds` adds the cost to the log loss; `training.calibration.choice` says how much the evidence weighs.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.metrics import Float64Array

BLOCKS = 20
"""Stretches of time whose click rates are compared with chance."""


class Held(NamedTuple):
    """A Cauchy prior on every change: small ones must be earned, a large one that the clicks insist on costs little.

    Attributes:
        spread: Of the prior, above 0.
        independent: Independent impressions that say as much as one of these, in (0, 1]; see `independent_share`.
    """

    spread: float
    independent: float = 1.0

    def cost(self, change: Float64Array, impressions: int) -> tuple[float, Float64Array]:
        """The cost per impression of a change of the parameters, shape ``(p,)``, and its gradient."""
        weight = 1.0 / (impressions * self.independent)
        cost = weight * float(np.log1p((change / self.spread) ** 2).sum())
        return cost, weight * 2.0 * change / (self.spread**2 + change**2)


def independent_share(
    probabilities: Float64Array,
    clicked: NDArray[np.integer],
    time_ms: NDArray[np.int64],
    users: NDArray[np.integer] | None = None,
) -> float:
    """How little neighbours tell beyond each other: 1 over the design effect, in (0, 1].

    Clicks of one hour or one user are alike. Where the click rates of `BLOCKS` stretches of time, or those of the users,
    stray from what is expected by more than chance, so many impressions count for one.

    Args:
        probabilities: As well calibrated on these impressions as can be, shape ``(n,)``.
        clicked: Labels 0 or 1, shape ``(n,)``.
        time_ms: When each was shown, shape ``(n,)``.
        users: Code of who saw each, shape ``(n,)``; None where nobody knows.

    Source:
        Kish, "Survey Sampling", 1965.
    """
    block = np.argsort(np.argsort(time_ms, kind="stable")) * BLOCKS // len(time_ms)
    strayed, by_chance = _strayed(block, probabilities, clicked)
    effect = float((strayed / by_chance).sum()) / (BLOCKS - 1)
    if users is not None:
        strayed, by_chance = _strayed(users, probabilities, clicked)
        # Of sums: many a user has but a few impressions.
        effect = max(effect, float(strayed.sum() / by_chance.sum()))
    return 1.0 / max(1.0, effect)


def _strayed(
    group: NDArray[np.integer], probabilities: Float64Array, clicked: NDArray[np.integer]
) -> tuple[Float64Array, Float64Array]:
    """Squared distance of each group's clicks from what was expected, and its expectation if all is chance; ``(groups,)``."""
    strayed = np.bincount(group, clicked - probabilities).astype(np.float64) ** 2
    by_chance = np.bincount(group, probabilities * (1.0 - probabilities)).astype(np.float64)
    return strayed, by_chance
