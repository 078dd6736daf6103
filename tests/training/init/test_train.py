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
from training.config import GateConfig, TaskConfig, load_config
from training.init import Question, write_task
from training.log.quarantine import Quarantine
from training.pipeline import Places, RunResult, train
from training.progress import Silent
from training.scoring.scoring import Scorer, score_file

FIGURES = {"metrics", "validation_metrics", "importance", "baselines", "curves"}
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def mine(folder: Path, log: Path, label: str, networks: int = 1) -> tuple[TaskConfig, Places]:
    """The task as `write_task` writes it, but for fewer networks and epochs and an open gate, and where it is trained."""
    output = folder / "axon.yaml"
    write_task(Question(log, label), output, name="mine", force=False, progress=Silent())
    fewer = output.read_text().replace("ensemble: 3", f"ensemble: {networks}")
    output.write_text(re.sub(r"epochs: \d+", "epochs: 2", fewer))
    task = load_config(output).model_copy(update={"gate": GateConfig(beat=())})
    return task, Places(log.parent, folder / "runs", LocalRegistry(folder / "models"))


def trained(folder: Path, log: Path, label: str) -> RunResult:
    """The outcome of training so."""
    task, places = mine(folder, log, label)
    return train(task, places, now=NOW, progress=Silent())


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
    log = write_ids_only(tmp_path, rows=4500)
    outcome = trained(tmp_path, log, "label")
    assert {(period.first, period.last) for period in outcome.report.data.slices.values()} == {(None, None)}
    assert "C2_past" in (tmp_path / "axon.yaml").read_text()
    assert scored(tmp_path, log).is_between(0, 1).all()


@pytest.mark.slow
def test_a_typed_log_with_lists_and_ages_trains_and_scores(tmp_path: Path):
    log = write_parquet(tmp_path, rows=1500)
    assert trained(tmp_path, log, "bought").version == 1
    assert scored(tmp_path, log).is_between(0, 1).all()


@pytest.mark.slow
def test_two_trainings_with_one_seed_give_the_same_figures_and_a_third_seed_others(tmp_path: Path):
    log = write_ids_only(tmp_path, rows=1500)
    reports = []
    for name in ("first", "second", "other"):
        (tmp_path / name).mkdir()
        task, places = mine(tmp_path / name, log, "label", networks=2)
        report = train(task.with_seed(7 if name == "other" else 3), places, now=NOW, progress=Silent()).report
        reports.append(report.model_dump(include=FIGURES))
    # A stale history, dropped ids, an ensemble, a linear member and a calibration: all are drawn from the seed.
    assert reports[0] == reports[1]
    assert all(reports[0][name] != reports[2][name] for name in FIGURES)


def test_the_command_tells_what_becomes_of_every_column(tmp_path: Path):
    write_census(tmp_path, rows=500)
    done = subprocess.run(
        [sys.executable, "-m", "axon", "init", tmp_path / "census.csv", "--label", "income", "--json",
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


@pytest.mark.parametrize("asked", [False, True])
def test_the_command_tells_what_was_taken_for_a_click_unless_it_was_told(tmp_path: Path, asked: bool):
    write_census(tmp_path, rows=500)
    done = subprocess.run(
        [sys.executable, "-m", "axon", "init", tmp_path / "census.csv", "--label", "income",
         *(["--positive", ">50K"] if asked else []), "-o", tmp_path / "axon.yaml"],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )  # fmt: skip
    said = "a click is income = '>50K', the rarer of the two; --positive names another value"
    assert (said in done.stdout) is not asked
