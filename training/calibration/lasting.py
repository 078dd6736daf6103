"""How long a click rate lasts: the labels of a log come in, the share of its latest change that is worth following goes out.

`training.whole` asks before it moves the level of what will be exported.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

_ORIGINS = 20
"""Places of the log, evenly apart, at which one looks back and ahead; those too near an end see too little."""

_EXPECTED = 0.5
"""The share where the log says nothing: a cycle comes back, a step stays."""


def lasting_share(clicked: NDArray[np.integer], latest: int) -> float:
    """How far those who followed the latest impressions of this log would have been right, in [0, 1].

    At many places of the log the click rate of the last so many impressions is held against that of all before the place:
    the share is that of the difference which was still there in as many impressions after it, by least squares in
    log-odds. A rate that wanders and comes back has a low one, a step or a trend has one near 1. A difference of the
    size of chance says nothing, and weighs as one place where `_EXPECTED` lasted.

    Args:
        clicked: Labels 0 or 1 in the order of time, shape ``(n,)``, of both kinds.
        latest: How many of the last ones the level may follow.
    """
    before = np.concatenate([[0], np.cumsum(clicked, dtype=np.int64)])

    def log_odds(start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.float64]:
        # Half a click more of each kind, or a stretch without any would be infinitely far away.
        odds: NDArray[np.float64] = logit((before[end] - before[start] + 0.5) / (end - start + 1.0))
        return odds

    rows = len(clicked)
    places = np.arange(1, _ORIGINS) * rows // _ORIGINS
    places = places[(places >= 2 * latest) & (places <= rows - latest)]
    whole = log_odds(np.zeros_like(places), places)
    seen = log_odds(places - latest, places) - whole
    came = log_odds(places, places + latest) - whole
    rate = float(clicked.mean())
    by_chance = 1.0 / (rate * (1.0 - rate) * latest)
    lasting = (seen @ came + _EXPECTED * by_chance) / (seen @ seen + by_chance)
    return float(np.clip(lasting, 0.0, 1.0))
