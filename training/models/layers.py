"""Layers that the families share."""

import math
from typing import Any

import keras
import tensorflow as tf
from typing_extensions import override

from features.layout import IdField
from features.spec import PADDING_ID, Half
from training.models.family import HalfInputs


class Dropout(keras.layers.Layer):
    """Zeroes a share of its inputs in training and scales up the rest.

    Keras' own layer leaves the choice of random generator to TensorFlow, whose choice makes a whole step more
    than ten times slower under XLA on a processor (``python -m benchmarks.dropout``); Philox is named here.

    Args:
        rate: Share that is dropped, in [0, 1).

    Source:
        Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", JMLR 2014.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.seeds = keras.random.SeedGenerator()
        self.built = True

    @override
    def call(self, inputs: Any, training: bool = False) -> Any:
        """The inputs with some of them zero, same shape."""
        if not training or not self.rate:
            return inputs
        seed = tf.cast(self.seeds.next(), tf.int32)
        return tf.nn.experimental.stateless_dropout(inputs, self.rate, seed=seed, rng_alg="philox")


class FieldEmbedding(keras.layers.Layer):
    """Looks up one embedding per id field of a half; those of a multi-valued field are pooled.

    Args:
        fields: The id fields of one half, in the order of their columns.
        dim: Numbers per embedding.
        l2: Weight of the mean over the batch of the squared embeddings, added to the loss.
        dropout: Share of the embedding numbers dropped in training.
        initializer: Of the table.
    """

    def __init__(
        self,
        fields: tuple[IdField, ...],
        dim: int,
        *,
        l2: float = 0.0,
        dropout: float = 0.0,
        initializer: Any = "uniform",
    ) -> None:
        super().__init__()
        self.fields = fields
        self.dim = dim
        self.l2 = l2
        self.dropout = Dropout(dropout)
        self.initializer = keras.initializers.get(initializer)

    @override
    def build(self, input_shape: Any) -> None:
        # One table for all fields: one gather in the graph, one array in the export.
        rows = sum(field.rows for field in self.fields)
        self.table = self.add_weight(shape=(rows, self.dim), initializer=self.initializer, name="embeddings")

    @override
    def call(self, ids: Any, training: bool = False) -> Any:
        """Embeddings ``(n, fields, dim)`` of ids ``(n, columns)``."""
        offsets = tf.constant(_offsets(self.fields), tf.int32)  # (columns,)
        rows = tf.gather(tf.convert_to_tensor(self.table), ids + offsets)  # (n, columns, dim)
        embeddings = self._pooled(ids, rows)  # (n, fields, dim)
        if self.l2:
            self.add_loss(self.l2 * tf.reduce_mean(tf.reduce_sum(tf.square(embeddings), axis=[1, 2])))
        return self.dropout(embeddings, training=training)

    def _pooled(self, ids: Any, rows: Any) -> Any:
        if all(field.pooling is None for field in self.fields):
            return rows
        parts = []
        start = 0
        for field in self.fields:
            part = rows[:, start : start + field.width]  # (n, width, dim)
            if field.pooling is not None:
                part = _pool(field, ids[:, start : start + field.width], part)  # (n, 1, dim)
            parts.append(part)
            start += field.width
        return tf.concat(parts, axis=1)


class SplitDense(keras.layers.Layer):
    """A dense layer over all halves, kept as one partial sum per half so that serving can keep a half's sum.

    Args:
        units: Width of the output, and of each half's state.
        widths: Numbers that each half contributes.
        l2: Weight of the squared kernel in the loss.
    """

    def __init__(self, units: int, widths: dict[Half, int], *, l2: float = 0.0) -> None:
        super().__init__()
        self.units = units
        self.widths = widths
        self.regularizer = keras.regularizers.L2(l2) if l2 else None
        # Glorot's limit for the whole layer: a half alone would see too small a fan-in.
        limit = math.sqrt(6.0 / (max(1, sum(widths.values())) + units))
        self.initializer = keras.initializers.RandomUniform(-limit, limit)
        self.kernels = {
            half.value: self.add_weight(
                shape=(width, units),
                initializer=self.initializer,
                regularizer=self.regularizer,
                name=f"{half}_kernel",
            )
            for half, width in widths.items()
            if width
        }
        self.bias = self.add_weight(shape=(units,), initializer="zeros", name="bias")
        self.built = True

    def part(self, half: Half, numbers: Any) -> Any:
        """One half's partial sum ``(n, units)`` of its numbers ``(n, width)``."""
        if not self.widths[half]:
            return tf.zeros([tf.shape(numbers)[0], self.units])
        return tf.matmul(numbers, tf.convert_to_tensor(self.kernels[half.value]))

    @override
    def call(self, user: Any, item: Any, joint: Any) -> Any:
        """The layer's output ``(n, units)`` from the three partial sums."""
        return user + item + joint + tf.convert_to_tensor(self.bias)


def numbers_of(embedding: FieldEmbedding | None, inputs: HalfInputs, *, training: bool) -> Any:
    """A half's embeddings and values side by side: ``(n, fields * dim + values)``."""
    if embedding is None:
        return inputs.values
    embeddings = embedding(inputs.ids, training=training)  # (n, fields, dim)
    flat = tf.reshape(embeddings, [-1, len(embedding.fields) * embedding.dim])
    return tf.concat([flat, inputs.values], axis=1) if inputs.values.shape[1] else flat


def _offsets(fields: tuple[IdField, ...]) -> list[int]:
    """Where in the common table the ids of each column start."""
    offsets: list[int] = []
    start = 0
    for field in fields:
        offsets.extend([start] * field.width)
        start += field.rows
    return offsets


def _pool(field: IdField, ids: Any, rows: Any) -> Any:
    present = tf.cast(tf.not_equal(ids, PADDING_ID), tf.float32)[:, :, tf.newaxis]  # (n, width, 1)
    pooled = tf.reduce_sum(rows * present, axis=1, keepdims=True)  # (n, 1, dim)
    if field.pooling == "sum":
        return pooled
    return pooled / tf.maximum(tf.reduce_sum(present, axis=1, keepdims=True), 1.0)
