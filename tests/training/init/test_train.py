"""From an unknown log to probabilities, by the task file as it was written."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from registry.local import LocalRegistry
from registry.version import Version
from tests.training.init.logs import write_census, write_ids_only, write_parquet
from training.config import GateConfig, load_config
from training.init import Question, write_task
from training.log.quarantine import Quarantine
from training.pipeline import Outcome, Places, train
from training.progress import Silent
from training.scoring import Scorer, score_file

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def trained(folder: Path, log: Path, label: str) -> Outcome:
    """The outcome of training with the task file as `write_task` wrote it, but for fewer networks and epochs."""
    output = folder / "axon.yaml"
    write_task(Question(log, label), output, name="mine", force=False, progress=Silent())
    shorter = re.sub(r"epochs: \d+", "epochs: 2", output.read_text().replace("ensemble: 3", "ensemble: 1"))
    output.write_text(shorter)
    places = Places(folder, folder / "runs", LocalRegistry(folder / "models"))
    task = load_config(output)
    return train(task.model_copy(update={"gate": GateConfig(beat=())}), places, now=NOW, progress=Silent())


def scored(folder: Path, log: Path) -> pl.Series:
    """The probabilities that the published version gives the log, as `axon score` does."""
    task = load_config(folder / "axon.yaml")
    version = Version("mine", 1, folder / "models" / "mine" / "1")
    with Quarantine(None, limit=0.0) as quarantine:
        score_file(
            task,
            Scorer.open(task, version, stream=False),
            folder,
            source=log,
            target=folder / "scored.parquet",
            quarantine=quarantine,
            progress=Silent(),
        )
    return pl.read_parquet(folder / "scored.parquet")["probability"]


@pytest.mark.slow
def test_counts_of_a_log_without_a_clock_are_trained_on_and_scored_with(tmp_path: Path):
    log = write_ids_only(tmp_path, rows=1500)
    outcome = trained(tmp_path, log, "label")
    assert {(period.first, period.last) for period in outcome.report.data.slices.values()} == {(None, None)}
    assert "C2_past" in (tmp_path / "axon.yaml").read_text()
    assert scored(tmp_path, log).is_between(0, 1).all()


@pytest.mark.slow
def test_a_typed_log_with_lists_and_ages_trains_and_scores(tmp_path: Path):
    log = write_parquet(tmp_path, rows=1500)
    assert trained(tmp_path, log, "bought").version == 1
    assert scored(tmp_path, log).is_between(0, 1).all()


def test_the_command_tells_what_becomes_of_every_column(tmp_path: Path):
    write_census(tmp_path, rows=500)
    done = subprocess.run(
        [sys.executable, "-m", "axon.main", "init", tmp_path / "census.csv", "--label", "income", "--json",
         "-o", tmp_path / "axon.yaml"],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )  # fmt: skip
    answer = json.loads(done.stdout)
    kinds = {column["column"]: column["kind"] for column in answer["columns"]}
    assert answer["positive"] == [">50K"]
    assert (kinds["workclass"], kinds["native-country"]) == ("categorical", "left out")
