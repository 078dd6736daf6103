"""FinalMLP: two perceptrons that look at differently gated inputs, and a bilinear form that fuses them."""

import math
from typing import Any, ClassVar

import keras
import tensorflow as tf
from typing_extensions import override

from features.layout import EncodedLayout
from features.spec import Half
from training.config import ModelConfig
from training.errors import ConfigError
from training.models.anatomy import Activation
from training.models.family import Family, HalfInputs, Regularisation
from training.models.tower import Tower, dense
from training.targets import Targets

STREAMS = 2


class FinalMlp(Family):
    """Two streams of hidden layers, fused by a bilinear form of several heads.

    A gate sees one half and weighs that half's numbers, so that a half's state is its partial sum of each stream's
    first layer. (The source lets the gates of the streams see the user's and the item's features.)

    Source:
        Mao et al., "FinalMLP: An Enhanced Two-Stream MLP Model for CTR Prediction", AAAI 2023.
    """

    mixes_experts: ClassVar[bool] = False  # its streams end in their last hidden layers
    needs_widths_kept: ClassVar[bool] = True  # the heads divide the streams

    def __init__(
        self, layout: EncodedLayout, config: ModelConfig, regularisation: Regularisation, targets: Targets
    ) -> None:
        super().__init__(layout, config, regularisation, targets)
        if not config.hidden or config.hidden[-1] % config.heads:
            raise ConfigError(
                f"model.hidden: expected a last layer that model.heads ({config.heads}) divides for final_mlp, "
                f"got {list(config.hidden)}"
            )
        l2 = regularisation.l2
        self.gates = [self._gates(l2) for _ in range(STREAMS)]
        self.streams = [Tower(self.widths, config, outputs=None, l2=l2) for _ in range(STREAMS)]
        self.fusion = BilinearFusion(config.hidden[-1], config.heads, self.head_units, l2)

    def _gates(self, l2: float) -> dict[str, "Gate"]:
        if not self.config.gate_units:
            return {}
        return {half.value: Gate(width, self.config, l2) for half, width in self.widths.items() if width}

    @override
    def part(self, half: Half, inputs: HalfInputs, *, training: bool) -> Any:
        numbers = self.numbers(half, inputs, training=training)
        parts = []
        for gates, stream in zip(self.gates, self.streams, strict=True):
            gated = gates[half.value](numbers) if half.value in gates else numbers
            parts.append(stream.part(half, gated))
        return tf.concat(parts, axis=1)

    @override
    def logit(self, user: Any, item: Any, joint: Any, *, training: bool) -> Any:
        parts = zip(*(tf.split(part, STREAMS, axis=1) for part in (user, item, joint)), strict=True)
        first, second = (
            stream(*halves, training=training) for stream, halves in zip(self.streams, parts, strict=True)
        )
        return self.logit_of(self.fusion(first, second))


class Gate(keras.layers.Layer):
    """Multiplies every number by a weight between 0 and 2 that a small network gives it.

    Args:
        width: Numbers.
        config: Hidden units and activation.
        l2: Weight of the squared kernels in the loss.
    """

    def __init__(self, width: int, config: ModelConfig, l2: float) -> None:
        super().__init__()
        self.hidden = dense(config.gate_units, l2)
        self.activation = Activation(config.activation)
        self.weigh = dense(width, l2)

    def depths(self) -> dict[str, list[keras.layers.Layer]]:
        """Its layers by depth."""
        return {"hidden": [self.hidden, self.activation], "weights": [self.weigh]}

    @override
    def call(self, numbers: Any) -> Any:
        """The weighed numbers, same shape ``(n, width)``."""
        return 2.0 * tf.sigmoid(self.weigh(self.activation(self.hidden(numbers)))) * numbers


class BilinearFusion(keras.layers.Layer):
    """b + u a + v c + the sum over heads of a_h W_h c_h, where a_h and c_h are slices of the two streams.

    Args:
        width: Numbers of each stream, a multiple of ``heads``.
        heads: Slices.
        outputs: Numbers that come out.
        l2: Weight of the squared weights in the loss.
    """

    def __init__(self, width: int, heads: int, outputs: int, l2: float) -> None:
        super().__init__()
        self.heads = heads
        self.first = dense(outputs, l2)
        self.second = dense(outputs, l2, bias=False)
        limit = math.sqrt(6.0 / (2 * width))  # Glorot's, as if the heads were one matrix
        self.bilinear = self.add_weight(
            shape=(heads, width // heads, outputs, width // heads),
            initializer=keras.initializers.RandomUniform(-limit, limit),
            regularizer=keras.regularizers.L2(l2) if l2 else None,
            name="bilinear",
        )

    @override
    def call(self, first: Any, second: Any) -> Any:
        """The outputs ``(n, outputs)`` from both streams, each ``(n, width)``."""
        heads = [
            tf.reshape(stream, [-1, self.heads, stream.shape[1] // self.heads]) for stream in (first, second)
        ]
        products = tf.einsum("nhi,hioj,nhj->no", heads[0], tf.convert_to_tensor(self.bilinear), heads[1])
        return self.first(first) + self.second(second) + products
