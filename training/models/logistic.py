"""The single neuron: one weight per id and per value, a bias, a sigmoid. The baseline of every report."""

from typing import Any

import keras
import tensorflow as tf
from typing_extensions import override

from features.layout import EncodedLayout
from features.spec import Half
from training.config import ModelConfig
from training.models.family import Family, HalfInputs, Regularisation
from training.models.layers import FieldEmbedding, SplitDense


class Logistic(Family):
    """logit = bias + the sum of the weights of the ids + weights times values; a half's state is its part of the sum."""

    def __init__(self, layout: EncodedLayout, config: ModelConfig, regularisation: Regularisation) -> None:
        super().__init__(layout, config, regularisation)
        self.id_weights = {
            half.value: FieldEmbedding(
                layout.ids_of(half), self.head_units, l2=regularisation.l2_embedding, initializer="zeros"
            )
            for half in Half
            if layout.ids_of(half)
        }
        self.neuron = SplitDense(
            self.head_units, {half: len(layout.values_of(half)) for half in Half}, l2=regularisation.l2
        )

    @override
    def user_state(self, inputs: HalfInputs, *, training: bool) -> Any:
        return self._part(Half.USER, inputs, training=training)

    @override
    def item_state(self, inputs: HalfInputs, *, training: bool) -> Any:
        return self._part(Half.ITEM, inputs, training=training)

    @override
    def joint(self, user_state: Any, item_state: Any, inputs: HalfInputs, *, training: bool) -> Any:
        part = self._part(Half.JOINT, inputs, training=training)
        return self.logit_of(self.neuron(user_state, item_state, part))

    def _part(self, half: Half, inputs: HalfInputs, *, training: bool) -> Any:
        part = self.neuron.part(half, inputs.values)  # (n, head units)
        if half.value not in self.id_weights:
            return part
        weights: keras.layers.Layer = self.id_weights[half.value]
        return part + tf.reduce_sum(weights(inputs.ids, training=training), axis=1)
