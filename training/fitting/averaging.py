"""The average of the weights over the last steps: a network's variables come in, `training.fitting.descent` validates with their average.

The weights themselves go on training and never see the average.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import tensorflow as tf


class WeightAverage:
    """An exponential moving average of every weight, corrected for its start, kept inside the compiled step.

    After t steps it is ``sum_k (1 - decay) decay^(t - k) weights_k / (1 - decay^t)`` for k from 1 to t: the first
    average is the weights after the first step, and the random ones from before it never count.

    Args:
        variables: What is averaged: all weights, and the statistics of batch normalisation with them.
        decay: In (0, 1); the average looks back over about 1 / (1 - decay) steps.

    Source:
        Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992; the correction is that of
        Kingma and Ba, "Adam", ICLR 2015.
    """

    def __init__(self, variables: Sequence[Any], decay: float) -> None:
        self.decay = decay
        self._variables = list(variables)
        self._averages = [tf.Variable(tf.zeros_like(variable), trainable=False) for variable in variables]

    def update(self, step: Any) -> None:
        """Take the weights in, after a step was made; ``step`` counts the earlier ones, an int32 tensor."""
        steps = tf.cast(step + 1, tf.float32)
        # The corrected average written as a running one: each step goes this share of the way to the new weights.
        share = (1.0 - self.decay) / -tf.math.expm1(steps * math.log(self.decay))
        for variable, average in zip(self._variables, self._averages, strict=True):
            average.assign_add(share * (variable - average))

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The network has its averaged weights inside, and its own again afterwards."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        # One after the other, so that no more than one weight is held twice.
        for variable, average in zip(self._variables, self._averages, strict=True):
            kept = tf.identity(variable)
            variable.assign(average)
            average.assign(kept)
