"""Reading, fitting the statistics and encoding a million impressions, against one epoch of training over them.

The log is the simulated shop; the network is the reference of the field (three hidden layers of 400).
"""

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from simulator import WorldConfig, write_shop
from training.config import TaskConfig, load_config
from training.pipeline import Places, train
from training.progress import Silent

IMPRESSIONS = 1_000_000
EXAMPLE = Path("examples/shop/axon.yaml")


def pipeline_ratio() -> dict[str, float]:
    """Seconds of each stage, and those before training over those of one epoch."""
    with tempfile.TemporaryDirectory() as directory:
        write_shop(WorldConfig(impressions=IMPRESSIONS), Path(directory) / "data")
        places = Places(data_root=Path(directory) / "data", runs=Path(directory) / "runs", registry=None)
        started = time.monotonic()
        seconds = train(reference_task(), places, now=datetime.now(UTC), progress=Silent()).report.seconds
        total = time.monotonic() - started
    before = seconds["reading"] + seconds["statistics"] + seconds["encoding"]
    # 80 % of the impressions train; the ratio is about an epoch over all of them.
    epoch = seconds["training mlp"] / 0.8
    return {
        **{name: round(value, 1) for name, value in seconds.items()},
        "whole run": round(total, 1),
        "one epoch over all impressions": round(epoch, 1),
        "ratio": round(before / epoch, 3),
    }


def reference_task() -> TaskConfig:
    """The shop's task with the reference network and a single epoch."""
    task = load_config(EXAMPLE)
    model = task.model.model_copy(update={"hidden": (400, 400, 400)})
    training = task.training.model_copy(
        update={
            "epochs": 1,
            "batch_size": 4096,
            "baseline": task.training.baseline.model_copy(update={"epochs": 1}),
        }
    )
    return task.model_copy(update={"model": model, "training": training})
