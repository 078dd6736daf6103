"""The points behind the report's pictures: labels and probabilities come in, ROC points and bins go out.

`training.report.report` keeps them, `training.report.pictures` draws them.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.document import FiniteDocument
from training.metrics import ECE_BINS, SMALLEST_PROBABILITY, Float64Array, checked


class RocPoint(FiniteDocument):
    """Shares of non-clicks and of clicks that are scored at least as high as some threshold, each in [0, 1]."""

    false_positive_rate: float
    true_positive_rate: float


class ReliabilityBin(FiniteDocument):
    """Impressions with similar probabilities: what was promised (mean probability) and what came (click rate)."""

    low: float
    high: float
    predicted: float
    observed: float
    impressions: int


class HistogramBin(FiniteDocument):
    """How many impressions got a probability in [low, high), by outcome."""

    low: float
    high: float
    clicks: int
    non_clicks: int


def roc_points(clicked: ArrayLike, scores: ArrayLike, points: int = 200) -> tuple[RocPoint, ...]:
    """The ROC curve from (0, 0) to (1, 1), thinned to at most about ``points`` points, evenly along its way.

    Args:
        clicked: Labels 0 or 1, shape ``(n,)``.
        scores: Only their order matters, shape ``(n,)``; tied scores make one step.
        points: Kept at most, the two ends not counted.

    Returns:
        Nothing without a click or without a non-click.

    Source:
        Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 2006.
    """
    is_click, scores = checked(clicked, scores)
    if is_click.all() or not is_click.any():
        return ()
    order = np.argsort(-scores, kind="stable")
    last_of_tie = np.flatnonzero(np.append(scores[order][1:] != scores[order][:-1], [True]))
    true_positives = np.cumsum(is_click[order])[last_of_tie]
    false_positives = last_of_tie + 1 - true_positives
    x = np.append(0.0, false_positives / false_positives[-1])
    y = np.append(0.0, true_positives / true_positives[-1])
    kept = np.unique(np.append(np.searchsorted(x + y, np.linspace(0.0, 2.0, points + 1)), [0, x.size - 1]))
    kept = kept[kept < x.size]
    return tuple(
        RocPoint(false_positive_rate=false, true_positive_rate=true)
        for false, true in zip(x[kept].tolist(), y[kept].tolist(), strict=True)
    )


def reliability(
    clicked: ArrayLike, probabilities: ArrayLike, bins: int = ECE_BINS
) -> tuple[ReliabilityBin, ...]:
    """Mean probability and click rate per bin; empty bins are left out.

    Bins hold about as many impressions each: clicks are rare, and most bins of equal width would be nearly empty. Equal
    probabilities share a bin.

    Args:
        clicked: Labels 0 or 1, shape ``(n,)``.
        probabilities: Of a click, shape ``(n,)``, each in [0, 1].
        bins: At most so many.

    Source:
        Guo et al., "On Calibration of Modern Neural Networks", ICML 2017; bins of equal mass after Nixon et al.,
        "Measuring Calibration in Deep Learning", CVPR workshops 2019.
    """
    is_click, probabilities = checked(clicked, probabilities, probability=True)
    if not is_click.size:
        return ()
    edges = np.unique(np.quantile(probabilities, np.linspace(0.0, 1.0, bins + 1), method="higher"))
    return _filled_bins(is_click, probabilities, edges)


def _filled_bins(
    is_click: NDArray[np.bool_], probabilities: Float64Array, edges: Float64Array
) -> tuple[ReliabilityBin, ...]:
    """Bins that include their upper edge; the first one its lower edge too."""
    bins = max(1, edges.size - 1)
    code = np.clip(np.searchsorted(edges, probabilities, side="left") - 1, 0, bins - 1)
    impressions = np.bincount(code, minlength=bins)
    predicted = np.bincount(code, weights=probabilities, minlength=bins)
    observed = np.bincount(code, weights=is_click, minlength=bins)
    return tuple(
        ReliabilityBin(
            low=float(edges[index]),
            high=float(edges[min(index + 1, edges.size - 1)]),
            predicted=float(predicted[index] / impressions[index]),
            observed=float(observed[index] / impressions[index]),
            impressions=int(impressions[index]),
        )
        for index in np.flatnonzero(impressions).tolist()
    )


def histogram(clicked: ArrayLike, probabilities: ArrayLike, bins: int = 40) -> tuple[HistogramBin, ...]:
    """Counts of clicks and non-clicks per bin of the probability.

    Args:
        clicked: Labels 0 or 1, shape ``(n,)``.
        probabilities: Of a click, shape ``(n,)``, each in [0, 1].
        bins: Of equal width in log odds, from the smallest to the largest probability: where clicks are rare, bins of
            equal width in probability would put nearly everything into the first.

    Returns:
        Nothing without an impression.
    """
    is_click, probabilities = checked(clicked, probabilities, probability=True)
    if not is_click.size:
        return ()
    inside = np.clip(probabilities, SMALLEST_PROBABILITY, 1.0 - SMALLEST_PROBABILITY)
    logits = np.log(inside) - np.log1p(-inside)
    clicks, edges = np.histogram(logits[is_click], bins=bins, range=(logits.min(), logits.max()))
    non_clicks, _ = np.histogram(logits[~is_click], bins=edges)
    cuts = (1.0 / (1.0 + np.exp(-edges))).tolist()
    return tuple(
        HistogramBin(low=low, high=high, clicks=count, non_clicks=other)
        for low, high, count, other in zip(
            cuts[:-1], cuts[1:], clicks.tolist(), non_clicks.tolist(), strict=True
        )
    )
