"""How well one column alone tells clicks: codes of its values and labels come in, click rates and areas under the curve go out.

`training.init` judges unknown columns by it, `training.check` looks for leaks, `training.report.importance` sets it
beside what a feature is worth to the model.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.metrics import auc

TOO_GOOD = 0.95
"""AUC that no column known before a click reaches alone."""

OUTCOMES_TO_JUDGE = 20
"""Impressions of either outcome without which nothing is said of a column."""

BINS = 50
"""Of numbers with many values."""

EARLIER = 0.7
"""Share of the impressions of which a column's click rates are taken; the later ones judge it."""

_STRENGTH = 20.0
"""Impressions that the overall click rate counts for, beside those with the value."""


def bin_codes(numbers: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    """A code per quantile bin, rising with the numbers, 0 for NaN; shape ``(n,)``."""
    known = ~np.isnan(numbers)
    edges = np.unique(np.quantile(numbers[known], np.arange(1, bins) / bins)) if known.any() else np.empty(0)
    codes = np.searchsorted(edges, numbers, side="right").astype(np.int64) + 1
    codes[~known] = 0
    return codes


def value_codes(values: pl.Series, missing: NDArray[np.bool_]) -> NDArray[np.int64]:
    """A code per value, which may be a list of tokens, 0 for missing; shape ``(n,)``."""
    if values.dtype == pl.List:
        values = values.list.join("\n")
    codes = values.rank("dense").to_numpy().astype(np.int64)
    codes[missing] = 0
    return codes


def smoothed_rates(
    codes: NDArray[np.int64], clicked: NDArray[np.int8], learned: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The click rate of every impression's code among the ``learned`` impressions, shape ``(n,)``, in (0, 1)."""
    prior = float(clicked[learned].mean())
    size = int(codes.max()) + 1
    shown = np.bincount(codes[learned], minlength=size)
    clicks = np.bincount(codes[learned], weights=clicked[learned], minlength=size)
    rates: NDArray[np.float64] = ((clicks + _STRENGTH * prior) / (shown + _STRENGTH))[codes]
    return rates


def enough_to_judge(clicked: NDArray[np.int8]) -> bool:
    """Whether there are `OUTCOMES_TO_JUDGE` of either outcome among these labels ``(n,)``: with fewer chance decides."""
    clicks = int((clicked == 1).sum())
    return min(clicks, len(clicked) - clicks) >= OUTCOMES_TO_JUDGE


def auc_alone(
    codes: NDArray[np.int64], clicked: NDArray[np.int8], learned: NDArray[np.bool_]
) -> float | None:
    """AUC of the codes' click rates on the impressions that are not ``learned``; None where they are of one kind."""
    return auc(clicked[~learned], smoothed_rates(codes, clicked, learned)[~learned])
