"""A tiny log, its task file and quick searches around it; tests of the search use them."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml

from training.config import TaskConfig, load_config, parse_config
from training.progress import Progress, Silent
from training.tune import Limits, Tuned, Wish, tune

IMPRESSIONS, TRAINED, JUDGED = 1200, 720, 240
"""The last 240 impressions are the test slice."""

NOW = datetime(2026, 1, 2, tzinfo=UTC)

DOCUMENT: dict[str, Any] = {
    "name": "tiny",
    "data": {"log": "log.csv", "label": "clicked", "time": {"column": "time_ms"}},
    "features": {
        "user": [{"kind": "categorical", "name": "city", "min_count": 1}],
        "item": [{"kind": "categorical", "name": "brand", "min_count": 1}],
    },
    "model": {"family": "mlp", "embedding_dim": 4, "hidden": [8]},
    "training": {
        "epochs": 1,
        "batch_size": 256,
        "optimizer": {"learning_rate": 0.02},
        "calibration": "platt",
        "seed": 5,
    },
    "split": {"validation_from": TRAINED / IMPRESSIONS, "test_from": (TRAINED + JUDGED) / IMPRESSIONS},
}


def make_task(**changes: dict[str, Any]) -> TaskConfig:
    """The task file, with some keys of its parts replaced."""
    return parse_config(changed(**changes), source="test")


def changed(**changes: dict[str, Any]) -> dict[str, Any]:
    return {**DOCUMENT, **{part: {**DOCUMENT[part], **values} for part, values in changes.items()}}


def write_world(directory: Path, *, seed: int = 1, test_labels_from: int = 1) -> Path:
    """A log and its task file; the test slice's labels alone depend on ``test_labels_from``."""
    directory.mkdir(exist_ok=True)
    rng = np.random.default_rng(seed)
    city, brand = rng.integers(0, 5, IMPRESSIONS), rng.integers(0, 5, IMPRESSIONS)
    clicked = (rng.random(IMPRESSIONS) < np.where(city == brand, 0.7, 0.1 + 0.08 * city)).astype(int)
    judged_until = TRAINED + JUDGED
    clicked[judged_until:] = np.random.default_rng(test_labels_from).permutation(clicked[judged_until:])
    frame = {"time_ms": range(IMPRESSIONS), "city": city, "brand": brand, "clicked": clicked}
    pl.DataFrame(frame).write_csv(directory / "log.csv")
    (directory / "axon.yaml").write_text(yaml.safe_dump(DOCUMENT))
    return directory / "axon.yaml"


def write_extending(config: Path, **own: Any) -> Path:
    """A task file beside another one that it extends."""
    path = config.with_name("extending.yaml")
    path.write_text(yaml.safe_dump({"extends": config.name, **own}))
    return path


def run_tune(
    config: Path,
    *,
    trials: int | None = 4,
    budget_s: float | None = None,
    families: tuple[str, ...] = ("logistic",),
    sampler: str = "random",
    confirm: int = 0,
    restart: bool = False,
    progress: Progress | None = None,
) -> Tuned:
    """A search in ``runs`` beside the task file."""
    limits = Limits(trials=trials, budget_s=budget_s, started=time.monotonic())
    wish = Wish(families=families, sampler=sampler, limits=limits, confirm=confirm, restart=restart)
    task, folder = load_config(config), config.parent
    return tune(task, folder, folder / "runs", wish, now=NOW, progress=progress or Silent())


def story(tuned: Tuned) -> list[tuple[Any, ...]]:
    """What every trial was and gave, in the order in which they ran."""
    in_order = sorted(tuned.result.trials, key=lambda trial: trial.number)
    return [(trial.family, trial.changes, trial.log_loss, trial.stopped_at) for trial in in_order]
