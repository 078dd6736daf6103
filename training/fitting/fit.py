"""From encoded stores to a trained model: one network, several in one graph, or the student of these.

`training.pipeline` calls `fit`; `training.calibration` and `training.export.export` take the model from there.
"""

import numpy as np
from numpy.typing import NDArray

from features.layout import EncodedLayout
from training.config import ModelConfig, TrainingConfig
from training.encoding.store import EncodedStore
from training.fitting.blend import blended
from training.fitting.descent import FitStores, fit_network
from training.fitting.distillation import distilled
from training.fitting.ensemble import fit_ensemble
from training.fitting.trained import TrainedModel
from training.fitting.warm_start import Start
from training.progress import Progress


def fit(  # noqa: PLR0913  # each is one thing that a fit needs
    model: ModelConfig,
    config: TrainingConfig,
    layout: EncodedLayout,
    *,
    train: EncodedStore,
    validation: EncodedStore,
    droppable: NDArray[np.int32],
    progress: Progress,
    start: Start | None = None,
) -> TrainedModel:
    """Train one family and restore the weights with the lowest validation log loss.

    Args:
        model: Which network, and how many.
        config: How it is fitted.
        layout: Columns of the stores.
        train: The earlier impressions, non-clicks perhaps downsampled.
        validation: The later impressions, never downsampled.
        droppable: For each id column what `training.encoding.encode.droppable_columns` says of it.
        progress: Told about every step.
        start: The weights to begin with; None draws them.

    Raises:
        DataError: If there is nothing to train on.
        DivergedError: If the loss stops being finite.
        ConfigError: If the layout lacks what the settings name.
    """
    stores = FitStores(layout, train, validation, droppable, start)
    trained = (fit_network if model.ensemble == 1 else fit_ensemble)(model, config, stores, progress)
    if model.linear_member:
        trained = blended(trained, config, stores, progress)
    return distilled(trained, config, stores, progress) if config.distill else trained
