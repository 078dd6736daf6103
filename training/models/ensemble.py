"""Several networks in one graph; `training.fitting.ensemble` makes it and `training.export.export` exports it."""

from collections.abc import Sequence
from typing import Any, ClassVar

import tensorflow as tf
from typing_extensions import override

from features.spec import Half
from training.models.family import Family, HalfInputs


class Ensemble(Family):
    """The mean of its members' logits, weighted or not; a state is the members' states side by side.

    Args:
        members: Networks of one layout with all of their weights made; of any families.
        shares: Of each member in the logit; equal ones by default.
    """

    embeds: ClassVar[bool] = False  # its members do

    def __init__(self, members: Sequence[Family], shares: Sequence[float] | None = None) -> None:
        first = members[0]
        super().__init__(first.layout, first.config, first.regularisation, first.targets)
        self.members = list(members)
        self.weights_of_members = (
            tuple(share * len(members) for share in shares) if shares else (1.0,) * len(members)
        )
        nothing = tf.zeros([1, self.layout.id_width], tf.int32), tf.zeros([1, self.layout.value_width])
        user, item = self.half(nothing, Half.USER), self.half(nothing, Half.ITEM)
        self._user_widths = [member.user_state(user, training=False).shape[1] for member in members]
        self._item_widths = [member.item_state(item, training=False).shape[1] for member in members]
        self.built_for_layout()

    @override
    def user_state(self, inputs: HalfInputs, *, training: bool) -> Any:
        return tf.concat([member.user_state(inputs, training=training) for member in self.members], axis=1)

    @override
    def item_state(self, inputs: HalfInputs, *, training: bool) -> Any:
        return tf.concat([member.item_state(inputs, training=training) for member in self.members], axis=1)

    @override
    def joint(self, user_state: Any, item_state: Any, inputs: HalfInputs, *, training: bool) -> Any:
        users = tf.split(user_state, self._user_widths, axis=1)
        items = tf.split(item_state, self._item_widths, axis=1)
        logits = [
            weight * member.joint(user, item, inputs, training=training)
            for member, weight, user, item in zip(
                self.members, self.weights_of_members, users, items, strict=True
            )
        ]
        return self.shifted(tf.add_n(logits) / len(logits))
