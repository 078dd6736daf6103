"""The optimisers a task file may name."""

from collections.abc import Callable
from typing import Any

import keras

from training.config import OptimizerConfig

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
    """The optimiser of a task.

    Source:
        ``weight_decay``: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019.
    """
    # Keras wants a number for AdamW; the others skip the work when there is None.
    decays = config.weight_decay or config.name == "adamw"
    return OPTIMIZERS[config.name](
        learning_rate=config.learning_rate,
        global_clipnorm=config.clip_norm,
        weight_decay=config.weight_decay if decays else None,
    )
