"""How sure a network may be of what it has not seen: held-out logits and labels come in, a slope goes out.

`training.whole` asks for it with every impression that the judged network was held out from.
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from training.calibration.choice import independent_part
from training.calibration.evidence import Evidence
from training.calibration.kinds import SLOPES
from training.metrics import Float64Array

EXPECTED = 0.95
"""The slope where the clicks speak for none: of impressions further ahead than the held-out ones, networks are mostly a little too sure."""

SPREAD = 0.05
"""Of the normal prior around it."""


def fit_sureness(evidence: Evidence) -> float:
    """By what to multiply logits, the more exactly the more clicks there are.

    The slope with the lowest log loss beside the level that suits it, under a normal prior; impressions of one hour or
    user that are alike count for fewer. What has judged may speak, too, once nothing is judged any more.

    Args:
        evidence: Impressions that trained nothing.
    """
    clicked = evidence.clicked
    if clicked.min() == clicked.max():
        return EXPECTED
    centred = evidence.logits - evidence.logits.mean()
    weight = 1.0 / (len(clicked) * independent_part(evidence))

    def loss_and_gradient(parameters: Float64Array) -> tuple[float, Float64Array]:
        slope, level = parameters
        logits = slope * centred + level
        loss = float((np.logaddexp(0.0, logits) - clicked * logits).mean())
        residual = expit(logits) - clicked
        away = (slope - EXPECTED) / SPREAD
        gradient = np.array([(residual * centred).mean() + weight * away / SPREAD, residual.mean()])
        return loss + weight * away**2 / 2.0, gradient

    start = np.array([EXPECTED, evidence.logits.mean()])
    found = minimize(loss_and_gradient, start, jac=True, method="SLSQP", bounds=[SLOPES, (None, None)])
    return float(found.x[0])
