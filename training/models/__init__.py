"""The families of networks: each one file, each built as user state, item state and joint part.

To add one: a file with a subclass of `Family`, and a line in `FAMILIES`.
"""

import keras

from features.layout import EncodedLayout
from training.config import ModelConfig
from training.errors import ConfigError
from training.models.family import Family, Regularisation
from training.models.logistic import Logistic
from training.models.mlp import Mlp

FAMILIES: dict[str, type[Family]] = {"logistic": Logistic, "mlp": Mlp}


def build(layout: EncodedLayout, config: ModelConfig, regularisation: Regularisation) -> Family:
    """The untrained network of a task.

    Raises:
        ConfigError: If the family or the activation has no such name.
    """
    if config.family not in FAMILIES:
        raise ConfigError(f"model.family: expected one of {sorted(FAMILIES)}, got {config.family!r}")
    try:
        keras.activations.get(config.activation)
    except ValueError as error:
        raise ConfigError(
            f"model.activation: expected linear, sigmoid, tanh, relu or another name that Keras knows, "
            f"got {config.activation!r}"
        ) from error
    return FAMILIES[config.family](layout, config, regularisation)


__all__ = ["FAMILIES", "Family", "Regularisation", "build"]
