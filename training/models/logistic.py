"""The single neuron: one weight per id and per value, a bias, a sigmoid. The baseline of every report."""

from typing import Any, ClassVar

from typing_extensions import override

from features.layout import EncodedLayout
from features.spec import Half
from training.config import ModelConfig
from training.models.family import Family, HalfInputs, Regularisation
from training.models.linear import Linear
from training.targets import Targets


class Logistic(Family):
    """logit = bias + the sum of the weights of the ids + weights times values; a half's state is its part of the sum."""

    embeds: ClassVar[bool] = False
    usual_prior: ClassVar[float] = 1.0
    mixes_experts: ClassVar[bool] = False

    def __init__(
        self, layout: EncodedLayout, config: ModelConfig, regularisation: Regularisation, targets: Targets
    ) -> None:
        super().__init__(layout, config, regularisation, targets)
        self.linear = Linear(layout, self.head_units, regularisation)

    @override
    def part(self, half: Half, inputs: HalfInputs, *, training: bool) -> Any:
        return self.linear.part(half, inputs, training=training)

    @override
    def logit(self, user: Any, item: Any, joint: Any, *, training: bool) -> Any:
        return self.logit_of(self.linear(user, item, joint))
