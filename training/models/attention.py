"""Attention over a sequence: embedded tokens and the item's embedding come in, one vector goes out to the joint part."""

from typing import Any

import keras
import tensorflow as tf
from typing_extensions import override

from training.config import ModelConfig
from training.models.anatomy import Activation


class LocalActivation(keras.layers.Layer):
    """Sums the tokens' embeddings, each weighed by a small network that sees the token and the item.

    Args:
        width: Longest sequence; the weights begin near 1 / width, so that training starts from a mean.
        config: Units, activation, and whether the weights of a sequence are made to sum to 1.
        l2: Weight of its layers' squared weights in the loss, at least 0.

    Source:
        Zhou et al., "Deep Interest Network for Click-Through Rate Prediction", KDD 2018, section 4.3: the weights are
        not normalised, so that a strong interest gives a long vector.
    """

    def __init__(self, width: int, config: ModelConfig, *, l2: float = 0.0) -> None:
        super().__init__()
        penalty = keras.regularizers.L2(l2) if l2 else None
        self.softmax = config.attention_softmax
        self.hidden = [
            keras.layers.Dense(units, kernel_regularizer=penalty) for units in config.attention_units
        ]
        self.activations = [Activation(config.activation) for _ in config.attention_units]
        self.weigh = (
            # A softmax does not see a bias.
            keras.layers.Dense(1, use_bias=False, kernel_regularizer=penalty)
            if self.softmax
            else keras.layers.Dense(
                1, bias_initializer=keras.initializers.Constant(1.0 / width), kernel_regularizer=penalty
            )
        )

    def depths(self) -> dict[str, list[keras.layers.Layer]]:
        """Its layers by depth."""
        pairs = enumerate(zip(self.hidden, self.activations, strict=True), 1)
        return {f"hidden {depth}": list(pair) for depth, pair in pairs} | {"weights": [self.weigh]}

    @override
    def call(self, tokens: Any, query: Any, present: Any) -> Any:
        """The pooled sequence ``(n, dim)``.

        Args:
            tokens: Embeddings ``(n, width, dim)``.
            query: Embedding of the item's feature ``(n, dim)``.
            present: True where a token stands, False for padding, ``(n, width)``.
        """
        query = tf.broadcast_to(query[:, tf.newaxis], tf.shape(tokens))
        numbers = tf.concat([query, tokens, query - tokens, query * tokens], axis=2)  # (n, width, 4 dim)
        for dense, activation in zip(self.hidden, self.activations, strict=True):
            numbers = activation(dense(numbers))
        weights = self.weigh(numbers)[:, :, 0]  # (n, width)
        if self.softmax:
            weights = tf.nn.softmax(tf.where(present, weights, weights.dtype.min), axis=1)
        weights = tf.where(present, weights, 0.0)
        return tf.reduce_sum(weights[:, :, tf.newaxis] * tokens, axis=1)
