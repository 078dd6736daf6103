"""DeepFM: a factorisation machine and a perceptron over the same embeddings."""

from typing import Any

import tensorflow as tf
from typing_extensions import override

from features.layout import EncodedLayout
from features.spec import Half
from training.config import ModelConfig
from training.models.family import Family, HalfInputs, Regularisation
from training.models.layers import ValueVectors
from training.models.linear import Linear
from training.targets import Targets


class DeepFm(Family):
    """logit = linear part + the products of every two fields' vectors + perceptron.

    The products of all pairs follow from two sums over the fields, which add up over the halves; so a half's state is
    its sum of vectors, its sum of squares, its part of the linear sum and its partial sum of the first layer.

    Source:
        Guo et al., "DeepFM: A Factorization-Machine based Neural Network for CTR Prediction", IJCAI 2017.
    """

    def __init__(
        self, layout: EncodedLayout, config: ModelConfig, regularisation: Regularisation, targets: Targets
    ) -> None:
        super().__init__(layout, config, regularisation, targets)
        self.linear = Linear(layout, self.head_units, regularisation)
        self.value_vectors = ValueVectors(layout, config.embedding_dim, l2=regularisation.l2)
        self.deep = self.perceptron(self.widths)
        if targets.several:
            # The products are shared, and every target makes as much of them as it likes.
            self.shares = self.add_weight(shape=(len(targets),), initializer="ones", name="shares")

    @override
    def part(self, half: Half, inputs: HalfInputs, *, training: bool) -> Any:
        fields = self.fields(half, inputs, training=training)  # (n, fields, dim)
        vectors = tf.concat([fields, self.value_vectors(inputs.values, half=half)], axis=1)
        linear = self.linear.part(half, inputs, training=training)
        deep = self.deep.part(half, self.beside(fields, half, inputs))
        return tf.concat([*sums_of(vectors), linear, deep], axis=1)

    @override
    def logit(self, user: Any, item: Any, joint: Any, *, training: bool) -> Any:
        widths = [self.embedding.dim, 1, self.head_units, -1]
        parts = [tf.split(part, widths, axis=1) for part in (user, item, joint)]
        sums, squares, linear, deep = zip(*parts, strict=True)
        outputs = self.linear(*linear) + self.deep(*deep, training=training)
        products = products_of_pairs(tf.add_n(sums), tf.add_n(squares))
        if self.targets.several:
            products = products[:, tf.newaxis] * tf.convert_to_tensor(self.shares)
        return self.logit_of(outputs) + products


def sums_of(vectors: Any) -> tuple[Any, Any]:
    """The sum ``(n, dim)`` of some vectors ``(n, fields, dim)``, and the sum ``(n, 1)`` of their squared lengths."""
    squares = tf.reduce_sum(tf.square(vectors), axis=[1, 2])
    return tf.reduce_sum(vectors, axis=1), squares[:, tf.newaxis]


def products_of_pairs(sums: Any, squares: Any) -> Any:
    """The sum ``(n,)`` of the inner products of every two vectors, from `sums_of` all of them.

    Source:
        Rendle, "Factorization Machines", ICDM 2010, lemma 3.1.
    """
    return 0.5 * (tf.reduce_sum(tf.square(sums), axis=1) - squares[:, 0])
