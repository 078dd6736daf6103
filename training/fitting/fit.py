"""From encoded stores to a trained model: one network, several in one graph, or the student of these.

`training.pipeline` calls `fit`; `training.calibration` and `training.export.export` take the model from there.
"""

from training.config import ModelConfig, TrainingConfig
from training.fitting.blend import blended
from training.fitting.descent import FitStores, fit_network
from training.fitting.distillation import distilled
from training.fitting.ensemble import fit_ensemble
from training.fitting.trained import TrainedModel
from training.progress import Progress


def fit(model: ModelConfig, config: TrainingConfig, stores: FitStores, progress: Progress) -> TrainedModel:
    """Train one family and restore the weights with the lowest validation log loss.

    Args:
        model: Which network, and how many.
        config: How it is fitted.
        stores: What it learns from; non-clicks that train are perhaps downsampled, those that validate never.
        progress: Told about every step.

    Raises:
        DataError: If there is nothing to train on.
        DivergedError: If the loss stops being finite.
        ConfigError: If the layout lacks what the settings name.
    """
    trained = (fit_network if model.ensemble == 1 else fit_ensemble)(model, config, stores, progress)
    if model.linear_member:
        trained = blended(trained, config, stores, progress)
    return distilled(trained, config, stores, progress) if config.distill else trained
