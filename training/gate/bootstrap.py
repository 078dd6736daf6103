"""How far chance moves a figure: sums per user come in, the same sums of many redrawn crowds of users go out.

`training.gate.duel` makes its intervals of them. Users are redrawn, not impressions: what one user does hangs together.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.grouping import group
from training.metrics import Float64Array

BLOCKS = 10_000
"""Where nobody knows the users, so many blocks of neighbouring impressions stand for them."""


@dataclass(frozen=True)
class Resampling:
    """How chance is measured: how many crowds are redrawn, how sure an interval is, and the seed."""

    resamples: int = 1000
    confidence: float = 0.95
    seed: int = 0


def units_of(users: NDArray[np.object_] | None, rows: int) -> NDArray[np.int64]:
    """Which impressions are redrawn together, shape ``(rows,)``: numbers from 0 without gaps.

    Args:
        users: Who saw each impression, shape ``(rows,)``; an impression of a missing user stands alone.
        rows: How many impressions there are.
    """
    if users is None:
        return np.arange(rows) * min(rows, BLOCKS) // max(1, rows)
    codes, names = group(users)
    if not names or names[0]:
        return codes
    missing = codes == 0  # the empty value comes first
    units = codes - 1
    units[missing] = len(names) - 1 + np.arange(int(missing.sum()))
    return units


def redrawn_sums(sums: Float64Array, resamples: int, rng: np.random.Generator) -> Float64Array:
    """The column sums of ``resamples`` crowds, each drawn with replacement from the units, ``(resamples, k)``.

    Args:
        sums: What each unit adds, shape ``(units, k)``.
        resamples: How many crowds.
        rng: Draws them.

    Source:
        Efron, "Bootstrap Methods: Another Look at the Jackknife", Annals of Statistics 1979; by clusters as in Field and
        Welsh, "Bootstrapping clustered data", JRSS B 2007.
    """
    units = len(sums)
    drawn = (
        np.bincount(rng.integers(0, units, units), minlength=units).astype(np.float64)
        for _ in range(resamples)
    )
    return np.stack([times @ sums for times in drawn])
