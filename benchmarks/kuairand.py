"""Validation figures of `logistic` and the task's family on KuaiRand, mean and spread over seeds.

python -m benchmarks.kuairand [--data-root DIR] [--seeds 3]
"""

import argparse
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from training.config import data_root, load_config
from training.pipeline import Places, train
from training.progress import Silent
from training.report.report import Report

CONFIG = Path("examples/kuairand/axon.yaml")
METRICS = ("auc", "gauc", "log_loss", "ece", "calibration_ratio")


def main() -> None:
    """Train once per seed and print what the reports say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-root", type=Path, default=None)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    root = data_root(load_config(CONFIG), CONFIG, arguments.data_root)
    reports = [_report(root, seed) for seed in range(1, arguments.seeds + 1)]
    print(json.dumps({"mlp": _figures(reports, None), "logistic": _figures(reports, "logistic")}, indent=1))


def _report(root: Path, seed: int) -> Report:
    with tempfile.TemporaryDirectory() as directory:
        places = Places(data_root=root, runs=Path(directory), registry=None)
        return train(
            load_config(CONFIG).with_seed(seed), places, now=datetime.now(UTC), progress=Silent()
        ).report


def _figures(reports: list[Report], baseline: str | None) -> dict[str, str]:
    chosen = [report.metrics if baseline is None else report.baselines[baseline] for report in reports]
    columns = {metric: np.array([getattr(metrics, metric) for metrics in chosen]) for metric in METRICS}
    return {metric: f"{values.mean():.4f} +- {values.std():.4f}" for metric, values in columns.items()}


if __name__ == "__main__":
    main()
