"""The linear part: one weight per id and per value; it is `logistic` alone and the wide side of other families."""

from typing import Any

import keras
import tensorflow as tf
from typing_extensions import override

from features.layout import EncodedLayout
from features.spec import Half
from training.models.family import HalfInputs, Regularisation
from training.models.layers import FieldEmbedding, SplitDense


class Linear(keras.layers.Layer):
    """A bias, the sum of the weights of the ids, weights times values.

    No weight is shared between fields: that an item is liked and that it was clicked before are two facts.

    Args:
        layout: The columns of the encoded impressions.
        units: Outputs.
        regularisation: L2 weights.
    """

    def __init__(self, layout: EncodedLayout, units: int, regularisation: Regularisation) -> None:
        super().__init__()
        self.id_weights = FieldEmbedding(
            layout.first_order(), units, l2=regularisation.l2_embedding, initializer="zeros"
        )
        self.neuron = SplitDense(
            units, {half: len(layout.values_of(half)) for half in Half}, l2=regularisation.l2
        )
        self.built = True

    def part(self, half: Half, inputs: HalfInputs, *, training: bool) -> Any:
        """One half's part of the sum, ``(n, units)``."""
        weights = self.id_weights(inputs.ids, half=half, training=training)  # (n, fields, units)
        return self.neuron.part(half, inputs.values) + tf.reduce_sum(weights, axis=1)

    @override
    def call(self, user: Any, item: Any, joint: Any) -> Any:
        """The whole sum ``(n, units)`` from the three parts."""
        return self.neuron(user, item, joint)
