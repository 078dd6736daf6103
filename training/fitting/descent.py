"""Gradient descent of one network: encoded stores come in, the network with its best weights and its curve go out.

`training.fitting.fit` calls `fit_network` once, or once per member of an ensemble.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from features.layout import EncodedLayout
from training.config import ModelConfig, TrainingConfig
from training.encoding.store import EncodedStore
from training.errors import DataError, DivergedError
from training.fitting.balance import balance
from training.fitting.early_stopping import EarlyStopping
from training.fitting.layer_watch import LayerWatch
from training.fitting.rarity import Counts, drop_rates, looked_up, occurrences_of_ids
from training.fitting.schedules import Plateau, learning_rate_factor
from training.fitting.step import TrainingStep
from training.fitting.trained import Predictor, TrainedModel
from training.fitting.warm_start import Start
from training.metrics import log_loss
from training.models import Family, Regularisation, build
from training.progress import Progress
from training.report.report import LearningPoint


@dataclass(frozen=True)
class FitStores:
    """What a network learns from: earlier impressions to train on, later ones to choose by.

    ``droppable`` has for each id column what `training.encoding.encode.droppable_columns` says of it. A ``start`` has
    the weights to begin with, where they are not drawn.
    """

    train: EncodedStore
    validation: EncodedStore
    droppable: NDArray[np.int32]
    start: Start | None = None

    @property
    def layout(self) -> EncodedLayout:
        """The columns of the impressions."""
        return self.train.layout

    def of_member(self, place: int) -> Self:
        """What one member of an ensemble learns from: it has a start of its own."""
        return replace(self, start=self.start and self.start.of_member(place))


Watcher = Callable[[LearningPoint], None]
"""Is told about every validation; what it raises ends the fit."""


def fit_network(
    model: ModelConfig,
    config: TrainingConfig,
    stores: FitStores,
    progress: Progress,
    watcher: Watcher = lambda _: None,
    *,
    earlier: TrainedModel | None = None,
) -> TrainedModel:
    """Train one network and restore the weights, or their average, with the lowest validation log loss, balanced.

    Args:
        model: Which network.
        config: How it is fitted.
        stores: What it learns from.
        progress: Told about every step.
        watcher: Told about every validation.
        earlier: The network of the same settings that this one follows: it stops after as many epochs, and its rate falls where
            that one's did, whatever the validation slice says; None: the validation slice decides.

    Raises:
        DataError: If there is nothing to train on.
        DivergedError: If the loss stops being finite.
        ConfigError: If the layout lacks what the settings name.
    """
    started = time.monotonic()
    keras.utils.set_random_seed(config.seed)
    regularisation = Regularisation(config.l2, config.l2_embedding)
    network = build(stores.layout, model, regularisation, stores.train.targets).built_for_layout()
    if stores.start is not None:
        stores.start.give_to(network)
    run = _Run(network, config, stores, _heeding_rarity(network, config, stores), watcher, earlier)
    with progress.stage(
        f"{'training' if earlier is None else 'refitting'} {model.family}",
        unit="impressions",
        total=run.most_steps * run.batch_size,
    ) as bar:
        for _ in run.steps():
            bar.advance(run.batch_size, note=run.note)
        network.set_weights(run.early_stopping.best_weights)
        balance(network, run.predictor, stores.train)
    for embedding in network.field_embeddings():
        embedding.price_ids({}, weight=0.0)
    return TrainedModel(
        network=network,
        config=model,
        predictor=run.predictor,
        learning_curve=tuple(run.curve),
        parameters=network.count_params(),
        seconds=time.monotonic() - started,
        training=config,
        epochs=run.best_epoch,
    )


def _heeding_rarity(network: Family, config: TrainingConfig, stores: FitStores) -> Counts:
    """Prices the network's embeddings by how often each id occurs; the chance of each id to be shown as OOV."""
    price = network.usual_prior if config.l2_rare is None else config.l2_rare
    if not (price or config.id_dropout):
        return {}
    occurrences = occurrences_of_ids(stores.train, stores.layout)
    rates = drop_rates(occurrences, stores.layout, stores.droppable, config.id_dropout)
    expected = looked_up(occurrences, rates, stores.layout, stores.droppable)
    for embedding in network.field_embeddings():
        embedding.price_ids(expected, price)
    return rates


class _Run:
    """The state of one fit: where it is, how it went and whether to go on."""

    def __init__(
        self,
        network: Family,
        config: TrainingConfig,
        stores: FitStores,
        rates: Counts,
        watcher: Watcher,
        earlier: TrainedModel | None,
    ) -> None:
        train, validation = stores.train, stores.validation
        self.watcher = watcher
        if train.rows == 0:
            raise DataError(
                "expected impressions to train on, got none: the split leaves nothing before validation_from"
            )
        self.network, self.config, self.train = network, config, train
        self.batch_size = min(config.batch_size, train.rows)
        self.epoch_steps = train.rows // self.batch_size
        self.total_steps = config.epochs * self.epoch_steps
        self.last_step = None if earlier is None else max(1, round(earlier.epochs * self.epoch_steps))
        self.earlier_losses = {
            round(point.epoch * self.epoch_steps): point.validation_loss
            for point in (earlier.learning_curve if earlier else ())
        }
        self.most_steps = self.last_step or self.total_steps
        self.best_epoch = 0.0
        self.step = TrainingStep(
            network, config, stores.droppable, drop_rates=rates, click_rate=train.labels().mean(axis=0)
        )
        self.predictor = Predictor(network, min(self.batch_size, max(1, validation.rows)))
        self.validation = validation
        self.validation_labels = validation.labels().reshape(validation.rows, len(validation.targets))
        self.layer_watch = LayerWatch(network, validation, config.keep_rate)
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
            for batch in self.train.shuffled_batches(self.batch_size, rng, together=self.step.ranked_column):
                factor = self._rate_factor(done)
                self._losses.append(self.step(batch, factor, done))
                done += 1
                yield done
                if done in self.earlier_losses:
                    self.plateau.update(self.earlier_losses[done])
                if done in checks:
                    self._check(done, factor)
                    if self.early_stopping.stopped or done == self.last_step:
                        return

    def _check_steps(self) -> set[int]:
        """After which steps to validate: spread evenly over each epoch, always at its end."""
        if self.last_step is not None:
            return {self.last_step}
        per_epoch = min(self.config.early_stopping.checks_per_epoch, self.epoch_steps)
        within = [round(self.epoch_steps * (check + 1) / per_epoch) for check in range(per_epoch)]
        return {epoch * self.epoch_steps + step for epoch in range(self.config.epochs) for step in within}

    def _rate_factor(self, done: int) -> float:
        """Share of the full learning rates, of embeddings and dense weights alike."""
        factor = learning_rate_factor(
            self.config.schedule, done, total_steps=self.total_steps, epoch_steps=self.epoch_steps
        )
        return factor * self.plateau.factor

    def _check(self, done: int, rate_factor: float) -> None:
        """Validate the weights that would be exported now, and keep them if they are the best so far."""
        train_loss = float(np.mean([float(loss) for loss in self._losses]))
        self._losses.clear()
        with self.step.averaged_weights():
            logits = self.predictor.target_logits(self.validation, self.config.keep_rate)
            self._refuse_divergence(train_loss, logits, done)
            validation_loss = self._validation_loss(expit(logits))
            if self.early_stopping.update(validation_loss, self.network.get_weights):
                self.best_epoch = done / self.epoch_steps
            layers = self.layer_watch.look()
        if self.last_step is None:
            self.plateau.update(validation_loss)
            self.note = f"validation log loss {validation_loss:.5f}, best {self.early_stopping.best:.5f}"
        self.curve.append(
            LearningPoint(
                epoch=done / self.epoch_steps,
                step=done,
                train_loss=train_loss,
                validation_loss=validation_loss,
                learning_rate=self.config.optimizer.learning_rate * rate_factor,
                layers=layers,
            )
        )
        self.watcher(self.curve[-1])

    def _validation_loss(self, probabilities: NDArray[np.float64]) -> float:
        """What training minimises, on the validation slice: the weighted sum of the targets' log losses."""
        losses = [
            weight * log_loss(clicked, chances)
            for weight, clicked, chances in zip(
                self.network.targets.weights, self.validation_labels.T, probabilities.T, strict=True
            )
        ]
        return sum(losses)

    def _refuse_divergence(self, train_loss: float, logits: NDArray[np.float64], done: int) -> None:
        # The loss of a step is from before its update: the weights may be lost while it still looks well.
        if not (math.isfinite(train_loss) and np.isfinite(logits).all()):
            raise DivergedError(
                f"expected a finite loss and finite logits, got a loss of {train_loss} after {done} steps: lower training.optimizer.learning_rate "
                f"(now {self.config.optimizer.learning_rate}) or set training.optimizer.clip_norm"
            )
