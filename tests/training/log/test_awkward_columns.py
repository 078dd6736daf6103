"""Columns that have nothing to say, or too much: each trains to a safe answer or is named."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from features.fitted import FittedVocabulary
from features.spec import Categorical, FeatureSpec
from training.config import load_config
from training.encoding.statistics import SpecStatistics, Tokens
from training.pipeline import Places, train
from training.progress import Silent

ROWS = 1200
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def write_task(folder: Path, features: dict[str, list[dict[str, object]]]) -> Path:
    """A log in which only ``signal`` tells anything, and a task file that reads some of its columns."""
    rng = np.random.default_rng(5)
    signal = rng.normal(size=ROWS)
    clicked = (rng.random(ROWS) < 1 / (1 + np.exp(-signal))).astype(int)
    with (folder / "log.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            [
                "time_ms",
                "clicked",
                "signal",
                "same",
                "same_token",
                "none",
                "none_token",
                "late",
                "id",
                "early",
            ]
        )
        for row in range(ROWS):
            late = "new" if row >= 0.95 * ROWS else "old"
            early = "" if row >= 0.9 * ROWS else row % 7
            writer.writerow(
                [1000 * row, clicked[row], f"{signal[row]:.4f}", 3, "x", "", "", late, f"id-{row}", early]
            )
    document = {
        "name": "awkward",
        "data": {"log": "log.csv", "label": "clicked", "time": {"column": "time_ms"}},
        "features": features,
        "model": {"hidden": [8], "embedding_dim": 4},
        "training": {"epochs": 8, "batch_size": 64},
        "gate": {"beat": [], "max_calibration_error": None},
    }
    path = folder / "axon.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


SIGNAL: dict[str, object] = {"kind": "numeric", "name": "signal"}


AWKWARD: list[dict[str, object]] = [
    {"kind": "numeric", "name": "same", "indicator": True},
    {"kind": "buckets", "name": "same_bucket", "column": "same"},
    {"kind": "categorical", "name": "same_token"},
    {"kind": "numeric", "name": "none", "scale": "log", "indicator": True},
    {"kind": "buckets", "name": "none_bucket", "column": "none"},
    {"kind": "categorical", "name": "none_token"},
    {"kind": "categorical", "name": "late"},
    {"kind": "categorical", "name": "id"},
    {"kind": "numeric", "name": "early"},
]
"""Constant, without any value, with a value that the test slice alone has, one of a kind in every row, gone in the test slice."""


def test_columns_without_a_message_do_no_harm(tmp_path: Path):
    losses = []
    for columns in ([SIGNAL], [SIGNAL, *AWKWARD]):
        path = write_task(tmp_path, {"context": columns})
        places = Places(tmp_path, tmp_path / "runs", registry=None)
        report = train(load_config(path), places, now=NOW, progress=Silent()).report
        prior = report.baselines["prior"].log_loss
        assert report.metrics.log_loss is not None
        assert prior is not None
        losses.append(report.metrics.log_loss)
        assert losses[-1] < prior
    assert losses[1] < losses[0] + 0.01


def test_ever_new_tokens_do_not_fill_the_memory():
    spec = FeatureSpec.model_validate(
        {"context": [{"kind": "categorical", "name": "id", "max_size": 100, "min_count": 2}]}
    )
    statistics = SpecStatistics(spec, np.random.default_rng(0))
    for part in range(50):
        fresh = [f"{part}-{place}" for place in range(300)]
        statistics.update(pl.DataFrame({"id": [*fresh, "often", "often"]}))
    vocabulary = statistics.fitted().fitted["id"]
    assert isinstance(vocabulary, FittedVocabulary)
    assert vocabulary.tokens == ("often",)


@pytest.mark.parametrize(("max_size", "most"), [(100, 100_000), (30_000, 120_000)])
def test_no_more_tokens_are_counted_than_a_few_vocabularies_hold(max_size, most):
    tokens = Tokens(Categorical(name="id", max_size=max_size))
    for part in range(5):
        tokens.update(pl.DataFrame({"id": [f"{part}-{place}" for place in range(60_000)]}))
    assert most // 4 < len(tokens.counts) <= most
