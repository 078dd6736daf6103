"""What training minimises: logits and labels come in, one loss per impression goes out.

`training.fitting.step` takes the mean over a batch and follows its gradient.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

Loss = Callable[[Any, Any], Any]
"""``(logits (n,), clicked (n,)) -> losses (n,)``, all float32 (or all float64), ``clicked`` being 0 or 1."""


def binary_crossentropy(logits: Any, clicked: Any) -> Any:
    """Negative log likelihood of the outcome; computed from the logit, so that large ones neither overflow nor round to 0.

    Args:
        logits: Log odds of a click, shape ``(n,)``.
        clicked: Labels 0 or 1 in the logits' type, shape ``(n,)``.

    Returns:
        Losses in nats, shape ``(n,)``, each at least 0.
    """
    return tf.nn.sigmoid_cross_entropy_with_logits(labels=clicked, logits=logits)


def absolute_error(logits: Any, clicked: Any) -> Any:
    """Distance of the probability from the outcome, shape ``(n,)``, in [0, 1]: 0.87 against a click gives 0.13.

    Its expectation is lowest at 0 or 1 and not at the click rate: probabilities fitted with it need calibration.
    """
    return tf.abs(clicked - tf.sigmoid(logits))


def squared_error(logits: Any, clicked: Any) -> Any:
    """Squared distance of the probability from the outcome, shape ``(n,)``, in [0, 1].

    Source:
        Brier, "Verification of Forecasts Expressed in Terms of Probability", Monthly Weather Review 1950.
    """
    return tf.square(clicked - tf.sigmoid(logits))


def softmax_crossentropy(logits: Any, labels: Any) -> Any:
    """Negative log likelihood of the right class under a softmax head.

    Args:
        logits: One per class, shape ``(n, k)``; with two classes their difference is the logit of the sigmoid head.
        labels: The right class of each impression, integers in [0, k), shape ``(n,)``.

    Returns:
        Losses in nats, shape ``(n,)``, each at least 0.
    """
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)


def smoothed(clicked: Any, share: float, click_rate: Any) -> Any:
    """Labels in [0, 1] that are less sure: a share of each is replaced by the click rate, so that their mean is kept.

    The lowest cross-entropy is then where a probability is ``(1 - share) * chance of a click + share * click_rate``.

    Args:
        clicked: Labels, shape ``(n,)``, or ``(n, targets)``.
        share: In [0, 1); 0 changes nothing.
        click_rate: Of the training slice, one per target; the uniform 1/2 of the source would lift every rare click's probability.

    Source:
        Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016, section 7.
    """
    return (1.0 - share) * clicked + share * click_rate if share else clicked


def ranking_loss(logits: Any, labels: Any, contexts: Any) -> Any:
    """Contrasts every impression with the others of its context: a click among clicks, a non-click among non-clicks.

    For a click it is ``-log(p_i / sum of p_j over the context)``, for a non-click the same of ``1 - p``: the ranking
    part of JRC with ``log p`` and ``log(1 - p)`` as its two logits, whose softmax is p again. With these, and not with
    two free logits, the probabilities that are lowest in cross-entropy are lowest here too. In a context with as many
    clicks as predicted its gradient is that of the cross-entropy: a whole batch soon is one, so name a key.

    Args:
        logits: Log odds of a click, shape ``(n,)``.
        labels: Between 0 and 1 in the logits' type, shape ``(n,)``.
        contexts: The context of each impression, int32 in [0, n), shape ``(n,)``.

    Returns:
        Losses in nats, shape ``(n,)``, each at least 0; 0 for an impression alone in its context.

    Source:
        JRC: Sheng et al., "Joint Optimization of Ranking and Calibration with Contextualized Hybrid Model", KDD 2023,
        equation 6; one logit: Bai et al., "Regression Compatible Listwise Objectives for Calibrated Ranking with Binary
        Relevance", CIKM 2023.
    """
    losses = [
        weight * (_log_sum_per_context(logs, contexts) - logs)
        for weight, logs in (
            (labels, tf.math.log_sigmoid(logits)),
            (1.0 - labels, tf.math.log_sigmoid(-logits)),
        )
    ]
    return tf.add_n(losses)


def _log_sum_per_context(logs: Any, contexts: Any) -> Any:
    """``log(sum of exp(logs))`` over each impression's context, shape ``(n,)``."""
    rows = contexts.shape[0]
    # The largest of a context is taken out first, so that a sum of small probabilities does not round to 0.
    largest = tf.gather(tf.stop_gradient(tf.math.unsorted_segment_max(logs, contexts, rows)), contexts)
    sums = tf.math.unsorted_segment_sum(tf.exp(logs - largest), contexts, rows)
    return largest + tf.math.log(tf.gather(sums, contexts))


LOSSES: dict[str, Loss] = {
    "binary_crossentropy": binary_crossentropy,
    "absolute_error": absolute_error,
    "squared_error": squared_error,
}
"""The losses of a single logit, by their names in the task file (``training.loss``)."""
