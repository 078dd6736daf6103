"""How much a column says about clicks on its own, on impressions that it was not learned from.

Columns and labels come in; areas under the curve and log losses go out to the search for leaks and to the choice of
kinds.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.init.column import Column
from training.metrics import auc, log_loss

_STRENGTH = 20.0
"""Impressions that the overall click rate counts for, beside those with the value."""


def value_codes(column: Column) -> NDArray[np.int64]:
    """A code per value, 0 for missing; shape ``(n,)``."""
    texts = column.texts.list.join("\n") if column.lists else column.texts
    codes = texts.rank("dense").to_numpy().astype(np.int64)
    codes[~column.present] = 0
    return codes


def bin_codes(numbers: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    """A code per quantile bin, rising with the numbers, 0 for NaN; shape ``(n,)``."""
    known = ~np.isnan(numbers)
    edges = np.unique(np.quantile(numbers[known], np.arange(1, bins) / bins)) if known.any() else np.empty(0)
    codes = np.searchsorted(edges, numbers, side="right").astype(np.int64) + 1
    codes[~known] = 0
    return codes


def codes_of(column: Column) -> NDArray[np.int64]:
    """Bins of numbers that have many values, else the values themselves; shape ``(n,)``."""
    if column.numbers is not None and len(np.unique(column.numbers)) > 50:
        return bin_codes(column.numbers, 50)
    return value_codes(column)


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


def later_auc(column: Column, clicked: NDArray[np.int8], learned: NDArray[np.bool_]) -> float | None:
    """AUC of the column alone on the impressions that are not ``learned``; None where they are of one kind."""
    rates = smoothed_rates(codes_of(column), clicked, learned)
    return auc(clicked[~learned], rates[~learned])


def crossed_log_loss(codes: NDArray[np.int64], clicked: NDArray[np.int8]) -> float:
    """Log loss of the codes' click rates, each half of the impressions learned from the other."""
    even = np.arange(len(codes)) % 2 == 0
    rates = np.where(even, smoothed_rates(codes, clicked, ~even), smoothed_rates(codes, clicked, even))
    return log_loss(clicked, np.clip(rates, 1e-6, 1 - 1e-6))


def is_slow(column: Column) -> bool:
    """Whether neighbouring impressions mostly share the value, beyond chance, as with months and markets."""
    codes = codes_of(column)
    shares = np.bincount(codes) / len(codes)
    chance = float((shares**2).sum())
    together = float((np.diff(codes) == 0).mean()) if len(codes) > 1 else 0.0
    return chance < 1 and (together - chance) / (1 - chance) > 0.5


def repetition(column: Column) -> float:
    """Kept impressions per different value."""
    present = int(column.present.sum())
    return present / max(1, pl.Series(column.texts).filter(column.present).n_unique()) if present else 0.0


def seen_before(column: Column, learned: NDArray[np.bool_]) -> float:
    """Share of the impressions with a value that are not ``learned`` whose value is among the learned ones."""
    present = column.present
    early = column.texts.filter(learned & present).unique()
    late = column.texts.filter(~learned & present)
    return int(late.is_in(early.implode()).sum()) / len(late) if len(late) else 1.0
