"""Multi-gate mixture of experts: three parts come in, each target's outputs go out to a family, as from a tower."""

from typing import Any

import keras
import tensorflow as tf
from typing_extensions import override

from features.spec import Half
from training.config import ModelConfig
from training.models.layers import SplitDense
from training.models.tower import Tower, dense


class Experts(keras.layers.Layer):
    """Towers that all targets share, mixed for each target by a gate of its own, under a linear head of its own.

    Towers and gates see the same numbers, and both begin with a layer that is split between the halves.

    Args:
        widths: Numbers that each half contributes.
        config: How many experts, and what each tower is.
        targets: Gates, and heads.
        outputs: Of all heads together, a multiple of ``targets``.
        l2: Weight of the squared kernels in the loss.

    Source:
        Ma et al., "Modeling Task Relationships in Multi-task Learning with Multi-gate Mixture-of-Experts", KDD 2018.
    """

    def __init__(
        self, widths: dict[Half, int], config: ModelConfig, *, targets: int, outputs: int, l2: float
    ) -> None:
        super().__init__()
        self.targets = targets
        self.towers = [Tower(widths, config, outputs=None, l2=l2) for _ in range(config.experts)]
        self.gates = SplitDense(targets * config.experts, widths, l2=l2)
        self.heads = [dense(outputs // targets, l2) for _ in range(targets)]
        self.built = True

    def part(self, half: Half, numbers: Any) -> Any:
        """One half's partial sums of every tower's first layer and of the gates, ``(n, width)``."""
        parts = [tower.part(half, numbers) for tower in self.towers]
        return tf.concat([*parts, self.gates.part(half, numbers)], axis=1)

    @override
    def call(self, user: Any, item: Any, joint: Any, training: bool = False) -> Any:
        """The outputs ``(n, outputs)`` from the three parts, target by target."""
        widths = [*(tower.part_width for tower in self.towers), self.gates.units]
        *towers, gates = zip(*(tf.split(part, widths, axis=1) for part in (user, item, joint)), strict=True)
        experts = [
            tower(*halves, training=training) for tower, halves in zip(self.towers, towers, strict=True)
        ]
        stacked = tf.stack(experts, axis=1)  # (n, experts, units)
        weights = tf.reshape(self.gates(*gates), [-1, self.targets, len(self.towers)])
        mixed = tf.matmul(tf.nn.softmax(weights), stacked)  # (n, targets, units)
        return tf.concat([head(mixed[:, place]) for place, head in enumerate(self.heads)], axis=1)

    def whole(self, numbers: Any, *, training: bool) -> Any:
        """The outputs ``(n, outputs)`` of numbers ``(n, width)`` that are no half's alone."""
        return self(*(self.part(half, numbers) for half in Half), training=training)
