"""What a fit gives back: the network, how it got there and what it says of encoded impressions.

`training.calibration` and `training.export.export` take it from there.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from training.config import ModelConfig, TrainingConfig
from training.encoding.store import EncodedStore, Records
from training.models import Family
from training.report.report import EnsembleCost, LearningPoint


class Predictor:
    """Logits of encoded impressions, in batches of one size so that XLA compiles once."""

    def __init__(self, network: Family, batch_size: int) -> None:
        self.batch_size = batch_size
        self._run = tf.function(lambda ids, values: network((ids, values), training=False), jit_compile=True)
        self._targets = network.targets

    def logits(self, store: EncodedStore) -> NDArray[np.float32]:
        """The first target's logits ``(rows,)`` in the order of the store."""
        parts = [self.of(records) for records in store.batches(self.batch_size)]
        return np.concatenate(parts) if parts else np.empty(0, np.float32)

    def of(self, records: Records) -> NDArray[np.float32]:
        """The first target's logits of no more than one batch of impressions."""
        return self._of_heads(records)[:, 0]

    def of_targets(self, records: Records, keep_rate: float) -> NDArray[np.float64]:
        """The logits ``(n, targets)`` of no more than one batch of impressions, on the full log.

        Args:
            records: The impressions.
            keep_rate: Share of non-clicks that the network was trained on.
        """
        heads = self._of_heads(records).astype(np.float64)
        whole: NDArray[np.float64] = self._targets.on_the_full_log(np, heads, keep_rate)
        return whole

    def target_logits(self, store: EncodedStore, keep_rate: float) -> NDArray[np.float64]:
        """The same of a whole store, ``(rows, targets)``."""
        parts = [self.of_targets(records, keep_rate) for records in store.batches(self.batch_size)]
        return np.concatenate([np.empty((0, len(self._targets))), *parts])

    def heads(self, store: EncodedStore) -> NDArray[np.float64]:
        """What the heads say of a whole store, ``(rows, targets)``; see `Family.logit`."""
        parts = [self._of_heads(records) for records in store.batches(self.batch_size)]
        return np.concatenate(parts).astype(np.float64)

    def _of_heads(self, records: Records) -> NDArray[np.float32]:
        rows = len(records)
        if rows < self.batch_size:
            records = np.concatenate([records, np.zeros(self.batch_size - rows, records.dtype)])
        heads: NDArray[np.float32] = self._run(records["ids"], records["values"]).numpy()
        return heads[:rows].reshape(rows, len(self._targets))


class Predicts(Protocol):
    """Says the logits of encoded impressions."""

    def logits(self, store: EncodedStore) -> NDArray[np.float32]:
        """One logit per impression, in the order of the store."""
        ...


class Judged(Protocol):
    """What can be calibrated and judged: a network, or something else that stands beside it in the report."""

    @property
    def predictor(self) -> Predicts:
        """Where its logits come from."""
        ...


@dataclass(frozen=True)
class TrainedModel:
    """A fitted network and how it got there.

    An ensemble has no curve of its own: its ``members`` have. A student remembers the ensemble that taught it.

    Attributes:
        network: With its best weights.
        config: Which network it is.
        predictor: Says its logits.
        learning_curve: Of its validations; empty for an ensemble.
        parameters: How many numbers were learned.
        seconds: That the fit took.
        training: How it was fitted.
        epochs: After how many its weights were the best; 0 for an ensemble.
        shares: Of each member in the logit of an ensemble; None for equal ones.
        members: Of an ensemble.
        teacher: Of a student.
        cost: Of an ensemble, or of that which taught a student.
    """

    network: Family
    config: ModelConfig
    predictor: Predictor
    learning_curve: tuple[LearningPoint, ...]
    parameters: int
    seconds: float
    training: TrainingConfig
    epochs: float = 0.0
    shares: tuple[float, ...] | None = None
    members: tuple["TrainedModel", ...] = ()
    teacher: "TrainedModel | None" = None
    cost: EnsembleCost | None = None

    def learning_curves(self, name: str) -> dict[str, tuple[LearningPoint, ...]]:
        """The curves of this network, or of each of its members, by the names that the report shows."""
        if not self.members:
            return {name: self.learning_curve}
        return {
            # A member of another family is the linear one, which is no further network of this family.
            f"{name} {number if member.config.family == self.config.family else 'linear'}": member.learning_curve
            for number, member in enumerate(self.members, 1)
        }

    def beside(self, name: str) -> dict[str, "TrainedModel"]:
        """What was trained on the way and stands beside this network in the report."""
        if self.teacher is not None:
            return {f"{name} ensemble": self.teacher, **self.teacher.beside(f"{name} ensemble")}
        return {f"{name} 1": self.members[0]} if self.members else {}
