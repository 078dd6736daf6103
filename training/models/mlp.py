"""The multi-layer perceptron over embeddings and values; its first layer is split between the halves."""

from typing import Any

import keras
from typing_extensions import override

from features.layout import EncodedLayout
from features.spec import Half
from training.config import ModelConfig
from training.models.family import Family, HalfInputs, Regularisation
from training.models.layers import Dropout, FieldEmbedding, SplitDense, numbers_of


class Mlp(Family):
    """Embeddings and values, hidden layers, one logit; without hidden layers it is a logistic regression.

    A half's state is its partial sum of the first layer, so the width of a state is the first layer's.
    """

    def __init__(self, layout: EncodedLayout, config: ModelConfig, regularisation: Regularisation) -> None:
        super().__init__(layout, config, regularisation)
        self.embeddings = {
            half.value: FieldEmbedding(
                layout.ids_of(half),
                config.embedding_dim,
                l2=regularisation.l2_embedding,
                dropout=config.embedding_dropout,
            )
            for half in Half
            if layout.ids_of(half)
        }
        widths = {
            half: len(layout.ids_of(half)) * config.embedding_dim + len(layout.values_of(half))
            for half in Half
        }
        units = [*config.hidden, self.head_units]
        self.first = SplitDense(units[0], widths, l2=regularisation.l2)
        self.rest = [_dense(width, regularisation.l2) for width in units[1:]]
        self.norms = [keras.layers.BatchNormalization() for _ in config.hidden] if config.batch_norm else []
        self.activations = [keras.layers.Activation(config.activation) for _ in config.hidden]
        self.dropouts = [Dropout(config.dropout) for _ in config.hidden]

    @override
    def user_state(self, inputs: HalfInputs, *, training: bool) -> Any:
        return self._part(Half.USER, inputs, training=training)

    @override
    def item_state(self, inputs: HalfInputs, *, training: bool) -> Any:
        return self._part(Half.ITEM, inputs, training=training)

    @override
    def joint(self, user_state: Any, item_state: Any, inputs: HalfInputs, *, training: bool) -> Any:
        part = self._part(Half.JOINT, inputs, training=training)
        outputs = self.first(user_state, item_state, part)  # (n, first units)
        for depth, dense in enumerate(self.rest):
            outputs = dense(self._activated(depth, outputs, training=training))
        return self.logit_of(outputs)

    def _part(self, half: Half, inputs: HalfInputs, *, training: bool) -> Any:
        numbers = numbers_of(self.embeddings.get(half.value), inputs, training=training)
        return self.first.part(half, numbers)

    def _activated(self, depth: int, sums: Any, *, training: bool) -> Any:
        if self.norms:
            sums = self.norms[depth](sums, training=training)
        active = self.activations[depth](sums)
        return self.dropouts[depth](active, training=training)


def _dense(units: int, l2: float) -> keras.layers.Dense:
    return keras.layers.Dense(units, kernel_regularizer=keras.regularizers.L2(l2) if l2 else None)
