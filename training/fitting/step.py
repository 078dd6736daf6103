"""One compiled step of gradient descent: a batch of encoded impressions comes in, the weights move, its loss goes out.

`training.fitting.descent` calls it for every batch.
"""

from contextlib import AbstractContextManager, nullcontext
from types import MappingProxyType
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from features.layout import EncodedLayout
from features.spec import FIRST_OOV_ID, PADDING_ID
from training.config import TrainingConfig
from training.encoding.encode import UNKNOWN_IS_MISSING
from training.encoding.store import Records, labels_of
from training.fitting.averaging import WeightAverage
from training.fitting.contexts import Contexts
from training.fitting.losses import LOSSES, ranking_loss, smoothed
from training.fitting.optimizers import Optimizers
from training.fitting.rarity import Counts
from training.models import Family


class TrainingStep:
    """One step of gradient descent, compiled by XLA.

    Args:
        network: What is fitted.
        config: Loss, optimisers and regularisation.
        droppable: For each id column the number of its OOV ids if its ids may be trained as out of vocabulary, or
            `UNKNOWN_IS_MISSING`, else 0.
        drop_rates: Of the fields whose ids sometimes are, the chance of every id, ``(rows,)`` each.
        click_rate: Of the training slice, one per target; smoothed labels move towards it.
    """

    def __init__(
        self,
        network: Family,
        config: TrainingConfig,
        droppable: NDArray[np.int32],
        *,
        drop_rates: Counts = MappingProxyType({}),
        click_rate: float | NDArray[np.float32] = 0.5,
    ) -> None:
        self.network = network
        self.config = config
        self.click_rate = click_rate
        self.optimizers = Optimizers(config, network.trainable_variables)
        self._variables = network.trainable_variables
        self._average = None if config.ema is None else WeightAverage(network.weights, config.ema)
        self._contexts = Contexts(network.layout, config.ranking_key, droppable)
        self._dropping = IdDropout(network.layout, droppable, drop_rates, config.seed) if drop_rates else None
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
        if self._dropping is not None:
            ids = self._dropping(ids, step)
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


class IdDropout:
    """Makes some known ids out of vocabulary, so that the OOV embeddings learn what an unknown value means.

    Args:
        layout: The columns of the ids.
        droppable: For each of them the number of its OOV ids, or `UNKNOWN_IS_MISSING`.
        rates: Of the fields that lose ids, the chance of every id, ``(rows,)`` each.
        seed: With the number of a step, what decides.
    """

    def __init__(self, layout: EncodedLayout, droppable: NDArray[np.int32], rates: Counts, seed: int) -> None:
        starts = np.zeros(layout.id_width, np.int32)
        columns = np.zeros(layout.id_width, np.bool_)
        parts = [np.zeros(1)]
        for field in layout.ids:
            if field.name in rates:
                starts[field.start : field.stop] = sum(map(len, parts))
                columns[field.start : field.stop] = True
                parts.append(rates[field.name])
        self._rates = tf.constant(np.concatenate(parts), tf.float32)  # the first is that of all other columns
        self._starts = tf.constant(starts[np.newaxis], tf.int32)  # (1, columns), as the next two
        self._columns = tf.constant(columns[np.newaxis])
        self._oov_ids = tf.constant(droppable[np.newaxis], tf.int32)
        self._seed = seed % 2**31

    def __call__(self, ids: Any, step: Any) -> Any:
        """Ids ``(batch, columns)``, some of them replaced."""
        rates = tf.gather(self._rates, tf.where(self._columns, ids + self._starts, 0))
        seed = tf.stack([self._seed, step])
        chance = tf.random.stateless_uniform(tf.shape(ids), seed=seed, alg="philox")
        # Below the rate, the same number says which of the OOV ids: it is as random there as anywhere.
        share = tf.math.divide_no_nan(chance, rates)
        bucket = tf.cast(share * tf.cast(self._oov_ids, tf.float32), tf.int32)
        oov = FIRST_OOV_ID + tf.clip_by_value(bucket, 0, tf.maximum(self._oov_ids - 1, 0))
        unknown = tf.where(self._oov_ids == UNKNOWN_IS_MISSING, PADDING_ID, oov)
        return tf.where(chance < rates, unknown, ids)
