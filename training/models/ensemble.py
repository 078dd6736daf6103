"""Several networks of one family in one graph; `training.ensemble` makes it and `training.export` exports it."""

from collections.abc import Sequence
from typing import Any, ClassVar

import tensorflow as tf
from typing_extensions import override

from training.models.family import Family, HalfInputs


class Ensemble(Family):
    """The mean of its members' logits; a state is the members' states side by side.

    Args:
        members: Networks of one layout with all of their weights made.
    """

    embeds: ClassVar[bool] = False  # its members do

    def __init__(self, members: Sequence[Family]) -> None:
        first = members[0]
        super().__init__(first.layout, first.config, first.regularisation, first.targets)
        self.members = list(members)
        self.built_for_layout()

    @override
    def user_state(self, inputs: HalfInputs, *, training: bool) -> Any:
        return tf.concat([member.user_state(inputs, training=training) for member in self.members], axis=1)

    @override
    def item_state(self, inputs: HalfInputs, *, training: bool) -> Any:
        return tf.concat([member.item_state(inputs, training=training) for member in self.members], axis=1)

    @override
    def joint(self, user_state: Any, item_state: Any, inputs: HalfInputs, *, training: bool) -> Any:
        states = zip(self._apart(user_state), self._apart(item_state), strict=True)
        logits = [
            member.joint(user, item, inputs, training=training)
            for member, (user, item) in zip(self.members, states, strict=True)
        ]
        return tf.add_n(logits) / len(logits)

    def _apart(self, states: Any) -> list[Any]:
        # Members of one family have states of one width.
        parts: list[Any] = tf.split(states, len(self.members), axis=1)
        return parts
