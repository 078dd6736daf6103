"""DCN-V2: layers that multiply what they see with the inputs, so that each one crosses the fields once more."""

from typing import Any

import keras
import tensorflow as tf
from typing_extensions import override

from features.layout import EncodedLayout
from features.spec import Half
from training.config import ModelConfig
from training.models.family import Family, HalfInputs, Regularisation
from training.models.tower import dense, unsplit
from training.targets import Targets


class DcnV2(Family):
    """Cross layers over all numbers; the perceptron stands beside them (`parallel`) or behind them (`stacked`).

    A half's state is its numbers, and beside cross layers also its partial sum of the first hidden layer. The cross
    layers mix all halves and are paid for every candidate.

    Source:
        Wang et al., "DCN V2: Improved Deep & Cross Network and Practical Lessons for Web-scale Learning to Rank
        Systems", WWW 2021.
    """

    def __init__(
        self, layout: EncodedLayout, config: ModelConfig, regularisation: Regularisation, targets: Targets
    ) -> None:
        super().__init__(layout, config, regularisation, targets)
        l2, width = regularisation.l2, sum(self.widths.values())
        self.stacked = config.cross_structure == "stacked"
        self.crosses = [Cross(width, config.cross_rank, l2) for _ in range(config.cross_layers)]
        widths = unsplit(width) if self.stacked else self.widths
        self.deep = self.perceptron(widths)
        if not self.stacked:
            # The bias is the tower's: a layer over both outputs is the sum of a layer over each.
            self.crossed_out = dense(self.head_units, l2, bias=False)

    @override
    def part(self, half: Half, inputs: HalfInputs, *, training: bool) -> Any:
        numbers = self.numbers(half, inputs, training=training)
        return numbers if self.stacked else tf.concat([numbers, self.deep.part(half, numbers)], axis=1)

    @override
    def logit(self, user: Any, item: Any, joint: Any, *, training: bool) -> Any:
        if self.stacked:
            return self.logit_of(self.deep.whole(self._crossed([user, item, joint]), training=training))
        halves = zip(Half, (user, item, joint), strict=True)
        parts = [tf.split(part, [self.widths[half], -1], axis=1) for half, part in halves]
        numbers, deep = zip(*parts, strict=True)
        crossed = self.crossed_out(self._crossed(numbers))
        return self.logit_of(crossed + self.deep(*deep, training=training))

    def _crossed(self, numbers: Any) -> Any:
        inputs = crossed = tf.concat(numbers, axis=1)  # (n, width)
        for cross in self.crosses:
            crossed = cross(inputs, crossed)
        return crossed


class Cross(keras.layers.Layer):
    """x0 * (W x + b) + x, the matrix perhaps as a product of two thin ones.

    Args:
        width: Numbers of x0 and of x.
        rank: Of the matrix; None for a full one.
        l2: Weight of the squared matrix in the loss.
    """

    def __init__(self, width: int, rank: int | None, l2: float) -> None:
        super().__init__()
        thin = [dense(rank, l2, bias=False)] if rank else []
        self.matrix = [*thin, dense(width, l2)]

    @override
    def call(self, inputs: Any, crossed: Any) -> Any:
        """The next crossed numbers ``(n, width)`` from x0 and x, each ``(n, width)``."""
        mixed = crossed
        for layer in self.matrix:
            mixed = layer(mixed)
        return inputs * mixed + crossed
