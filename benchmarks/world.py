"""How close a model comes to the truth on the simulator's default world: a task file in, ratios out.

python -m benchmarks.world [examples/shop/axon.yaml] [--seed N]
"""

import argparse
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from registry.local import LocalRegistry
from registry.reference import ModelRef
from simulator import WorldConfig, write_shop
from training.config import load_config
from training.log.quarantine import Quarantine
from training.metrics import auc, ece, log_loss
from training.pipeline import Places, train
from training.progress import Silent
from training.scoring.scoring import Scorer, score_file


def main() -> None:
    """Train on the default world and print the shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", nargs="?", type=Path, default=Path("examples/shop/axon.yaml"))
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        print(json.dumps(measure(arguments.config, arguments.seed, Path(directory)), indent=1))


def measure(config: Path, seed: int | None, directory: Path) -> dict[str, float]:
    """Figures of the held-out slice: log losses, the closed share of the distance, ECE against the truth."""
    files = write_shop(WorldConfig(), directory / "shop")
    task = load_config(config).with_seed(seed)
    registry = LocalRegistry(directory / "models")
    places = Places(data_root=directory / "shop", runs=directory / "runs", registry=registry)
    outcome = train(task, places, now=datetime.now(UTC), progress=Silent())
    scorer = Scorer.open(task, registry.resolve(ModelRef.parse(task.name)), stream=False)
    scored = directory / "scored.parquet"
    with Quarantine(directory / "quarantine.jsonl", 0.0) as quarantine:
        score_file(
            task,
            scorer,
            directory / "shop",
            source=files.log,
            target=scored,
            quarantine=quarantine,
            progress=Silent(),
        )
    period = outcome.report.data.slices[outcome.report.slice]
    rows = pl.read_parquet(scored).with_columns(pl.read_csv(files.truth)["probability"].alias("truth"))
    assert period.first is not None  # noqa: S101  # a judged slice is never empty
    judged = rows.filter(pl.col("time_ms").cast(pl.Int64) >= int(period.first.timestamp() * 1000))
    clicked = judged["clicked"].cast(pl.Int8).to_numpy()
    truth, predicted = judged["truth"].to_numpy(), judged["probability"].cast(pl.Float64).to_numpy()
    neuron = outcome.report.baselines["logistic"].log_loss or float("nan")
    ours, best = log_loss(clicked, predicted), log_loss(clicked, truth)
    return {
        "impressions": float(len(judged)),
        "log loss, logistic": neuron,
        f"log loss, {task.model.family}": ours,
        "log loss, truth": best,
        "closed share of the log-loss distance": (neuron - ours) / (neuron - best),
        "AUC, logistic": outcome.report.baselines["logistic"].auc or float("nan"),
        f"AUC, {task.model.family}": auc(clicked, predicted) or float("nan"),
        "AUC, truth": auc(clicked, truth) or float("nan"),
        "ECE against the truth": ece_against_truth(truth, predicted),
        "ECE against the clicks": ece(clicked, predicted) or float("nan"),
    }


def ece_against_truth(truth: np.ndarray, predicted: np.ndarray, bins: int = 15) -> float:
    """ECE with the true probabilities in place of the clicks: equal-width bins of what was predicted."""
    places = np.minimum((predicted * bins).astype(int), bins - 1)
    distance = np.abs(np.bincount(places, truth - predicted, minlength=bins))
    return float(distance.sum() / len(truth))


if __name__ == "__main__":
    main()
