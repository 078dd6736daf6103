"""The optimisers a task file may name, and how the embeddings get one of their own.

`training.fitting.step` hands gradients in; the weights move.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from training.config import OptimizerConfig, TrainingConfig
from training.models.layers import is_table

OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "sgd": keras.optimizers.SGD,
    "momentum": lambda **settings: keras.optimizers.SGD(momentum=0.9, **settings),
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "adagrad": keras.optimizers.Adagrad,
    "rmsprop": keras.optimizers.RMSprop,
    "ftrl": keras.optimizers.Ftrl,
    "lamb": keras.optimizers.Lamb,
}


def build_optimizer(config: OptimizerConfig) -> Any:
    """The optimiser of a task; `Optimizers` clips for it.

    Source:
        ``weight_decay``: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019.
    """
    # Keras wants a number for AdamW; the others skip the work when there is None.
    decays = config.weight_decay or config.name == "adamw"
    return OPTIMIZERS[config.name](
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay if decays else None,
    )


class Optimizers:
    """One optimiser for all weights, or one for the embeddings and one for the rest; one schedule leads both.

    Each clips the norm of its own gradients alone. The gradient of a table has a row per lookup; Adam and its kin
    square these rows one by one, before the lookups of one id are added up. Its second moment is then that of single
    lookups: ids whose lookups agree take longer steps, which did better on KuaiRand than the sum's (docs/benchmarks).

    Args:
        config: Their settings.
        variables: The trainable weights of a network.
    """

    def __init__(self, config: TrainingConfig, variables: Sequence[Any]) -> None:
        everywhere = range(len(variables))
        groups = [(config.optimizer, list(everywhere))]
        if config.embedding_optimizer is not None:
            groups = [
                (config.optimizer, [place for place in everywhere if not is_table(variables[place])]),
                (config.embedding_optimizer, [place for place in everywhere if is_table(variables[place])]),
            ]
        self._variables = list(variables)
        self._groups = [
            (settings, build_optimizer(settings), places) for settings, places in groups if places
        ]
        for _, optimizer, places in self._groups:
            optimizer.build([self._variables[place] for place in places])

    def scale_rates(self, factor: float) -> None:
        """Every optimiser follows the gradient at this share of its full rate."""
        for settings, optimizer, _ in self._groups:
            optimizer.learning_rate.assign(settings.learning_rate * factor)

    def apply(self, gradients: Sequence[Any]) -> None:
        """Move the weights; one gradient per variable, in their order."""
        for settings, optimizer, places in self._groups:
            clipped = _clipped([gradients[place] for place in places], settings.clip_norm)
            optimizer.apply(clipped, [self._variables[place] for place in places])


def _clipped(gradients: list[Any], clip_norm: float | None) -> list[Any]:
    """The gradients, made shorter where their norm together is larger than ``clip_norm``."""
    if clip_norm is None:
        return gradients
    # The rows of a table's lookups are added up first: their own norm is not that of the gradient.
    norm = tf.linalg.global_norm([tf.convert_to_tensor(gradient) for gradient in gradients])
    clipped: list[Any] = tf.clip_by_global_norm(gradients, clip_norm, use_norm=norm)[0]
    return clipped
