"""Where the validation and the test slice begin, so that each of them has clicks and non-clicks.

Times and labels of the kept impressions come in; shares go out to `training.init.plan`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.config import SplitConfig
from training.errors import DataError
from training.init.defaults import FEWEST_CLICKS, SHARES
from training.log.split import cuts_of

_IN_ORDER = 0.999


@dataclass(frozen=True)
class Cuts:
    """Shares of the impressions.

    Attributes:
        validation_from: In (0, 1).
        test_from: In (0, 1); None where there are too few clicks for a test slice.
        by_time: Whether the impressions are ordered by the time column; else by their rows.
    """

    validation_from: float
    test_from: float | None
    by_time: bool


def choose_cuts(time_ms: NDArray[np.int64] | None, clicked: NDArray[np.int8]) -> Cuts:
    """The first of the usual cuts that leaves enough clicks and non-clicks in every slice.

    Times that are too coarse for a test slice of their own, such as two days, give way to the order of the rows where
    these are in order of time.

    Args:
        time_ms: Times of the impressions, shape ``(n,)``; None where nobody knows them.
        clicked: Labels, shape ``(n,)``.

    Raises:
        DataError: If no cut leaves clicks and non-clicks on both sides.
    """
    rows = np.arange(len(clicked))
    judged = tuple(shares for shares in SHARES if shares[1] is not None)
    unjudged = tuple(shares for shares in SHARES if shares[1] is None)
    tries = [(rows, judged), (rows, unjudged)]
    if time_ms is not None:
        in_order = bool((np.diff(time_ms) >= 0).mean() > _IN_ORDER)
        by_time = [(time_ms, judged), (time_ms, unjudged)]
        tries = [by_time[0], tries[0], by_time[1], tries[1]] if in_order else by_time + tries
    for fewest in (FEWEST_CLICKS, 1):
        for order, shares in tries:
            for early, late in shares:
                if _fewest(order, clicked, early, late) >= fewest:
                    return Cuts(early, late, by_time=order is not rows)
    raise DataError(
        f"expected clicks and non-clicks early and late in the log, got {int(clicked.sum()):,} clicks among "
        f"{len(clicked):,} rows in a row; is it sorted by its label? write it in order of time, or shuffled"
    )


def _fewest(order: NDArray[np.int64], clicked: NDArray[np.int8], early: float, late: float | None) -> int:
    """The smallest number of clicks or of non-clicks in any slice."""
    try:
        cuts = cuts_of(SplitConfig(validation_from=early, test_from=late), order)
    except DataError:
        return 0
    slices = cuts.slices(order)
    parts = range(2 if late is None else 3)
    return min(int(((slices == part) & (clicked == outcome)).sum()) for part in parts for outcome in (0, 1))
