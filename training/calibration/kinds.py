"""Fits one kind of curve: logits and labels come in, the curve with the lowest log loss goes out.

`training.calibration.choice` tries several, `training.calibration.segments` fits one for every segment.
"""

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq, isotonic_regression, minimize
from scipy.special import expit, logit

from training.calibration.curves import IDENTITY, Beta, Isotonic, Linear
from training.calibration.held import Held
from training.config import Kind
from training.metrics import Float64Array, checked

KINDS: tuple[Kind, ...] = ("none", "temperature", "platt", "beta", "isotonic")
"""From the simplest to the richest."""

FEWEST = 20
"""Fewer clicks, or fewer non-clicks, are too few to learn a curve from, or one knot of it."""

MOST_KNOTS = 50
"""Of an isotonic curve: more would follow the days it was fitted on, which are not those it will serve."""

SLOPES = (0.01, 100.0)
"""Range of every fitted slope; positive, so that the order of candidates, and with it every AUC, is kept."""

LEAST_RISE = 1e-9
"""From one knot of an isotonic curve to the next: less is a rounding."""

MOST_SHIFT = 5.0
"""Of a whole isotonic curve; one that needs more has outliers that no shift makes good."""


def fit_calibration(
    kind: Kind, logits: ArrayLike, clicked: ArrayLike, held: Held | None = None
) -> Linear | Beta | Isotonic:
    """The curve of a kind with the lowest log loss on impressions that did not train the network.

    Args:
        kind: ``temperature`` fits a slope, ``platt`` a slope and an offset, ``beta`` a slope for each end and an
            offset, ``isotonic`` a rising line of up to `MOST_KNOTS` knots that promises as many clicks as came, ``none``
            nothing.
        logits: Of the uncalibrated model, with downsampling already undone, shape ``(n,)``, finite.
        clicked: Labels 0 or 1, shape ``(n,)``.
        held: Near the identity: a prior on every slope around 1 and on the shift of the mean logit around 0; None for
            the lowest log loss alone. It says nothing of ``isotonic``, for which task files cannot ask it.

    Returns:
        The identity for ``none``, and where clicks or non-clicks are fewer than `FEWEST`.

    Raises:
        ValueError: If shapes differ, a label is not 0 or 1, or a logit is not finite.

    Source:
        Platt, "Probabilistic Outputs for Support Vector Machines", 1999; temperature: Guo et al., ICML 2017 (their
        temperature is 1 / slope); beta: Kull et al., AISTATS 2017; isotonic: Zadrozny and Elkan, KDD 2002.
    """
    is_click, logits = checked(clicked, logits)
    if np.isinf(logits).any():
        raise ValueError(
            "expected finite logits to calibrate, got an infinite one: train with a lower learning rate"
        )
    clicks = int(is_click.sum())
    if kind == "none" or min(clicks, is_click.size - clicks) < FEWEST:
        return IDENTITY
    return _fitted(kind, logits, is_click, held)


def fit_shift(logits: ArrayLike, clicked: ArrayLike, held: Held | None = None) -> float:
    """The offset alone with the lowest log loss, as `fit_calibration` fits it beside a slope; 0 where clicks are too few."""
    is_click, logits = checked(clicked, logits)
    clicks = int(is_click.sum())
    if min(clicks, is_click.size - clicks) < FEWEST:
        return 0.0
    _, offset = _lowest_log_loss(logits[:, None], is_click, held, with_offset=True, slopes=(1.0, 1.0))
    return offset


def _fitted(
    kind: Literal["temperature", "platt", "beta", "isotonic"],
    logits: Float64Array,
    is_click: NDArray[np.bool_],
    held: Held | None,
) -> Linear | Beta | Isotonic:
    match kind:
        case "temperature":
            (slope,) = _lowest_log_loss(logits[:, None], is_click, held, with_offset=False)
            return Linear(kind=kind, slope=slope)
        case "platt":
            slope, offset = _lowest_log_loss(logits[:, None], is_click, held, with_offset=True)
            return Linear(kind=kind, slope=slope, offset=offset)
        case "beta":
            ends = np.stack([-np.logaddexp(0.0, -logits), np.logaddexp(0.0, logits)], axis=1)
            low, high, offset = _lowest_log_loss(ends, is_click, held, with_offset=True)
            return Beta(low=low, high=high, offset=offset)
        case "isotonic":
            return _isotonic(logits, is_click)


def _lowest_log_loss(
    inputs: Float64Array,
    is_click: NDArray[np.bool_],
    held: Held | None,
    *,
    with_offset: bool,
    slopes: tuple[float, float] = SLOPES,
) -> list[float]:
    """The slope of every column of ``inputs``, shape ``(n, k)``, and the offset where one is asked for."""
    columns = inputs.shape[1]
    # Around the mean, slopes and offset hardly influence each other, which makes the descent short.
    centre = inputs.mean(axis=0) if with_offset else np.zeros(columns)
    centred = inputs - centre
    unchanged = np.append(np.ones(columns), centre.sum())

    def loss_and_gradient(parameters: Float64Array) -> tuple[float, Float64Array]:
        calibrated = centred @ parameters[:columns] + parameters[columns]
        loss = np.logaddexp(0.0, calibrated).mean() - calibrated[is_click].sum() / calibrated.size
        residual = expit(calibrated) - is_click
        gradient = np.append(residual @ centred / residual.size, residual.mean())
        if held is None:
            return float(loss), gradient
        cost, of_cost = held.cost(parameters - unchanged, len(inputs))
        return float(loss) + cost, gradient + of_cost

    bounds = [slopes] * columns + [(None, None) if with_offset else (0.0, 0.0)]
    found = _descend(loss_and_gradient, unchanged, bounds)
    if held is not None:
        # A small change and a large one may both be low points: the large one is near what the clicks alone say.
        free = _lowest_log_loss(inputs, is_click, None, with_offset=with_offset, slopes=slopes)
        start = np.append(free[:columns], free[columns] + free[:columns] @ centre if with_offset else 0.0)
        found = min(found, _descend(loss_and_gradient, start, bounds), key=lambda point: float(point.fun))
    fitted, offset = found.x[:columns], found.x[columns]
    return [*fitted.tolist(), float(offset - fitted @ centre)] if with_offset else fitted.tolist()


def _descend(loss_and_gradient: Any, start: Float64Array, bounds: list[Any]) -> Any:
    return minimize(
        loss_and_gradient,
        x0=start,
        jac=True,
        # As exact as L-BFGS-B here, which wakes every thread of the linear algebra library for its 3 x 3 matrices.
        method="SLSQP",
        bounds=bounds,
        options={"ftol": 1e-14, "maxiter": 200},
    )


class Step(NamedTuple):
    """Neighbouring impressions that isotonic regression gives one click rate."""

    impressions: float
    clicks: float
    sum_of_logits: float

    @property
    def knot(self) -> tuple[float, float]:
        """The centre of the step: its mean logit, and the logit of its click rate."""
        return self.sum_of_logits / self.impressions, float(logit(self.clicks / self.impressions))

    def with_next(self, step: "Step") -> "Step":
        return Step(*(mine + its for mine, its in zip(self, step, strict=True)))


def _isotonic(logits: Float64Array, is_click: NDArray[np.bool_]) -> Isotonic:
    distinct, place = np.unique(logits, return_inverse=True)
    impressions, clicks = np.bincount(place), np.bincount(place, weights=is_click)
    # Equal logits are one point: what the network cannot tell apart, no curve may.
    starts = isotonic_regression(clicks / impressions, weights=impressions).blocks[:-1]
    columns = (np.add.reduceat(column, starts) for column in (impressions, clicks, distinct * impressions))
    steps = [Step(*map(float, step)) for step in zip(*columns, strict=True)]
    non_clicks = is_click.size - is_click.sum()
    knots = [
        step.knot for step in wide_steps(steps, max(FEWEST, min(is_click.sum(), non_clicks) / MOST_KNOTS))
    ]
    at, calibrated = zip(*knots, strict=True)
    curve = Isotonic(logits=at, calibrated=calibrated)
    shift = _missing_shift(curve.apply(distinct), impressions, clicks.sum())
    return Isotonic(logits=at, calibrated=tuple(height + shift for height in calibrated))


def _missing_shift(calibrated: Float64Array, impressions: NDArray[np.integer], clicks: float) -> float:
    """What to add to the calibrated logits ``(k,)`` of so many impressions each for as many clicks as came.

    A wide step has more clicks than an impression of its mean logit would get where clicks are rare, so the line through
    its centre promises too many.
    """

    def excess(shift: float) -> float:
        return float(impressions @ expit(calibrated + shift) - clicks)

    reached = excess(-MOST_SHIFT) < 0.0 < excess(MOST_SHIFT)
    return float(brentq(excess, -MOST_SHIFT, MOST_SHIFT)) if reached else 0.0


def wide_steps(steps: list[Step], fewest: float) -> list[Step]:
    """Steps joined with their neighbours until each has so many clicks and non-clicks, and none is too steep.

    So no step is all clicks or none, whose logit would be infinite; the joined rates still rise.
    """
    wide: list[Step] = []
    rest: Step | None = None
    for step in steps:
        rest = step if rest is None else rest.with_next(step)
        if min(rest.clicks, rest.impressions - rest.clicks) >= fewest and _is_gentle(wide, rest):
            wide.append(rest)
            rest = None
    if rest is None:
        return wide
    return [*wide[:-1], wide[-1].with_next(rest)] if wide else [rest]


def _is_gentle(wide: list[Step], step: Step) -> bool:
    """Whether the line from the last step rises, and does not blow the rounding of float32 logits up.

    Regression leaves neighbours of the same click rate apart where their means differ by a rounding.
    """
    if not wide:
        return True
    (before, low), (after, high) = wide[-1].knot, step.knot
    return LEAST_RISE < high - low <= SLOPES[1] * (after - before)
