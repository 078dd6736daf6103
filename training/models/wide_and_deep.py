"""Wide and deep: a linear part that remembers single facts beside a perceptron that generalises."""

from typing import Any

import tensorflow as tf
from typing_extensions import override

from features.layout import EncodedLayout
from features.spec import Half
from training.config import ModelConfig
from training.models.family import Family, HalfInputs, Regularisation
from training.models.linear import Linear
from training.targets import Targets


class WideAndDeep(Family):
    """logit = linear part + perceptron; crosses of the spec are the wide side's feature combinations.

    A half's state is its part of the linear sum and its partial sum of the first layer.

    Source:
        Cheng et al., "Wide & Deep Learning for Recommender Systems", DLRS 2016.
    """

    def __init__(
        self, layout: EncodedLayout, config: ModelConfig, regularisation: Regularisation, targets: Targets
    ) -> None:
        super().__init__(layout, config, regularisation, targets)
        self.wide = Linear(layout, self.head_units, regularisation)
        self.deep = self.perceptron(self.widths)

    @override
    def part(self, half: Half, inputs: HalfInputs, *, training: bool) -> Any:
        deep = self.deep.part(half, self.numbers(half, inputs, training=training))
        return tf.concat([self.wide.part(half, inputs, training=training), deep], axis=1)

    @override
    def logit(self, user: Any, item: Any, joint: Any, *, training: bool) -> Any:
        parts = [tf.split(part, [self.head_units, -1], axis=1) for part in (user, item, joint)]
        wide, deep = zip(*parts, strict=True)
        return self.logit_of(self.wide(*wide) + self.deep(*deep, training=training))
