"""What training minimises: logits and labels come in, one loss per impression goes out.

`training.fit` takes the mean over a batch and follows its gradient.
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


LOSSES: dict[str, Loss] = {
    "binary_crossentropy": binary_crossentropy,
    "absolute_error": absolute_error,
    "squared_error": squared_error,
}
"""The losses of a single logit, by their names in the task file (``training.loss``)."""
