"""From an unknown log to probabilities, by the task file as it was written."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from registry.local import LocalRegistry
from registry.version import Version
from tests.training.init.logs import write_census, write_parquet
from training.config import load_config
from training.init import Question, write_task
from training.pipeline import Outcome, Places, train
from training.progress import Silent
from training.quarantine import Quarantine
from training.scoring import Scorer, score_file

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def trained(folder: Path, log: Path, label: str) -> Outcome:
    """The outcome of training with the task file as `write_task` wrote it."""
    output = folder / "axon.yaml"
    write_task(Question(log, label), output, name="mine", force=False, progress=Silent())
    places = Places(folder, folder / "runs", LocalRegistry(folder / "models"))
    return train(load_config(output), places, now=NOW, progress=Silent())


@pytest.mark.slow
def test_a_census_without_times_trains_and_its_report_has_no_dates(tmp_path: Path):
    outcome = trained(tmp_path, write_census(tmp_path, rows=1500), "income")
    assert outcome.version == 1
    assert {(period.first, period.last) for period in outcome.report.data.slices.values()} == {(None, None)}


@pytest.mark.slow
def test_a_typed_log_with_lists_and_ages_trains_and_scores(tmp_path: Path):
    log = write_parquet(tmp_path, rows=1500)
    assert trained(tmp_path, log, "bought").version == 1
    with Quarantine(None, limit=0.0) as quarantine:
        score_file(
            load_config(tmp_path / "axon.yaml"),
            Scorer.open(
                load_config(tmp_path / "axon.yaml"),
                Version("mine", 1, tmp_path / "models" / "mine" / "1"),
                stream=False,
            ),
            tmp_path,
            source=log,
            target=tmp_path / "scored.parquet",
            quarantine=quarantine,
            progress=Silent(),
        )
    assert pl.read_parquet(tmp_path / "scored.parquet")["probability"].is_between(0, 1).all()


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
