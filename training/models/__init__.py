"""The families of networks: each one file, each built as user state, item state and joint part.

To add one: a file with a subclass of `Family`, and a line in `FAMILIES`.
"""

import keras

from features.layout import EncodedLayout
from training.config import ModelConfig
from training.errors import ConfigError
from training.models.ccpm import Ccpm
from training.models.dcn_v2 import DcnV2
from training.models.deepfm import DeepFm
from training.models.family import Family, Regularisation
from training.models.final_mlp import FinalMlp
from training.models.logistic import Logistic
from training.models.mlp import Mlp
from training.models.wide_and_deep import WideAndDeep
from training.targets import CLICK, Targets

FAMILIES: dict[str, type[Family]] = {
    "logistic": Logistic,
    "mlp": Mlp,
    "wide_and_deep": WideAndDeep,
    "deepfm": DeepFm,
    "dcn_v2": DcnV2,
    "final_mlp": FinalMlp,
    "ccpm": Ccpm,
}


def build(
    layout: EncodedLayout, config: ModelConfig, regularisation: Regularisation, targets: Targets = CLICK
) -> Family:
    """The untrained network of a task.

    Raises:
        ConfigError: If `family_of` refuses the settings.
    """
    return family_of(config)(layout, config, regularisation, targets)


def family_of(config: ModelConfig) -> type[Family]:
    """The family that a task file names; the pipeline asks before it reads the log.

    Raises:
        ConfigError: If the family or the activation has no such name, the family cannot use the activation, or it cannot
            share as it is told.
    """
    if config.family not in FAMILIES:
        raise ConfigError(f"model.family: expected one of {sorted(FAMILIES)}, got {config.family!r}")
    family = FAMILIES[config.family]
    _refuse_activation(family, config)
    if config.sharing == "mmoe" and not (family.mixes_experts and config.hidden):
        mixing = sorted(name for name, other in FAMILIES.items() if other.mixes_experts)
        raise ConfigError(
            f"model.sharing: expected one of {mixing} with hidden layers for mmoe, got {config.family!r} with "
            f"hidden {list(config.hidden)}; shared_bottom is for every family"
        )
    return family


def _refuse_activation(family: type[Family], config: ModelConfig) -> None:
    try:
        # Asked for two numbers: a name may be known, such as threshold, and want more than its layer's sums.
        width = keras.activations.get(config.activation)(keras.ops.zeros((1, 2))).shape[1]
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"model.activation: expected linear, sigmoid, tanh, relu or another name that Keras knows, "
            f"got {config.activation!r}"
        ) from error
    if width == 2 or not family.embeds:
        return
    if family.needs_widths_kept:
        raise ConfigError(
            f"model.activation: expected one that keeps the width of its layer for {config.family}, "
            f"got {config.activation!r}, which halves it"
        )
    units = [*config.hidden, *config.attention_units]
    if any(layer % 2 for layer in units):
        raise ConfigError(
            f"model.hidden, model.attention_units: expected even numbers for {config.activation!r}, which halves the "
            f"width of its layer, got {units}"
        )


__all__ = ["FAMILIES", "Family", "Regularisation", "build", "family_of"]
