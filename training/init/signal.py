"""How much a column says about clicks on its own, on impressions that it was not learned from.

Columns and labels come in; areas under the curve and log losses go out to the search for leaks and to the choice of
kinds.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training import univariate
from training.init.column import Column
from training.metrics import auc
from training.univariate import BINS, auc_alone, bin_codes, smoothed_rates

_STANDARD_ERRORS = 2.5


def value_codes(column: Column) -> NDArray[np.int64]:
    """A code per value, 0 for missing; shape ``(n,)``."""
    return univariate.value_codes(column.texts, ~column.present)


def codes_of(column: Column) -> NDArray[np.int64]:
    """Bins of numbers that have many values, else the values themselves; shape ``(n,)``."""
    if column.numbers is not None and len(np.unique(column.numbers)) > BINS:
        return bin_codes(column.numbers, BINS)
    return value_codes(column)


def later_auc(column: Column, clicked: NDArray[np.int8], learned: NDArray[np.bool_]) -> float | None:
    """AUC of the column alone on the impressions that are not ``learned``; None where they are of one kind."""
    return auc_alone(codes_of(column), clicked, learned)


def crossed_auc(column: Column, clicked: NDArray[np.int8]) -> float | None:
    """AUC of the column alone on all impressions, each half of them learned from the other; None where they are of one kind."""
    return auc(clicked, _crossed_rates(codes_of(column), clicked))


def crossed_losses(codes: NDArray[np.int64], clicked: NDArray[np.int8]) -> NDArray[np.float64]:
    """Log loss of every impression by the codes' click rates, each half of them learned from the other; shape ``(n,)``."""
    rates = _crossed_rates(codes, clicked)
    losses: NDArray[np.float64] = -np.log(np.clip(np.where(clicked == 1, rates, 1 - rates), 1e-6, 1.0))
    return losses


def _crossed_rates(codes: NDArray[np.int64], clicked: NDArray[np.int8]) -> NDArray[np.float64]:
    # Half of the clicks and of the non-clicks by chance: where requests have two rows, every second may have all the clicks.
    rng, half = np.random.default_rng(1), np.empty(len(codes), dtype=bool)
    for outcome in (0, 1):
        half[clicked == outcome] = rng.permutation(int((clicked == outcome).sum())) % 2 == 0
    return np.where(half, smoothed_rates(codes, clicked, ~half), smoothed_rates(codes, clicked, half))


def clearly_less(
    losses: NDArray[np.float64], others: NDArray[np.float64], errors: float = _STANDARD_ERRORS
) -> bool:
    """Whether the losses ``(n,)`` are less than the others' on average, by more than so many standard errors."""
    gain = others - losses
    return bool(gain.mean() > errors * gain.std() / np.sqrt(len(gain)))


def frequency_effect(column: Column, clicked: NDArray[np.int8]) -> float:
    """How clearly values that come often are clicked more, or less if below 0, than those that come rarely; in standard errors.

    The score of a logistic regression on the logarithm of the frequency. Impressions of one value have its click rate in
    common, so that values are what is counted.

    Source:
        Liang and Zeger, "Longitudinal Data Analysis Using Generalized Linear Models", Biometrika 73, 1986.
    """
    if not column.present.any():
        return 0.0
    codes, labels = value_codes(column)[column.present], clicked[column.present]
    frequency = np.log(np.maximum(np.bincount(codes), 1))
    scores = np.bincount(codes, labels - labels.mean()) * (frequency - frequency[codes].mean())
    error = float(np.sqrt((scores**2).sum()))
    return float(scores.sum()) / error if error else 0.0


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


def come_once(column: Column, order: NDArray[np.intp]) -> bool:
    """Whether each of several values has its turn in this order of the impressions, and none comes twice."""
    codes = value_codes(column)[order]
    codes = codes[codes > 0]
    return 1 < len(np.unique(codes)) == 1 + np.count_nonzero(np.diff(codes))
