"""What every family is: a user state, an item state and a joint part over encoded impressions.

Encoded ids and values come in, a logit comes out; `training.fit` trains it and `training.export` puts it behind the
encoder. A state is a tensor of fixed width that depends on its half alone, so that serving can keep it.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from typing_extensions import override

from features.layout import EncodedLayout
from features.spec import Half
from training.config import ModelConfig


@dataclass(frozen=True)
class Regularisation:
    """Weights of the squared dense weights and of a batch's squared embeddings in the loss."""

    l2: float = 0.0
    l2_embedding: float = 0.0


class HalfInputs(NamedTuple):
    """What one half sees: ids int32 ``(n, its id columns)`` and values float32 ``(n, its value columns)``."""

    ids: Any
    values: Any


class Family(keras.Model):
    """Base of every network.

    Args:
        layout: The columns of the encoded impressions.
        config: Sizes, activation, dropout and head.
        regularisation: L2 weights.
    """

    def __init__(self, layout: EncodedLayout, config: ModelConfig, regularisation: Regularisation) -> None:
        super().__init__()
        self.layout = layout
        self.config = config
        self.regularisation = regularisation

    def user_state(self, inputs: HalfInputs, *, training: bool) -> Any:
        """What depends on the user and the context alone: ``(n, state width)``."""
        raise NotImplementedError

    def item_state(self, inputs: HalfInputs, *, training: bool) -> Any:
        """What depends on the item alone: ``(n, state width)``."""
        raise NotImplementedError

    def joint(self, user_state: Any, item_state: Any, inputs: HalfInputs, *, training: bool) -> Any:
        """The logit of every pair, ``(n,)``, from the states and what depends on both."""
        raise NotImplementedError

    @override
    def call(self, inputs: tuple[Any, Any], training: bool = False) -> Any:
        """Logits ``(n,)`` of encoded impressions ``(ids, values)``."""
        user, item, joint = (self.half(inputs, half) for half in Half)
        return self.joint(
            self.user_state(user, training=training),
            self.item_state(item, training=training),
            joint,
            training=training,
        )

    def half(self, inputs: tuple[Any, Any], half: Half) -> HalfInputs:
        """The columns of one half."""
        ids, values = inputs
        return HalfInputs(ids[:, self.layout.id_slice(half)], values[:, self.layout.value_slice(half)])

    def logit_of(self, outputs: Any) -> Any:
        """The click's logit ``(n,)`` from the head's outputs ``(n, 1)``, or ``(n, 2)`` for softmax.

        The softmax of two outputs is the sigmoid of their difference.
        """
        if self.config.head == "softmax":
            return outputs[:, 1] - outputs[:, 0]
        return outputs[:, 0]

    @property
    def head_units(self) -> int:
        return 2 if self.config.head == "softmax" else 1

    def built_for_layout(self) -> "Family":
        """The same network with all of its weights made."""
        self(
            (
                tf.zeros([2, self.layout.id_width], tf.int32),
                tf.zeros([2, self.layout.value_width], tf.float32),
            )
        )
        return self
