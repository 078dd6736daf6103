"""CCPM: convolutions slide over the fields, and only the strongest responses of each go on."""

from typing import Any, ClassVar

import keras
import tensorflow as tf
from typing_extensions import override

from features.layout import EncodedLayout
from features.spec import Half
from training.config import ModelConfig
from training.models.anatomy import Activation
from training.models.family import Family, HalfInputs, Regularisation
from training.models.layers import ValueVectors
from training.models.tower import unsplit
from training.targets import Targets

LAST_KEPT = 3
"""Responses that the last convolution keeps, and that every other keeps at least."""


class Ccpm(Family):
    """Convolutions over neighbouring fields, each followed by flexible p-max pooling, then hidden layers.

    A convolution sees fields of different halves at once: a half's state is no more than its embeddings.

    Source:
        Liu et al., "A Convolutional Click Prediction Model", CIKM 2015.
    """

    needs_widths_kept: ClassVar[bool] = True  # the hidden layers count on a convolution's channels

    def __init__(
        self, layout: EncodedLayout, config: ModelConfig, regularisation: Regularisation, targets: Targets
    ) -> None:
        super().__init__(layout, config, regularisation, targets)
        self.value_vectors = ValueVectors(layout, config.embedding_dim, l2=regularisation.l2)
        self.rows = len(layout.ids) + len(layout.values)
        l2 = keras.regularizers.L2(regularisation.l2) if regularisation.l2 else None
        self.convolutions = [
            Convolution(channels, config.conv_height, config.activation, l2)
            for channels in config.conv_channels
        ]
        self.kept = kept_responses(self.rows, config.conv_height, len(config.conv_channels))
        width = self.kept[-1] * config.embedding_dim * config.conv_channels[-1]
        self.deep = self.perceptron(unsplit(width))

    @override
    def part(self, half: Half, inputs: HalfInputs, *, training: bool) -> Any:
        fields = self.fields(half, inputs, training=training)
        vectors = tf.concat([fields, self.value_vectors(inputs.values, half=half)], axis=1)
        count = len(self.layout.ids_of(half)) + len(self.layout.values_of(half))
        if not count:
            return tf.zeros([tf.shape(vectors)[0], 0])  # ONNX Runtime refuses to reshape to a width of 0
        return tf.reshape(vectors, [tf.shape(vectors)[0], count * self.embedding.dim])

    @override
    def logit(self, user: Any, item: Any, joint: Any, *, training: bool) -> Any:
        maps = tf.concat([user, item, joint], axis=1)
        maps = tf.reshape(maps, [-1, self.rows, self.embedding.dim, 1])  # (n, fields, dim, channels)
        around = self.config.conv_height - 1
        for convolution, kept in zip(self.convolutions, self.kept, strict=True):
            # Wide convolution: the fields at the ends are seen as often as those between.
            maps = convolution(tf.pad(maps, [[0, 0], [around, around], [0, 0], [0, 0]]))
            maps = strongest(maps, kept)
        flat = tf.reshape(maps, [-1, maps.shape[1] * maps.shape[2] * maps.shape[3]])
        return self.logit_of(self.deep.whole(flat, training=training))


class Convolution(keras.layers.Layer):
    """A convolution along the fields, and its activation.

    Args:
        channels: Of its output.
        height: Neighbouring fields that it sees.
        activation: A name that Keras knows.
        l2: Regulariser of the kernel.
    """

    def __init__(self, channels: int, height: int, activation: str, l2: Any) -> None:
        super().__init__()
        self.kernel = keras.layers.Conv2D(channels, (height, 1), kernel_regularizer=l2)
        self.activation = Activation(activation)

    def depths(self) -> dict[str, list[keras.layers.Layer]]:
        """Both are one layer."""
        return {"": [self.kernel, self.activation]}

    @override
    def call(self, maps: Any) -> Any:
        """Responses ``(n, fields - height + 1, dim, channels)`` of maps ``(n, fields, dim, channels)``."""
        return self.activation(self.kernel(maps))


def kept_responses(fields: int, height: int, layers: int) -> list[int]:
    """How many responses each layer keeps: (1 - (i / layers)^(layers - i)) fields after layer i, 3 after the last.

    Source:
        Liu et al., CIKM 2015, section 3.2, "flexible p-max pooling".
    """
    kept, rows = [], fields
    for layer in range(1, layers + 1):
        share = 1.0 - (layer / layers) ** (layers - layer)
        rows = min(rows + height - 1, max(LAST_KEPT, int(share * fields)))
        kept.append(rows)
    return kept


def strongest(maps: Any, kept: int) -> Any:
    """The largest numbers along the fields, in the order of the fields.

    Args:
        maps: ``(n, fields, dim, channels)``.
        kept: How many of each column's fields remain.

    Returns:
        ``(n, kept, dim, channels)``.
    """
    last = tf.transpose(maps, [0, 2, 3, 1])  # (n, dim, channels, fields)
    places = tf.sort(tf.math.top_k(last, kept).indices, axis=-1)
    return tf.transpose(tf.gather(last, places, batch_dims=3), [0, 3, 1, 2])
