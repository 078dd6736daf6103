"""How good probabilities are: labels and probabilities come in, numbers go out.

`training.report.report` lays them out per slice and segment, `training.fitting.descent` watches the log loss. What is undefined is None.
"""

from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from scipy.stats import rankdata

from features.document import FiniteDocument
from training.grouping import group

Float64Array = NDArray[np.float64]

SMALLEST_PROBABILITY = 1e-7
"""Log loss clips to [1e-7, 1 - 1e-7], so that one wrong certainty costs 16.1 and not infinity."""

ECE_BINS = 15


class Meaning(NamedTuple):
    """What a metric says to whoever reads the report.

    Attributes:
        label: Its name in tables.
        aim: Which value is better: a higher one, a lower one, or one near 1.
        explanation: One sentence, without formula.
    """

    label: str
    aim: Literal["high", "low", "one"]
    explanation: str


class SliceMetrics(FiniteDocument):
    """The metrics of one set of impressions; None where one is undefined.

    Each metric carries its `Meaning`: the tables of the command line and of the report page are derived from it.
    """

    impressions: int = Field(ge=0)
    clicks: int = Field(ge=0)
    click_rate: float | None = Field(default=None, ge=0, le=1)
    auc: Annotated[
        float | None,
        Meaning("AUC", "high", "Chance that a clicked impression is scored above one that was not clicked."),
    ] = None
    gauc: Annotated[
        float | None,
        Meaning("GAUC", "high", "AUC within one user's impressions, averaged over users by impressions."),
    ] = None
    log_loss: Annotated[
        float | None,
        Meaning(
            "Log loss", "low", "Surprise per impression; what training minimises. Punishes wrong certainty."
        ),
    ] = None
    normalised_entropy: Annotated[
        float | None,
        Meaning(
            "Normalised entropy", "low", "Log loss over that of always saying the click rate; below 1 helps."
        ),
    ] = None
    ece: Annotated[
        float | None,
        Meaning("ECE", "low", "Average distance between promised and observed click rate, over 15 bins."),
    ] = None
    ece_by_chance: float | None = Field(default=None, ge=0)
    """What `ece` comes to on these impressions if every probability is exact: see `ece_by_chance`."""
    calibration_ratio: Annotated[
        float | None,
        Meaning(
            "Predicted / observed clicks",
            "one",
            "Promised clicks per click that came; above 1 over-promises.",
        ),
    ] = None


METRICS: dict[str, Meaning] = {
    name: meaning
    for name, field in SliceMetrics.model_fields.items()
    for meaning in field.metadata
    if isinstance(meaning, Meaning)
}
"""Field of `SliceMetrics` -> what it means, in the order of the tables."""


def auc(clicked: ArrayLike, scores: ArrayLike) -> float | None:
    """Area under the ROC curve: the share of (click, non-click) pairs in the right order, ties counting half.

    Args:
        clicked: Labels 0 or 1, shape ``(n,)``.
        scores: Only their order matters, shape ``(n,)``.

    Returns:
        In [0, 1]; None without a click or without a non-click.

    Source:
        Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 2006; the rank form is Mann-Whitney's U.
    """
    is_click, scores = checked(clicked, scores)
    clicks = int(is_click.sum())
    non_clicks = is_click.size - clicks
    if not clicks or not non_clicks:
        return None
    wins = rankdata(scores)[is_click].sum() - clicks * (clicks + 1) / 2
    return float(wins / (clicks * non_clicks))


def gauc(clicked: ArrayLike, scores: ArrayLike, users: NDArray[Any]) -> float | None:
    """AUC within each user, averaged over users with both outcomes, weighted by their impressions.

    Args:
        clicked: Labels 0 or 1, shape ``(n,)``.
        scores: Only their order within a user matters, shape ``(n,)``.
        users: Who saw each impression, texts or numbers, shape ``(n,)``; impressions of a missing user are left out.

    Returns:
        In [0, 1]; None where no user has both outcomes.

    Source:
        Zhu et al., "Optimized Cost per Click in Taobao Display Advertising", KDD 2017.
    """
    of_users = aucs_by_user(clicked, scores, users)
    if not of_users.aucs.size:
        return None
    return float(np.average(of_users.aucs, weights=of_users.impressions))


class UserAucs(NamedTuple):
    """The AUC of every user with both outcomes.

    Attributes:
        aucs: In [0, 1], shape ``(users,)``.
        impressions: Of each of these users.
        first_impressions: The place of one impression of each.
    """

    aucs: Float64Array
    impressions: NDArray[np.int64]
    first_impressions: NDArray[np.int64]


def aucs_by_user(clicked: ArrayLike, scores: ArrayLike, users: NDArray[Any]) -> UserAucs:
    """What `gauc` averages, user by user; arguments as there."""
    is_click, scores = checked(clicked, scores)
    user, names = group(users)
    # By user, and by score within each: half the time of np.lexsort.
    order = np.argsort(scores)
    order = order[np.argsort(user[order], kind="stable")]
    user, scores, is_click = user[order], scores[order], is_click[order]
    ranks = _ranks_in_order(user, scores)
    impressions = np.bincount(user, minlength=len(names))
    clicks = np.bincount(user, weights=is_click, minlength=len(names))
    before = np.cumsum(impressions) - impressions  # impressions of the users sorted earlier
    ranks_of_clicks = np.bincount(user, weights=ranks * is_click, minlength=len(names)) - clicks * before
    counted = (clicks > 0) & (clicks < impressions) & (np.array(names) != "")
    places = order[before[counted]]
    impressions, clicks = impressions[counted], clicks[counted]
    wins = ranks_of_clicks[counted] - clicks * (clicks + 1) / 2
    return UserAucs(wins / (clicks * (impressions - clicks)), impressions, places)


def _ranks_in_order(user: NDArray[np.int64], scores: Float64Array) -> Float64Array:
    """Ranks from 1 of impressions sorted by user and score, shape ``(n,)``; a user's ties share their mean rank."""
    is_first = np.ones(scores.size, dtype=bool)
    is_first[1:] = (user[1:] != user[:-1]) | (scores[1:] != scores[:-1])
    first = np.flatnonzero(is_first)
    sizes = np.diff(np.append(first, scores.size))
    return np.repeat(first + (sizes + 1) / 2, sizes)


def log_loss(clicked: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean negative log likelihood per impression, in nats and float64; probabilities are clipped to [1e-7, 1 - 1e-7].

    Args:
        clicked: Labels 0 or 1, shape ``(n,)``, at least one.
        probabilities: Of a click, shape ``(n,)``, each in [0, 1].

    Raises:
        ValueError: If there is no impression.

    Source:
        Good, "Rational Decisions", JRSS B 1952 (the logarithmic score).
    """
    is_click, probabilities = checked(clicked, probabilities, probability=True)
    if not is_click.size:
        raise ValueError("expected at least one impression, got none: log loss is a mean over impressions")
    return float(log_losses(is_click, probabilities).mean())


def log_losses(clicked: NDArray[Any], probabilities: Float64Array) -> Float64Array:
    """The log loss of every impression, ``(n,)``, of labels and probabilities ``(n,)``, clipped as in `log_loss`."""
    inside = np.clip(probabilities, SMALLEST_PROBABILITY, 1.0 - SMALLEST_PROBABILITY)
    losses: Float64Array = -np.log(np.where(clicked == 1, inside, 1.0 - inside))
    return losses


def normalised_entropy(clicked: ArrayLike, probabilities: ArrayLike) -> float | None:
    """Log loss over the entropy of the click rate: 1 is no better than always saying the click rate, 0 is perfect.

    Args:
        clicked: Labels 0 or 1, shape ``(n,)``.
        probabilities: Of a click, shape ``(n,)``, each in [0, 1].

    Returns:
        At least 0; None without a click or without a non-click.

    Source:
        He et al., "Practical Lessons from Predicting Clicks on Ads at Facebook", ADKDD 2014.
    """
    is_click, probabilities = checked(clicked, probabilities, probability=True)
    if is_click.all() or not is_click.any():
        return None
    rate = is_click.mean()
    entropy = -(rate * np.log(rate) + (1.0 - rate) * np.log(1.0 - rate))
    return float(log_loss(is_click, probabilities) / entropy)


def ece(clicked: ArrayLike, probabilities: ArrayLike, bins: int = ECE_BINS) -> float | None:
    """Expected calibration error: |click rate - mean probability| per bin of equal width, averaged by impressions.

    Args:
        clicked: Labels 0 or 1, shape ``(n,)``.
        probabilities: Of a click, shape ``(n,)``, each in [0, 1].
        bins: Bin m of M holds the probabilities in ((m - 1) / M, m / M]; the first holds 0 too.

    Returns:
        In [0, 1]; None without an impression.

    Source:
        Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, equation 3.
    """
    is_click, probabilities = checked(clicked, probabilities, probability=True)
    if not is_click.size:
        return None
    gaps = np.bincount(_bin_of(probabilities, bins), weights=is_click - probabilities, minlength=bins)
    return float(np.abs(gaps).sum() / is_click.size)


def ece_by_chance(probabilities: ArrayLike) -> float | None:
    """The `ece` to expect where every probability is exact: clicks come by chance, and a bin never holds enough of them.

    The clicks of a bin are taken as normal, of the variance ``p * (1 - p)`` summed over its impressions, and as
    independent; E|x| of a normal x of deviation s around 0 is ``s * sqrt(2 / pi)``.

    Args:
        probabilities: Of a click, shape ``(n,)``, each in [0, 1].

    Returns:
        At least 0, falling with the square root of the impressions; None without an impression.
    """
    probabilities = np.asarray(probabilities, dtype=np.float64)
    if not probabilities.size:
        return None
    variances = np.bincount(
        _bin_of(probabilities, ECE_BINS), weights=probabilities * (1.0 - probabilities), minlength=ECE_BINS
    )
    return float(np.sqrt(2.0 / np.pi * variances).sum() / probabilities.size)


def _bin_of(probabilities: Float64Array, bins: int) -> NDArray[np.int64]:
    """Which bin of equal width each probability falls into, from 0, shape ``(n,)``."""
    edges = np.linspace(0.0, 1.0, bins + 1)
    return np.maximum(np.searchsorted(edges, probabilities, side="left") - 1, 0)


def calibration_ratio(clicked: ArrayLike, probabilities: ArrayLike) -> float | None:
    """Predicted clicks per observed click; above 1 the model over-promises; None without a click.

    Source:
        He et al., "Practical Lessons from Predicting Clicks on Ads at Facebook", ADKDD 2014 (there: calibration).
    """
    is_click, probabilities = checked(clicked, probabilities, probability=True)
    return float(probabilities.sum() / is_click.sum()) if is_click.any() else None


def all_metrics(
    clicked: ArrayLike, probabilities: ArrayLike, users: NDArray[Any] | None = None
) -> SliceMetrics:
    """Every metric of one set of impressions.

    Args:
        clicked: Labels 0 or 1, shape ``(n,)``.
        probabilities: Of a click, shape ``(n,)``, each in [0, 1].
        users: Who saw each impression, shape ``(n,)``; without it GAUC is None.
    """
    is_click, probabilities = checked(clicked, probabilities, probability=True)
    return SliceMetrics(
        impressions=is_click.size,
        clicks=int(is_click.sum()),
        click_rate=float(is_click.mean()) if is_click.size else None,
        auc=auc(is_click, probabilities),
        gauc=None if users is None else gauc(is_click, probabilities, users),
        log_loss=log_loss(is_click, probabilities) if is_click.size else None,
        normalised_entropy=normalised_entropy(is_click, probabilities),
        ece=ece(is_click, probabilities),
        ece_by_chance=ece_by_chance(probabilities),
        calibration_ratio=calibration_ratio(is_click, probabilities),
    )


def checked(
    clicked: ArrayLike, scores: ArrayLike, *, probability: bool = False
) -> tuple[NDArray[np.bool_], Float64Array]:
    """Labels as booleans and scores as float64, both ``(n,)``.

    Raises:
        ValueError: If shapes differ, a label is not 0 or 1, a score is NaN, or a probability is outside [0, 1].
    """
    labels, numbers = np.asarray(clicked), np.asarray(scores, dtype=np.float64)
    if labels.ndim != 1 or labels.shape != numbers.shape:
        raise ValueError(f"expected two arrays of one shape (n,), got {labels.shape} and {numbers.shape}")
    is_click: NDArray[np.bool_] = labels == 1
    if not (is_click | (labels == 0)).all():
        raise ValueError(f"expected labels 0 and 1, got {labels[~is_click & (labels != 0)][0]}")
    if np.isnan(numbers).any():
        raise ValueError("expected numbers to judge, got NaN: the model's weights are likely NaN too")
    if probability and numbers.size and not (numbers.min() >= 0.0 and numbers.max() <= 1.0):
        raise ValueError(
            f"expected probabilities in [0, 1], got [{numbers.min()}, {numbers.max()}]: apply the sigmoid to logits"
        )
    return is_click, numbers
