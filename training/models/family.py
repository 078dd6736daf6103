"""What every family is: a user state, an item state and a joint part over encoded impressions.

Encoded ids and values come in, a logit comes out; `training.fitting.fit` trains it and `training.export.export` puts it behind the
encoder. A state is a tensor of fixed width that depends on its half alone, so that serving can keep it.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import keras
import tensorflow as tf
from typing_extensions import override

from features.layout import EncodedLayout
from features.spec import Half
from training.config import ModelConfig
from training.models.attention import LocalActivation
from training.models.experts import Experts
from training.models.layers import FieldEmbedding
from training.models.tower import Tower
from training.targets import CLICK, Targets


@dataclass(frozen=True)
class Regularisation:
    """Weights of the squared dense weights and of a batch's squared embeddings in the loss."""

    l2: float = 0.0
    l2_embedding: float = 0.0


class HalfInputs(NamedTuple):
    """What one half sees: ids int32 ``(n, its id columns)`` and values float32 ``(n, its value columns)``.

    The joint half is also given the item's embeddings that its sequences attend, ``(n, attending fields, dim)``.
    """

    ids: Any
    values: Any
    queries: Any = None


class Family(keras.Model):
    """Base of every network: a family says what its `part` of each half is and how three parts make a `logit`.

    Args:
        layout: The columns of the encoded impressions.
        config: Sizes, activation, dropout and head.
        regularisation: L2 weights.
        targets: What is predicted, one head for each; every layer but the last is shared by them.
    """

    embeds: ClassVar[bool] = True
    """Whether the family has embeddings."""

    usual_prior: ClassVar[float] = 50.0
    """``training.l2_rare`` where a task file says nothing."""

    mixes_experts: ClassVar[bool] = True
    """Whether its hidden layers are a `perceptron`, which may be a mixture of experts."""

    needs_widths_kept: ClassVar[bool] = False
    """Whether an activation must make as many numbers as it is given; `glu` makes half of them."""

    def __init__(
        self,
        layout: EncodedLayout,
        config: ModelConfig,
        regularisation: Regularisation,
        targets: Targets = CLICK,
    ) -> None:
        super().__init__()
        self.layout = layout
        self.targets = targets
        self.config = config
        self.regularisation = regularisation
        embedded = layout if self.embeds else EncodedLayout((), ())
        self.embedding = FieldEmbedding(
            embedded,
            config.embedding_dim,
            l2=regularisation.l2_embedding,
            dropout=config.embedding_dropout,
            attention={
                field.name: LocalActivation(field.width, config, l2=regularisation.l2)
                for field in embedded.ids
                if field.attends
            },
        )
        # Not learned by descent: `training.fitting.balance` sets it.
        self.shift = self.add_weight(
            shape=(len(targets),), initializer="zeros", trainable=False, name="shift"
        )

    def part(self, half: Half, inputs: HalfInputs, *, training: bool) -> Any:
        """All that can be computed from one half alone, ``(n, width)``."""
        raise NotImplementedError

    def logit(self, user: Any, item: Any, joint: Any, *, training: bool) -> Any:
        """The logit of every pair, ``(n,)``, from the parts of the three halves.

        Of several targets ``(n, targets)``, each given that the target that it comes after has happened.
        """
        raise NotImplementedError

    def user_state(self, inputs: HalfInputs, *, training: bool) -> Any:
        """What depends on the user and the context alone: ``(n, state width)``."""
        return self.part(Half.USER, inputs, training=training)

    def item_state(self, inputs: HalfInputs, *, training: bool) -> Any:
        """What depends on the item alone: ``(n, state width)``; what a sequence attends stands last."""
        state = self.part(Half.ITEM, inputs, training=training)
        if not self.embedding.attending:
            return state
        queries = self.embedding.queries(inputs.ids)  # (n, attending fields, dim)
        return tf.concat([state, tf.reshape(queries, [-1, self._query_width])], axis=1)

    def joint(self, user_state: Any, item_state: Any, inputs: HalfInputs, *, training: bool) -> Any:
        """The logit of every pair, ``(n,)``, from the states and what depends on both."""
        if self.embedding.attending:
            queries = item_state[:, -self._query_width :]
            item_state = item_state[:, : -self._query_width]
            fields = len(self.embedding.attending)
            inputs = inputs._replace(queries=tf.reshape(queries, [-1, fields, self.embedding.dim]))
        part = self.part(Half.JOINT, inputs, training=training)
        return self.shifted(self.logit(user_state, item_state, part, training=training))

    def shifted(self, logits: Any) -> Any:
        """The logits with what `training.fitting.balance` found that they lack, same shape."""
        return logits + tf.convert_to_tensor(self.shift)

    @property
    def _query_width(self) -> int:
        return len(self.embedding.attending) * self.embedding.dim

    def fields(self, half: Half, inputs: HalfInputs, *, training: bool) -> Any:
        """A half's embeddings ``(n, fields, dim)``."""
        return self.embedding(inputs.ids, half=half, queries=inputs.queries, training=training)

    def numbers(self, half: Half, inputs: HalfInputs, *, training: bool) -> Any:
        """A half's embeddings and values side by side: ``(n, widths[half])``."""
        return self.beside(self.fields(half, inputs, training=training), half, inputs)

    def beside(self, fields: Any, half: Half, inputs: HalfInputs) -> Any:
        """A half's embeddings ``(n, fields, dim)`` and its values side by side: ``(n, widths[half])``."""
        if not self.layout.ids_of(half):
            return inputs.values  # ONNX Runtime refuses to reshape to a width of 0
        flat = tf.reshape(fields, [tf.shape(fields)[0], len(self.layout.ids_of(half)) * self.embedding.dim])
        return tf.concat([flat, inputs.values], axis=1)

    @property
    def widths(self) -> dict[Half, int]:
        """How many `numbers` each half has."""
        return {
            half: len(self.layout.ids_of(half)) * self.embedding.dim + len(self.layout.values_of(half))
            for half in Half
        }

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

    def perceptron(self, widths: dict[Half, int]) -> Tower | Experts:
        """Hidden layers with `head_units` linear outputs, on as many numbers of each half as ``widths`` says."""
        l2 = self.regularisation.l2
        if self.config.sharing == "mmoe":
            return Experts(widths, self.config, targets=len(self.targets), outputs=self.head_units, l2=l2)
        return Tower(widths, self.config, outputs=self.head_units, l2=l2)

    def logit_of(self, outputs: Any) -> Any:
        """The click's logit ``(n,)`` from the head's outputs ``(n, 1)``, or ``(n, 2)`` for softmax.

        The softmax of two outputs is the sigmoid of their difference. Of several targets: ``(n, targets)``.
        """
        if self.targets.several:
            return outputs[:, 1::2] - outputs[:, ::2] if self.config.head == "softmax" else outputs
        if self.config.head == "softmax":
            return outputs[:, 1] - outputs[:, 0]
        return outputs[:, 0]

    def field_embeddings(self) -> list[FieldEmbedding]:
        """Every `FieldEmbedding` inside, however deep."""
        # Keras has no public walk over nested layers.
        layers = self._flatten_layers()
        return [layer for layer in layers if isinstance(layer, FieldEmbedding)]

    def fold_norms(self) -> None:
        """Fold batch normalisation into the layers before it, however deep: see `Tower.fold_norms`."""
        for layer in self._flatten_layers():
            if isinstance(layer, Tower):
                layer.fold_norms()

    @property
    def head_units(self) -> int:
        return len(self.targets) * (2 if self.config.head == "softmax" else 1)

    def built_for_layout(self) -> "Family":
        """The same network with all of its weights made."""
        self(
            (
                tf.zeros([2, self.layout.id_width], tf.int32),
                tf.zeros([2, self.layout.value_width], tf.float32),
            )
        )
        return self
