"""Fitting: one compiled step over a Keras network and a Keras optimiser, and the loop around it.

Encoded stores come in, the network with its best weights and its learning curve go out; `training.calibration` and
`training.export` take it from there.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from scipy.special import expit

from features.layout import EncodedLayout
from features.spec import FIRST_OOV_ID
from training.calibration import undo_downsampling
from training.config import ModelConfig, TrainingConfig
from training.early_stopping import EarlyStopping
from training.errors import DataError, DivergedError
from training.losses import LOSSES
from training.metrics import log_loss
from training.models import Family, Regularisation, build
from training.optimizers import build_optimizer
from training.progress import Progress
from training.report import LearningPoint
from training.schedules import Plateau, learning_rate_factor
from training.store import EncodedStore, Records


@dataclass(frozen=True)
class TrainedModel:
    """A fitted network and how it got there."""

    network: Family
    config: ModelConfig
    predictor: "Predictor"
    learning_curve: tuple[LearningPoint, ...]
    parameters: int


class TrainingStep:
    """One step of gradient descent, compiled by XLA.

    Args:
        network: What is fitted.
        config: Loss, optimiser and regularisation.
        droppable: 1 for each id column whose ids may be trained as out of vocabulary.
    """

    def __init__(self, network: Family, config: TrainingConfig, droppable: NDArray[np.int32]) -> None:
        self.network = network
        self.config = config
        self.optimizer = build_optimizer(config.optimizer)
        self.optimizer.build(network.trainable_variables)
        self._droppable = tf.constant(droppable[np.newaxis, :] > 0)
        self._loss = LOSSES[config.loss]
        self._run = tf.function(self._step, jit_compile=True)

    def __call__(self, batch: Records, learning_rate: float, step: int) -> Any:
        """Fit one batch; the batch's mean loss, still on its way."""
        self.optimizer.learning_rate.assign(learning_rate)
        return self._run(batch["ids"], batch["values"], batch["clicked"], tf.constant(step, tf.int32))

    def _step(self, ids: Any, values: Any, clicked: Any, step: Any) -> Any:
        if self.config.id_dropout:
            ids = self._with_dropped_ids(ids, step)
        with tf.GradientTape() as tape:
            logits = self.network((ids, values), training=True)  # (batch,)
            loss = tf.reduce_mean(self._loss(logits, clicked))
            total = tf.add_n([loss, *self.network.losses])
        variables = self.network.trainable_variables
        self.optimizer.apply(tape.gradient(total, [variable.value for variable in variables]), variables)
        return loss

    def _with_dropped_ids(self, ids: Any, step: Any) -> Any:
        """Some known ids become OOV, so that the OOV embedding learns what an unknown value means."""
        seed = tf.stack([self.config.seed % 2**31, step])
        chance = tf.random.stateless_uniform(tf.shape(ids), seed=seed, alg="philox")
        dropped = (chance < self.config.id_dropout) & self._droppable & (ids > FIRST_OOV_ID)
        return tf.where(dropped, FIRST_OOV_ID, ids)


class Predictor:
    """Logits of encoded impressions, in batches of one size so that XLA compiles once."""

    def __init__(self, network: Family, batch_size: int) -> None:
        self.batch_size = batch_size
        self._run = tf.function(lambda ids, values: network((ids, values), training=False), jit_compile=True)

    def logits(self, store: EncodedStore) -> NDArray[np.float32]:
        """The network's logits ``(rows,)`` in the order of the store."""
        parts = [self._batch(records) for records in store.batches(self.batch_size)]
        return np.concatenate(parts) if parts else np.empty(0, np.float32)

    def _batch(self, records: Records) -> NDArray[np.float32]:
        rows = len(records)
        if rows < self.batch_size:
            records = np.concatenate([records, np.zeros(self.batch_size - rows, records.dtype)])
        logits: NDArray[np.float32] = self._run(records["ids"], records["values"]).numpy()
        return logits[:rows]


def fit(
    model: ModelConfig,
    config: TrainingConfig,
    layout: EncodedLayout,
    *,
    train: EncodedStore,
    validation: EncodedStore,
    droppable: NDArray[np.int32],
    progress: Progress,
) -> TrainedModel:
    """Train one family and restore the weights with the lowest validation log loss.

    Args:
        model: Which network.
        config: How it is fitted.
        layout: Columns of the stores.
        train: The earlier impressions, non-clicks perhaps downsampled.
        validation: The later impressions, never downsampled.
        droppable: 1 for each id column that ``id_dropout`` may touch.
        progress: Told about every step.

    Raises:
        DivergedError: If the loss stops being finite.
    """
    keras.utils.set_random_seed(config.seed)
    network = build(layout, model, Regularisation(config.l2, config.l2_embedding)).built_for_layout()
    run = _Run(network, config, train=train, validation=validation, droppable=droppable)
    with progress.stage(
        f"training {model.family}", unit="impressions", total=run.total_steps * run.batch_size
    ) as bar:
        for _ in run.steps():
            bar.advance(run.batch_size, note=run.note)
    network.set_weights(run.early_stopping.best_weights)
    return TrainedModel(network, model, run.predictor, tuple(run.curve), network.count_params())


class _Run:
    """The state of one fit: where it is, how it went and whether to go on."""

    def __init__(
        self,
        network: Family,
        config: TrainingConfig,
        *,
        train: EncodedStore,
        validation: EncodedStore,
        droppable: NDArray[np.int32],
    ) -> None:
        if train.rows == 0:
            raise DataError(
                "expected impressions to train on, got none: the split leaves nothing before validation_from"
            )
        self.network, self.config, self.train = network, config, train
        self.batch_size = min(config.batch_size, train.rows)
        self.epoch_steps = train.rows // self.batch_size
        self.total_steps = config.epochs * self.epoch_steps
        self.step = TrainingStep(network, config, droppable)
        self.predictor = Predictor(network, min(self.batch_size, max(1, validation.rows)))
        self.validation = validation
        self.validation_clicked = np.concatenate(
            [batch["clicked"] for batch in validation.batches(PREDICT_ROWS)]
        )
        self.early_stopping = EarlyStopping(config.early_stopping)
        self.plateau = Plateau(config.schedule)
        self.curve: list[LearningPoint] = []
        self.note = ""
        self._losses: list[Any] = []

    def steps(self) -> Iterator[int]:
        """Every step made, until early stopping or the last epoch."""
        rng = np.random.default_rng(self.config.seed)
        checks = self._check_steps()
        done = 0
        for _ in range(self.config.epochs):
            for batch in self.train.shuffled_batches(self.batch_size, rng):
                rate = self._learning_rate(done)
                self._losses.append(self.step(batch, rate, done))
                done += 1
                yield done
                if done in checks:
                    self._check(done, rate)
                    if self.early_stopping.stopped:
                        return

    def _check_steps(self) -> set[int]:
        """After which steps to validate: spread evenly over each epoch, always at its end."""
        per_epoch = min(self.config.early_stopping.checks_per_epoch, self.epoch_steps)
        within = [round(self.epoch_steps * (check + 1) / per_epoch) for check in range(per_epoch)]
        return {epoch * self.epoch_steps + step for epoch in range(self.config.epochs) for step in within}

    def _learning_rate(self, done: int) -> float:
        factor = learning_rate_factor(
            self.config.schedule, done, total_steps=self.total_steps, epoch_steps=self.epoch_steps
        )
        return self.config.optimizer.learning_rate * factor * self.plateau.factor

    def _check(self, done: int, rate: float) -> None:
        train_loss = float(np.mean([float(loss) for loss in self._losses]))
        self._losses.clear()
        logits = self.predictor.logits(self.validation).astype(np.float64)
        # The loss of a step is from before its update: the weights may be lost while it still looks well.
        if not (math.isfinite(train_loss) and np.isfinite(logits).all()):
            raise DivergedError(
                f"expected a finite loss and finite logits, got a loss of {train_loss} after {done} steps: lower training.optimizer.learning_rate "
                f"(now {self.config.optimizer.learning_rate}) or set training.optimizer.clip_norm"
            )
        probabilities = expit(undo_downsampling(logits, self.config.keep_rate))
        validation_loss = log_loss(self.validation_clicked, probabilities)
        self.plateau.update(validation_loss)
        self.early_stopping.update(validation_loss, self.network.get_weights)
        self.note = f"validation log loss {validation_loss:.5f}, best {self.early_stopping.best:.5f}"
        self.curve.append(
            LearningPoint(
                epoch=done / self.epoch_steps,
                step=done,
                train_loss=train_loss,
                validation_loss=validation_loss,
                learning_rate=rate,
            )
        )


PREDICT_ROWS = 65_536
"""Rows read at once where no gradient is needed."""
