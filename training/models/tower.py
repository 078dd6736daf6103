"""Hidden layers over all halves: three parts come in, a linear output or the last hidden layer goes out to a family."""

from typing import Any

import keras
import numpy as np
from typing_extensions import override

from features.spec import Half
from training.config import ModelConfig
from training.models.anatomy import Activation
from training.models.layers import Dropout, SplitDense


class Tower(keras.layers.Layer):
    """Dense layers, each with its norm, activation and dropout; the first is split between the halves.

    Args:
        widths: Numbers that each half contributes.
        config: Hidden units, activation, dropout and batch norm.
        outputs: Width of a linear layer on top; None for the last hidden layer itself.
        l2: Weight of the squared kernels in the loss.
    """

    def __init__(
        self, widths: dict[Half, int], config: ModelConfig, *, outputs: int | None, l2: float
    ) -> None:
        super().__init__()
        units = [*config.hidden, *([outputs] if outputs else [])]
        self.outputs = outputs
        self.first = SplitDense(units[0], widths, l2=l2)
        self.rest = [dense(width, l2) for width in units[1:]]
        self.folded = False
        self.norms = [keras.layers.BatchNormalization() for _ in config.hidden] if config.batch_norm else []
        self.activations = [Activation(config.activation) for _ in config.hidden]
        self.dropouts = [Dropout(config.dropout) for _ in config.hidden]
        self.built = True

    @property
    def part_width(self) -> int:
        """Numbers of a half's part."""
        return self.first.units

    def depths(self) -> dict[str, list[keras.layers.Layer]]:
        """Its layers by depth: "hidden 1", "hidden 2", ..., "output"."""
        linear = [self.first, *self.rest]
        hidden = [[layer, active] for layer, active in zip(linear, self.activations, strict=False)]
        for layers, norm in zip(hidden, self.norms, strict=False):
            layers.append(norm)
        output = {"output": linear[len(hidden) :]} if self.outputs else {}
        return {f"hidden {depth}": layers for depth, layers in enumerate(hidden, 1)} | output

    def part(self, half: Half, numbers: Any) -> Any:
        """One half's partial sum of the first layer, ``(n, part_width)``, of its numbers ``(n, width)``."""
        return self.first.part(half, numbers)

    @override
    def call(self, user: Any, item: Any, joint: Any, training: bool = False) -> Any:
        """The output ``(n, outputs)`` from the three parts."""
        sums = self.first(user, item, joint)
        for depth, layer in enumerate(self.rest):
            sums = layer(self._activated(depth, sums, training=training))
        return sums if self.outputs else self._activated(len(self.rest), sums, training=training)

    def whole(self, numbers: Any, *, training: bool) -> Any:
        """The output ``(n, outputs)`` of numbers ``(n, width)`` that are no half's alone; see `unsplit`."""
        return self(*(self.part(half, numbers) for half in Half), training=training)

    def fold_norms(self) -> None:
        """Move every norm's moving mean, variance, scale and shift into the layer before it; the answers stay the same.

        For the export only: what is left cannot be trained further.
        """
        norms = [] if self.folded else self.norms
        for layer, norm in zip([self.first, *self.rest], norms, strict=False):
            gamma, beta, mean, variance = (np.asarray(weight) for weight in norm.get_weights())
            scale = gamma / np.sqrt(variance + norm.epsilon)
            kernels = layer.kernels.values() if isinstance(layer, SplitDense) else (layer.kernel,)
            for kernel in kernels:
                kernel.assign(np.asarray(kernel) * scale)
            layer.bias.assign((np.asarray(layer.bias) - mean) * scale + beta)
        self.folded = True

    def _activated(self, depth: int, sums: Any, *, training: bool) -> Any:
        if self.norms and not self.folded:
            sums = self.norms[depth](sums, training=training)
        active = self.activations[depth](sums)
        return self.dropouts[depth](active, training=training)


def unsplit(width: int) -> dict[Half, int]:
    """The widths of a tower behind something that has mixed the halves already."""
    return {Half.USER: 0, Half.ITEM: 0, Half.JOINT: width}


def dense(units: int, l2: float, *, bias: bool = True) -> keras.layers.Dense:
    """A linear layer whose squared kernel counts in the loss."""
    regularizer = keras.regularizers.L2(l2) if l2 else None
    return keras.layers.Dense(units, use_bias=bias, kernel_regularizer=regularizer)
