"""Probabilities that mean what they say: validation logits and labels come in, a slope and an offset go out.

`training.export` builds them into the graph, after the correction for downsampled non-clicks.
"""

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.optimize import minimize
from scipy.special import expit

from training.metrics import Float64Array, checked

Kind = Literal["platt", "temperature", "none"]

FEWEST = 20
"""Fewer clicks, or fewer non-clicks, are too few to learn two numbers from: the identity is kept."""

SLOPES = (0.01, 100.0)
"""Range of the fitted slope; positive, so that the order of candidates, and with it every AUC, is kept."""


class Calibration(BaseModel):
    """``calibrated logit = slope * logit + offset``; the default changes nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Kind = "none"
    slope: float = Field(default=1.0, gt=0)
    offset: float = 0.0

    def apply(self, logits: NDArray[np.floating]) -> Float64Array:
        """Calibrated logits, shape ``(n,)``, in float64."""
        return self.slope * logits.astype(np.float64) + self.offset


def fit_calibration(kind: Kind, logits: ArrayLike, clicked: ArrayLike) -> Calibration:
    """The slope and the offset with the lowest log loss on impressions that did not train the network.

    Args:
        kind: ``platt`` fits both, ``temperature`` the slope alone, ``none`` neither.
        logits: Of the uncalibrated model, with downsampling already undone, shape ``(n,)``, finite.
        clicked: Labels 0 or 1, shape ``(n,)``.

    Returns:
        The identity for ``none``, and where clicks or non-clicks are fewer than `FEWEST`.

    Raises:
        ValueError: If shapes differ, a label is not 0 or 1, or a logit is not finite.

    Source:
        Platt, "Probabilistic Outputs for Support Vector Machines", 1999; temperature: Guo et al., ICML 2017 (their
        temperature is 1 / slope).
    """
    is_click, logits = checked(clicked, logits)
    if np.isinf(logits).any():
        raise ValueError(
            "expected finite logits to calibrate, got an infinite one: train with a lower learning rate"
        )
    clicks = int(is_click.sum())
    if kind == "none" or min(clicks, is_click.size - clicks) < FEWEST:
        return Calibration()
    slope, offset = _lowest_log_loss(logits, is_click, with_offset=kind == "platt")
    return Calibration(kind=kind, slope=slope, offset=offset)


def _lowest_log_loss(
    logits: Float64Array, is_click: NDArray[np.bool_], *, with_offset: bool
) -> tuple[float, float]:
    # Around the mean, slope and offset hardly influence each other, which makes the descent short.
    centre = float(logits.mean()) if with_offset else 0.0
    centred = logits - centre

    def loss_and_gradient(parameters: Float64Array) -> tuple[float, Float64Array]:
        calibrated = parameters[0] * centred + parameters[1]
        loss = np.logaddexp(0.0, calibrated).mean() - calibrated[is_click].sum() / calibrated.size
        residual = expit(calibrated) - is_click
        return float(loss), np.array([(residual * centred).mean(), residual.mean()])

    found = minimize(
        loss_and_gradient,
        x0=np.array([1.0, centre]),
        jac=True,
        method="L-BFGS-B",
        bounds=[SLOPES, (None, None) if with_offset else (0.0, 0.0)],
        options={"ftol": 1e-14, "gtol": 1e-9},
    )
    slope, offset = found.x.tolist()
    return slope, offset - slope * centre


def undo_downsampling(logits: Float64Array, keep_rate: float) -> Float64Array:
    """Turn logits learned on downsampled non-clicks back into logits on the full log.

    Keeping a share w of the non-clicks divides the odds' denominator by 1 / w: ``logit + log(w)`` is the logit of
    ``p / (p + (1 - p) / w)``.

    Args:
        logits: Of a network trained on the downsampled log, shape ``(n,)``; the export passes a tensor.
        keep_rate: Share of non-clicks kept for training, in (0, 1].

    Returns:
        Logits on the full log, shape ``(n,)``; their order is kept, and with ``keep_rate`` 1 their every bit.

    Raises:
        ValueError: If ``keep_rate`` is outside (0, 1].

    Source:
        He et al., "Practical Lessons from Predicting Clicks on Ads at Facebook", ADKDD 2014, section 6.3.
    """
    if not 0.0 < keep_rate <= 1.0:
        raise ValueError(f"expected keep_rate in (0, 1], got {keep_rate}: it is the share of non-clicks kept")
    return logits + math.log(keep_rate)
