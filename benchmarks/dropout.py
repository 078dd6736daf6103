"""What dropout costs a training step: Keras' layer, which leaves the random generator to TensorFlow, against ours.

Forty categorical fields, embedding 16, hidden 256-128, batches of 2,048: ``python -m benchmarks.dropout``.
"""

import json
import os
import time
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

BATCH, FIELDS, ROWS, STEPS = 2048, 40, 5_000, 8


def main() -> None:
    """Print milliseconds per step without dropout, with ours and with Keras', and the ratio of the last two."""
    import keras

    from training.models import layers, mlp

    without = _step_ms(rate=0.0)
    ours = _step_ms(rate=0.2)
    for module in (layers, mlp):
        vars(module)["Dropout"] = keras.layers.Dropout  # the very thing compared
    theirs = _step_ms(rate=0.2)
    figures = {"without": without, "ours": ours, "keras.layers.Dropout": theirs, "ratio": theirs / ours}
    print(json.dumps({name: round(figure, 1) for name, figure in figures.items()}, indent=1))


def _step_ms(rate: float) -> float:
    from features.layout import EncodedLayout, IdField
    from features.spec import Half
    from training.config import ModelConfig, TrainingConfig
    from training.fitting.step import TrainingStep
    from training.models import Regularisation, build

    layout = EncodedLayout(tuple(IdField(f"f{i}", Half.USER, ROWS, i) for i in range(FIELDS)), ())
    config = ModelConfig(hidden=(256, 128), dropout=rate, embedding_dropout=rate)
    network = build(layout, config, Regularisation()).built_for_layout()
    step = TrainingStep(network, TrainingConfig(), np.zeros(FIELDS, np.int32))
    rng = np.random.default_rng(2026)
    types: Any = [("ids", "<i4", (FIELDS,)), ("values", "<f4", (0,)), ("clicked", "<f4")]
    batch = np.zeros(BATCH, dtype=types)
    batch["ids"], batch["clicked"] = rng.integers(0, ROWS, (BATCH, FIELDS)), rng.random(BATCH) < 0.05
    step(batch, 1.0, 0).numpy()
    started = time.perf_counter()
    losses = [step(batch, 1.0, number) for number in range(STEPS)]
    losses[-1].numpy()
    return (time.perf_counter() - started) / STEPS * 1000


if __name__ == "__main__":
    main()
