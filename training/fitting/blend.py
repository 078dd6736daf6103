"""A linear model mixed into the networks: a trained network or ensemble comes in, one graph of it and the linear model goes out.

`training.fitting.fit` calls `blended` where the task asks for it.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from training.calibration import undo_downsampling
from training.config import LINEAR, TrainingConfig
from training.fitting.descent import FitStores, fit_network
from training.fitting.ensemble import as_one
from training.fitting.trained import TrainedModel
from training.progress import Progress

LEAST_SHARE = 0.02
"""A linear model with a smaller share of the logit is left out: it would cost more than it gives."""

SPREAD = 0.35
"""Standard deviation of the share's prior around one half; it matters where the validation slice has few clicks."""


def blended(
    networks: TrainedModel, config: TrainingConfig, stores: FitStores, progress: Progress
) -> TrainedModel:
    """The networks and a linear model in one graph: logit = share * networks + (1 - share) * linear.

    A log whose columns hardly interact, or with few clicks, is told best by one well regularised weight per id; one with
    thresholds and interactions by networks. The validation slice says how much of each: see `share_of_networks`.

    Source:
        Wolpert, "Stacked Generalization", Neural Networks 5, 1992; one number is learned, so nothing is left to over-fit.
    """
    linear = fit_network(LINEAR, config.for_linear(), stores, progress)
    clicked = np.array(stores.validation.mapped()["clicked"])
    of_networks, of_linear = (
        undo_downsampling(model.predictor.logits(stores.validation).astype(np.float64), config.keep_rate)
        for model in (networks, linear)
    )
    share = share_of_networks(of_networks, of_linear, clicked)
    if share > 1.0 - LEAST_SHARE:
        return networks
    members = networks.members or (networks,)
    shares = [share / len(members)] * len(members) + [1.0 - share]
    whole = as_one((*members, linear), stores, progress, shares)
    return replace(whole, config=networks.config)


def share_of_networks(
    networks: NDArray[np.float64], linear: NDArray[np.float64], clicked: NDArray[np.float32]
) -> float:
    """The share in [0, 1] with the highest posterior: the mix's log loss and a normal prior around one half.

    Args:
        networks: Their logits of the validation slice, shape ``(n,)``.
        linear: Those of the linear model, shape ``(n,)``.
        clicked: Labels, shape ``(n,)``.
    """

    def cost(share: float) -> float:
        logits = share * networks + (1.0 - share) * linear
        loss = np.logaddexp(0.0, logits) - clicked * logits
        return float(loss.sum() + (share - 0.5) ** 2 / (2 * SPREAD**2))

    return float(minimize_scalar(cost, bounds=(0.0, 1.0), method="bounded").x)
