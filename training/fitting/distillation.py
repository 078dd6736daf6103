"""An ensemble taught to one network: its logits on the training slice become labels, a student of its size goes out.

`training.fitting.fit` calls `distilled` where the task asks for it.
"""

from dataclasses import replace

from scipy.special import expit

from training.config import TrainingConfig
from training.encoding.store import EncodedStore, StoreWriter, labels_of
from training.fitting.descent import FitStores, fit_network
from training.fitting.trained import TrainedModel
from training.progress import Progress


def distilled(
    teacher: TrainedModel,
    config: TrainingConfig,
    stores: FitStores,
    progress: Progress,
    *,
    earlier: TrainedModel | None = None,
) -> TrainedModel:
    """Train one network of the same family on a mix of the clicks and the ensemble's probabilities.

    The cross-entropy is linear in its label, so the mix of both losses is the loss of the mixed label; the
    temperature is 1, because with two classes there is no order among the wrong ones to bring out.

    Source:
        Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015.
    """
    path = stores.train.path.with_name("distilled.records")
    taught = EncodedStore(path, stores.layout, stores.train.targets)
    try:
        _write_mixed_labels(teacher, stores.train, taught, config.distill_weight)
        student = fit_network(
            teacher.config, config, replace(stores, train=taught), progress, earlier=earlier
        )
    finally:
        taught.path.unlink(missing_ok=True)
    return replace(student, teacher=teacher, cost=teacher.cost)


def _write_mixed_labels(
    teacher: TrainedModel, train: EncodedStore, taught: EncodedStore, weight: float
) -> None:
    with StoreWriter(taught) as writer:
        for records in train.batches(teacher.predictor.batch_size):
            # The store is downsampled already, so the answers about it stay as they are.
            answers = expit(teacher.predictor.of_targets(records, keep_rate=1.0))  # (n, targets)
            labels = (1.0 - weight) * labels_of(records).reshape(answers.shape) + weight * answers
            writer.append(records["ids"], records["values"], labels[:, 0], labels[:, 1:])
