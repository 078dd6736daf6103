"""Probabilities whose mean is the click rate: a trained network and its training slice come in, its shift is set.

`training.fitting.descent` balances every network, `training.fitting.ensemble` what becomes of several.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from training.encoding.store import EncodedStore
from training.fitting.trained import Predictor
from training.models import Family
from training.targets import Targets

MOST = 5.0
"""The largest shift of a logit; a network that needs more has learned something else than the rate."""


def balance(network: Family, predictor: Predictor, train: EncodedStore) -> None:
    """Move every target's logit so that its probabilities' mean over the training slice is the target's rate there.

    A generalised linear model with an intercept has this property where its log loss is lowest. A network that stops
    early, averages its weights or drops units is a per cent or two off, and the mean of several logits is less sure than
    each of them. One number per target is learned from the whole slice, so nothing is left to over-fit; non-clicks that
    were left out stay out, as the network saw it.

    Args:
        network: With its best weights; its ``shift`` is changed.
        predictor: Says the network's logits.
        train: What the network was trained on, at least one impression.

    Source:
        Wüthrich, "Bias regularization in neural network models for general insurance pricing", European Actuarial
        Journal 10, 2020.
    """
    rates = train.labels().reshape(train.rows, -1).mean(axis=0, dtype=np.float64)
    network.shift.assign_add(shifts(predictor.heads(train), rates, partial(_uncalibrated, network.targets)))


def _uncalibrated(targets: Targets, heads: NDArray[np.float64]) -> NDArray[np.float64]:
    probabilities: NDArray[np.float64] = expit(targets.on_all_impressions(np, heads))
    return probabilities


def shifts(
    heads: NDArray[np.float64],
    rates: NDArray[np.float64],
    told: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """What to add to each head's logits, ``(targets,)``; 0 where no shift of at most `MOST` reaches the rate.

    Args:
        heads: Their logits, ``(n, targets)``; a head that comes after another is moved last.
        rates: What the mean of each target's probabilities should be, each in [0, 1].
        told: The targets' probabilities ``(n, targets)`` from the heads' logits.
    """
    found = np.zeros(heads.shape[1])

    def excess(shift: float, place: int) -> float:
        found[place] = shift
        return float(told(heads + found)[:, place].mean() - rates[place])

    for place in range(len(found)):
        reached = excess(-MOST, place) < 0.0 < excess(MOST, place)
        found[place] = brentq(excess, -MOST, MOST, args=(place,)) if reached else 0.0
    return found
