"""How near the training step comes to this machine's matrix products of the same shapes.

Ten categorical fields, embedding 16, three hidden layers of 400, batches of 4,096, Adam: the reference of the field.
The two are measured in turn, so that a drift of the machine meets both; the medians of the pairs are printed.
"""

import itertools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

BATCH, FIELDS, ROWS, DIM, HIDDEN = 4096, 10, 10_000, 16, (400, 400, 400)
ROUNDS, STEPS = 7, 10


def step_ratio() -> dict[str, float]:
    """Impressions per second of the step and of the matrix products alone, and their ratio."""
    with tempfile.TemporaryDirectory() as directory:
        step, limit = training_step(Path(directory)), matrix_products()
        step(), limit()
        pairs = [(_rate(step), _rate(limit)) for _ in range(ROUNDS)]
    return {
        "step, impressions/s": round(float(np.median([ours for ours, _ in pairs]))),
        "matrix products alone, impressions/s": round(float(np.median([best for _, best in pairs]))),
        "ratio": round(float(np.median([ours / best for ours, best in pairs])), 3),
    }


def training_step(directory: Path) -> Callable[[], None]:
    """A few training steps, reading and shuffling included."""
    from features.layout import EncodedLayout, IdField
    from features.spec import Half
    from training.config import ModelConfig, TrainingConfig
    from training.encoding.store import EncodedStore, StoreWriter
    from training.fitting.step import TrainingStep
    from training.models import Regularisation, build

    halves = [Half.USER] * 4 + [Half.ITEM] * 4 + [Half.JOINT] * 2
    layout = EncodedLayout(tuple(IdField(f"f{i}", half, ROWS, i) for i, half in enumerate(halves)), ())
    rng = np.random.default_rng(2026)
    store, rows = EncodedStore(directory / "train.records", layout), STEPS * BATCH
    with StoreWriter(store) as writer:
        writer.append(rng.integers(0, ROWS, (rows, FIELDS)), np.zeros((rows, 0)), rng.random(rows) < 0.05)
    network = build(
        layout, ModelConfig(embedding_dim=DIM, hidden=HIDDEN), Regularisation()
    ).built_for_layout()
    step = TrainingStep(network, TrainingConfig(batch_size=BATCH), np.zeros(FIELDS, np.int32))

    def run() -> None:
        loss: Any = None
        for number, batch in enumerate(store.shuffled_batches(BATCH, rng)):
            loss = step(batch, 1.0, number)
        loss.numpy()

    return run


def matrix_products() -> Callable[[], None]:
    """The forward and both backward products of the same layers and nothing else."""
    import tensorflow as tf

    widths = [FIELDS * DIM, *HIDDEN, 1]
    weights = [tf.random.normal(shape) for shape in itertools.pairwise(widths)]
    inputs = tf.random.normal((BATCH, widths[0]))

    def products() -> Any:
        layers = [inputs]
        for weight in weights:
            layers.append(tf.matmul(layers[-1], weight))
        gradient, sums = layers.pop(), []
        for weight, layer in zip(reversed(weights), reversed(layers), strict=True):
            sums.append(tf.reduce_sum(tf.matmul(layer, gradient, transpose_a=True)))
            gradient = tf.matmul(gradient, weight, transpose_b=True)
        return tf.add_n([*sums, tf.reduce_sum(gradient)])

    compiled = tf.function(products)

    def run() -> None:
        totals = [compiled() for _ in range(STEPS)]
        totals[-1].numpy()

    return run


def _rate(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return STEPS * BATCH / (time.perf_counter() - started)
