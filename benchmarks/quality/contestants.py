"""Who takes part: an encoded log and a seed come in, logits go out; `benchmarks.quality.contest` judges them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import logit

from benchmarks.quality.encoded import EncodedLog, Logits
from training.config import LINEAR, ModelConfig, TrainingConfig
from training.encoding.encode import droppable_columns
from training.fitting.descent import FitStores
from training.fitting.fit import fit
from training.fitting.trained import Judged
from training.log.split import Slice
from training.peers.boosted_trees import fit_trees
from training.progress import Silent


@dataclass(frozen=True)
class Contestant:
    """A model by the name that the tables show.

    Attributes:
        logits: Fits the model of a seed and says its logits.
        one_seed: Whether every seed gives the same.
        is_network: Whether it is a network of somebody else.
    """

    name: str
    logits: Callable[[EncodedLog, int], Logits]
    one_seed: bool = False
    is_network: bool = False


def prior(log: EncodedLog, seed: int) -> Logits:  # noqa: ARG001  # a constant draws nothing
    """The click rate of the training slice, for everybody."""
    rate = float(logit(log.judge.prior))
    return {part: np.full(log.slices.stores[part].rows, rate) for part in log.parts}


def ours(log: EncodedLog, seed: int) -> Logits:
    """The network of the task."""
    return _fitted(log, log.task.model, log.task.training, seed)


def logistic(log: EncodedLog, seed: int) -> Logits:
    """The `logistic` that stands beside every network in its report."""
    return _fitted(log, LINEAR, log.task.for_baseline(), seed)


def lightgbm(log: EncodedLog, seed: int) -> Logits:
    """LightGBM as the report compares it."""
    stores = log.slices.stores
    how = log.task.with_seed(seed).training
    return _said(log, fit_trees(stores[Slice.TRAIN], stores[Slice.VALIDATION], how, Silent()))


def _fitted(log: EncodedLog, model: ModelConfig, how: TrainingConfig, seed: int) -> Logits:
    train, validation = log.slices.stores[Slice.TRAIN], log.slices.stores[Slice.VALIDATION]
    stores = FitStores(train, validation, droppable_columns(log.encoder))
    return _said(log, fit(model, how.model_copy(update={"seed": seed}), stores, Silent()))


def _said(log: EncodedLog, model: Judged) -> Logits:
    return {part: log.judge.logits(model, part) for part in log.parts}


PRIOR = Contestant("prior", prior, one_seed=True)
OURS = Contestant("ours", ours)
LOGISTIC = Contestant("logistic", logistic)
# Without bagging its seed draws nothing.
LIGHTGBM = Contestant("LightGBM", lightgbm, one_seed=True)
