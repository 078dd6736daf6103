"""One compiled step of gradient descent: a batch of encoded impressions comes in, the weights move, its loss goes out.

`training.fitting.descent` calls it for every batch.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from features.spec import FIRST_OOV_ID
from training.config import TrainingConfig
from training.fitting.averaging import WeightAverage
from training.fitting.contexts import Contexts
from training.fitting.losses import LOSSES, ranking_loss, smoothed
from training.fitting.optimizers import Optimizers
from training.models import Family
from training.store import Records, labels_of


class TrainingStep:
    """One step of gradient descent, compiled by XLA.

    Args:
        network: What is fitted.
        config: Loss, optimisers and regularisation.
        droppable: For each id column the number of its OOV ids if its ids may be trained as out of vocabulary, else 0.
        click_rate: Of the training slice, one per target; smoothed labels move towards it.
    """

    def __init__(
        self,
        network: Family,
        config: TrainingConfig,
        droppable: NDArray[np.int32],
        *,
        click_rate: float | NDArray[np.float32] = 0.5,
    ) -> None:
        self.network = network
        self.config = config
        self.click_rate = click_rate
        self.optimizers = Optimizers(config, network.trainable_variables)
        self._variables = network.trainable_variables
        self._average = None if config.ema is None else WeightAverage(network.weights, config.ema)
        self._contexts = Contexts(network.layout, config.ranking_key, droppable)
        self._oov_ids = tf.constant(droppable[np.newaxis, :], tf.int32)  # (1, columns)
        self._loss = LOSSES[config.loss]
        self._run = tf.function(self._step, jit_compile=True)

    def __call__(self, batch: Records, rate_factor: float, step: int) -> Any:
        """Fit one batch; the batch's mean loss, still on its way.

        Args:
            batch: Encoded impressions with their labels.
            rate_factor: Share of the full learning rates.
            step: Steps already made, from 0.
        """
        self.optimizers.scale_rates(rate_factor)
        contexts = self._contexts.of(batch) if self.config.ranking_weight else np.empty(0, np.int32)
        return self._run(
            batch["ids"], batch["values"], labels_of(batch), contexts, tf.constant(step, tf.int32)
        )

    @property
    def ranked_column(self) -> int | None:
        """The id column whose impressions the loss compares, and wants in one batch."""
        return self._contexts.column if self.config.ranking_weight else None

    def averaged_weights(self) -> AbstractContextManager[None]:
        """While it is open the network has its averaged weights, if the task asks for an average."""
        return nullcontext() if self._average is None else self._average.in_place()

    def _step(self, ids: Any, values: Any, labels: Any, contexts: Any, step: Any) -> Any:
        if self.config.id_dropout:
            ids = self._with_dropped_ids(ids, step)
        with tf.GradientTape() as tape:
            logits = self.network((ids, values), training=True)  # (batch,), or (batch, targets)
            labels = smoothed(labels, self.config.label_smoothing, self.click_rate)
            loss = self._loss_of_targets(logits, labels, contexts)
            total = tf.add_n([loss, *self.network.losses])
        self.optimizers.apply(tape.gradient(total, [variable.value for variable in self._variables]))
        if self._average is not None:
            self._average.update(step)
        return loss

    def _loss_of_targets(self, logits: Any, labels: Any, contexts: Any) -> Any:
        """The weighted sum of the targets' mean losses, each over all impressions."""
        targets = self.network.targets
        if not targets.several:
            return self._mean_loss(logits, labels, contexts)
        logits = targets.on_all_impressions(keras.ops, logits)
        losses = [
            weight * self._mean_loss(logits[:, place], labels[:, place], contexts)
            for place, weight in enumerate(targets.weights)
        ]
        return tf.add_n(losses)

    def _mean_loss(self, logits: Any, labels: Any, contexts: Any) -> Any:
        loss = tf.reduce_mean(self._loss(logits, labels))
        share = self.config.ranking_weight
        if not share:
            return loss
        return (1.0 - share) * loss + share * tf.reduce_mean(ranking_loss(logits, labels, contexts))

    def _with_dropped_ids(self, ids: Any, step: Any) -> Any:
        """Some known ids become OOV, so that the OOV embeddings learn what an unknown value means."""
        rate = self.config.id_dropout
        seed = tf.stack([self.config.seed % 2**31, step])
        chance = tf.random.stateless_uniform(tf.shape(ids), seed=seed, alg="philox")
        dropped = (chance < rate) & (self._oov_ids > 0) & (ids >= FIRST_OOV_ID + self._oov_ids)
        # Below the rate, the same number says which of the OOV ids: it is as random there as anywhere.
        bucket = tf.cast(chance / rate * tf.cast(self._oov_ids, tf.float32), tf.int32)
        oov = FIRST_OOV_ID + tf.minimum(bucket, tf.maximum(self._oov_ids - 1, 0))
        return tf.where(dropped, oov, ids)
