"""What a column of numbers hides: values that mean missing, and a long tail.

Numbers of a `Column` come in; the answers go out to `training.init.kinds`.
"""

import numpy as np
from numpy.typing import NDArray

_SENTINELS = frozenset(
    {
        float(digits)
        for digits in ("99", "999", "9999", "99999", "999999", "9999999", "99999999", "2147483647")
    }
    | {float(f"-{digits}") for digits in ("1", "9", "99", "999", "9999", "99999", "999999")}
)
_SHARE = 0.002
_GAP = 0.6
_LONG_TAIL = 2.0
_FEWEST_IN_A_ROW = 100
_DENSE = 0.5


def sentinels(numbers: NDArray[np.float64]) -> tuple[float, ...]:
    """Numbers that stand for "not available": at an edge, frequent, and apart from all others; at most two.

    Args:
        numbers: Of a column, NaN for missing, shape ``(n,)``.
    """
    known = numbers[~np.isnan(numbers)]
    values, counts = np.unique(known, return_counts=True)
    if len(values) < 5:
        return ()
    found = []
    if counts[0] >= _SHARE * len(known) and _is_odd_low(values):
        found.append(float(values[0]))
    high, below = values[-1], values[-2]
    if counts[-1] >= _SHARE * len(known) and high in _SENTINELS and below < _GAP * high:
        found.append(float(high))
    return tuple(found)


def is_heavy_tailed(known: NDArray[np.float64]) -> bool:
    """Whether the largest numbers dwarf the others, so that their logarithm says more; ``known`` has no NaN."""
    if len(known) < 2 or known.std() == 0:
        return False
    skew = float(np.mean(((known - known.mean()) / known.std()) ** 3))
    return bool(known.min() >= 0 and skew > _LONG_TAIL)


def is_far_and_dense(known: NDArray[np.float64]) -> bool:
    """Whether most whole numbers of a range are there that begins further from zero than it is wide; no NaN, not empty."""
    width, distinct = float(np.ptp(known)), len(np.unique(known))
    return bool(known.min() > width and distinct >= _FEWEST_IN_A_ROW and distinct > _DENSE * width)


def _is_odd_low(values: NDArray[np.float64]) -> bool:
    """Whether the lowest value is the one negative among whole numbers, or a usual sentinel far below the others."""
    low, above = values[0], values[1]
    alone = low < 0 <= above and low == np.floor(low)
    far = low in _SENTINELS and (above - low) > (values[-1] - above)
    return bool(alone or far)
