"""The multi-layer perceptron over embeddings and values; its first layer is split between the halves."""

from typing import Any

from typing_extensions import override

from features.layout import EncodedLayout
from features.spec import Half
from training.config import ModelConfig
from training.models.family import Family, HalfInputs, Regularisation
from training.targets import Targets


class Mlp(Family):
    """Embeddings and values, hidden layers, one logit; without hidden layers it is a logistic regression.

    A half's state is its partial sum of the first layer, so the width of a state is the first layer's.
    """

    def __init__(
        self, layout: EncodedLayout, config: ModelConfig, regularisation: Regularisation, targets: Targets
    ) -> None:
        super().__init__(layout, config, regularisation, targets)
        self.tower = self.perceptron(self.widths)

    @override
    def part(self, half: Half, inputs: HalfInputs, *, training: bool) -> Any:
        return self.tower.part(half, self.numbers(half, inputs, training=training))

    @override
    def logit(self, user: Any, item: Any, joint: Any, *, training: bool) -> Any:
        return self.logit_of(self.tower(user, item, joint, training=training))
