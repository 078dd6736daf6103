"""Layers that the families share."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from typing_extensions import override

from features.layout import EncodedLayout, IdField
from features.spec import PADDING_ID, Half
from training.models.attention import LocalActivation


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


TABLE = "embeddings"
"""Name of every variable that is a table of embeddings; an optimiser of their own finds them by it."""


def is_table(variable: Any) -> bool:
    """Whether a weight is a table of embeddings."""
    return bool(variable.name == TABLE)


class FieldEmbedding(keras.layers.Layer):
    """Looks up one embedding per id field; those of a multi-valued field are pooled.

    Args:
        layout: The fields; one that is like another uses its embeddings.
        dim: Numbers per embedding.
        l2: Weight of the mean over the batch of the squared embeddings, added to the loss.
        dropout: Share of the embedding numbers dropped in training.
        initializer: Of the table.
        attention: What weighs the tokens of each field that attends, by its name.
    """

    def __init__(
        self,
        layout: EncodedLayout,
        dim: int,
        *,
        l2: float = 0.0,
        dropout: float = 0.0,
        initializer: Any = "uniform",
        attention: Mapping[str, LocalActivation] | None = None,
    ) -> None:
        super().__init__()
        self.layout = layout
        self.dim = dim
        self.l2 = l2
        self.dropout = Dropout(dropout)
        self.attention = dict(attention or {})
        self.attending = tuple(field for field in layout.ids if field.attends)
        # One table for all fields: one array in the export, and any field may share another's embeddings.
        self.first_rows = _first_rows(layout.ids)
        rows = sum(field.rows for field in layout.ids if not field.like)
        if rows:
            self.table = self.add_weight(shape=(rows, dim), initializer=initializer, name=TABLE)
        self.built = True
        self._prices: Any = None
        self._narrow: Any = None

    def price_ids(self, occurrences: Mapping[str, NDArray[np.float64]], weight: float) -> None:
        """From now on every row that training looks up costs its squares times ``weight`` over its occurrences.

        An id then pays once per epoch, however often it is shown: with the log loss summed over the epoch, a Gaussian
        prior of variance ``1 / (2 * weight)`` on every number of every row. A weight of 0 ends it.

        Args:
            occurrences: Of each id in an epoch: for each field an array ``(rows,)``; shared ids are added up.
            weight: At least 0.
        """
        if not weight or not self.layout.ids:
            self._prices = None
            return
        counts = np.zeros(self.table.shape[0])
        for field in self.layout.ids:
            first = self.first_rows[field.name]
            counts[first : first + field.rows] += occurrences[field.name]
        prices = np.divide(weight, counts, out=np.zeros_like(counts), where=counts > 0)
        # A variable of TensorFlow's own: Keras neither counts, saves nor exports it.
        self._prices = tf.Variable(prices.astype(np.float32), trainable=False)

    @override
    def call(self, ids: Any, half: Half, queries: Any = None, training: bool = False) -> Any:
        """Embeddings ``(n, fields, dim)`` of the ids ``(n, columns)`` of one half.

        Args:
            ids: The id columns of the half.
            half: Which half.
            queries: What `queries` made of the item, ``(n, attending fields, dim)``; only for the joint half.
            training: Whether dropout is at work.
        """
        fields = self.layout.ids_of(half)
        if not fields:
            return tf.zeros([tf.shape(ids)[0], 0, self.dim])
        rows = self._looked_up(ids, fields)  # (n, columns, dim)
        embeddings = self._pooled(fields, ids, rows, queries)  # (n, fields, dim)
        if self.l2:
            self.add_loss(self.l2 * tf.reduce_mean(tf.reduce_sum(tf.square(embeddings), axis=[1, 2])))
        if training and self._prices is not None:
            prices = tf.gather(self._prices, self._places(ids, fields))  # (n, columns)
            self.add_loss(tf.reduce_mean(tf.reduce_sum(prices * tf.reduce_sum(tf.square(rows), 2), 1)))
        return self.dropout(embeddings, training=training)

    def queries(self, ids: Any) -> Any:
        """What each attending field is compared with, ``(n, attending fields, dim)``, from the item's ids."""
        items = {field.name: field for field in self.layout.ids_of(Half.ITEM)}
        fields = tuple(items[field.attends] for field in self.attending if field.attends)
        first = self.layout.id_slice(Half.ITEM).start
        return self._looked_up(tf.gather(ids, [field.start - first for field in fields], axis=1), fields)

    @contextmanager
    def narrowed(self, half: Half) -> Iterator[None]:
        """While it is open, graphs that are traced hold only the rows that one half looks up, as a constant."""
        owners = dict.fromkeys(field.like or field.name for field in self.layout.ids_of(half))
        by_name = {field.name: field for field in self.layout.ids}
        whole, first_rows = self.first_rows, {}
        rows: list[NDArray[np.float32]] = []
        for name in owners:
            first_rows[name] = sum(map(len, rows))
            rows.append(np.asarray(self.table[whole[name] : whole[name] + by_name[name].rows]))
        shared = {field.name: first_rows[field.like] for field in self.layout.ids_of(half) if field.like}
        self._narrow = np.concatenate(rows) if rows else None
        self.first_rows = first_rows | shared
        try:
            yield
        finally:
            self._narrow, self.first_rows = None, whole

    def _looked_up(self, ids: Any, fields: tuple[IdField, ...]) -> Any:
        table = self.table if self._narrow is None else self._narrow
        return tf.gather(tf.convert_to_tensor(table), self._places(ids, fields))

    def _places(self, ids: Any, fields: tuple[IdField, ...]) -> Any:
        """The rows of the table ``(n, columns)`` where the ids' embeddings stand."""
        starts = [self.first_rows[field.name] for field in fields for _ in range(field.width)]
        return ids + tf.constant(starts, tf.int32)

    def _pooled(self, fields: tuple[IdField, ...], ids: Any, rows: Any, queries: Any) -> Any:
        if all(field.pooling is None for field in fields):
            return rows
        parts = []
        start = 0
        for field in fields:
            part = rows[:, start : start + field.width]  # (n, width, dim)
            present = tf.not_equal(ids[:, start : start + field.width], PADDING_ID)  # (n, width)
            if field.attends:
                query = queries[:, self.attending.index(field)]  # (n, dim)
                part = self.attention[field.name](part, query, present)[:, tf.newaxis]  # (n, 1, dim)
            elif field.pooling is not None:
                part = _pool(field, part, present)  # (n, 1, dim)
            parts.append(part)
            start += field.width
        return tf.concat(parts, axis=1)


class ValueVectors(keras.layers.Layer):
    """Makes a field of every value: the value times a vector that is learned for it.

    Args:
        layout: The values.
        dim: Numbers per vector.
        l2: Weight of the squared vectors in the loss.

    Source:
        Rendle, "Factorization Machines", ICDM 2010, equation 1.
    """

    def __init__(self, layout: EncodedLayout, dim: int, *, l2: float = 0.0) -> None:
        super().__init__()
        self.layout = layout
        self.dim = dim
        if layout.values:
            self.vectors = self.add_weight(
                shape=(layout.value_width, dim),
                initializer="uniform",
                regularizer=keras.regularizers.L2(l2) if l2 else None,
                name="vectors",
            )
        self.built = True

    @override
    def call(self, values: Any, half: Half) -> Any:
        """Fields ``(n, values of the half, dim)`` of the values ``(n, values of the half)`` of one half."""
        if not self.layout.values_of(half):
            return tf.zeros([tf.shape(values)[0], 0, self.dim])
        return values[:, :, tf.newaxis] * tf.convert_to_tensor(self.vectors)[self.layout.value_slice(half)]


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


def _first_rows(fields: tuple[IdField, ...]) -> dict[str, int]:
    """Where in the common table the ids of each field start."""
    starts: dict[str, int] = {}
    start = 0
    for field in fields:
        if not field.like:
            starts[field.name] = start
            start += field.rows
    return starts | {field.name: starts[field.like] for field in fields if field.like}


def _pool(field: IdField, rows: Any, present: Any) -> Any:
    counted = tf.cast(present, tf.float32)[:, :, tf.newaxis]  # (n, width, 1)
    pooled = tf.reduce_sum(rows * counted, axis=1, keepdims=True)  # (n, 1, dim)
    if field.pooling == "sum":
        return pooled
    return pooled / tf.maximum(tf.reduce_sum(counted, axis=1, keepdims=True), 1.0)
