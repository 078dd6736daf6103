"""When a row is, for a model whose features do not read it: what files and requests say, of a log with a clock and without."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from axon.commands.scoring import score
from registry.local import LocalRegistry
from registry.reference import ModelRef
from tests.e2e.conftest import Shop, served
from training.config import parse_config
from training.pipeline import Places, train
from training.progress import Silent

NOW = datetime(2026, 5, 1, tzinfo=UTC)
START_MS = 1_767_268_800_000
ROWS = 600
HEADER = "ts,user,device,clicked"


def published(directory: Path, **document: Any) -> Shop:
    """A version that learned from the rows of ``log.csv`` and how often each user clicked before."""
    rng = np.random.default_rng(3)
    users = rng.integers(0, 5, ROWS)
    clicked = rng.random(ROWS) < 0.1 + 0.15 * users
    lines = [
        f"{START_MS + 1000 * place},u{user},{'ab'[place % 2]},{int(click)}"
        for place, (user, click) in enumerate(zip(users, clicked, strict=True))
    ]
    (directory / "log.csv").write_text("\n".join([HEADER, *lines]) + "\n")
    shop = Shop(directory, directory / "axon.yaml", {})
    task = {
        "name": "small",
        "data": {"log": "log.csv", "label": "clicked", "time": {"column": "ts"}},
        "features": {
            "context": [{"kind": "categorical", "name": "device"}],
            "history": [{"kind": "activity", "name": "past", "of": ["user"], "half_lives": ["50s", "50ms"]}],
            "keys": {"user": "user"},
        },
        "model": {"family": "logistic"},
        "training": {"epochs": 2, "batch_size": 64, "calibration": "platt", "baseline": {"epochs": 1}},
        "gate": {"beat": [], "max_calibration_error": None},
        "report": {"importance": False},
        **document,
    }
    shop.write(shop.config, task)
    places = Places(directory, directory / "runs", LocalRegistry(shop.registry))
    train(parse_config(task, source="test"), places, now=NOW, progress=Silent())
    return shop


@pytest.fixture(scope="module")
def dated(tmp_path_factory) -> Shop:
    return published(tmp_path_factory.mktemp("dated"))


def scored(
    shop: Shop, lines: Sequence[str], capsys, *, header: str = HEADER, stream: bool = False
) -> tuple[list[float], dict]:
    """The probabilities of some rows, None where there is none, and what ``axon score --json`` says of them."""
    source, target = shop.directory / "some.csv", shop.directory / "some.parquet"
    source.write_text("\n".join([header, *lines]) + "\n")
    score(shop.config, source, target, stream=stream, registry=str(shop.registry), quiet=True, as_json=True)
    return pl.read_parquet(target)["probability"].to_list(), json.loads(capsys.readouterr().out)


# A log with a clock


LATER_MS = START_MS + 1000 * (ROWS + 30)


def test_a_time_that_cannot_be_read_makes_a_bad_row(dated, capsys):
    times = [str(LATER_MS), "23/11/2026 02:00", "2026-11-23 02:00 CET"]
    probabilities, told = scored(dated, [f"{time},u4,a,0" for time in times], capsys)
    assert [one is None for one in probabilities] == [False, True, True]
    assert (told["bad_rows"], told["notes"]) == (2, [])
    apart = [json.loads(line) for line in Path(told["quarantine"]).read_text().splitlines()]
    assert all("column 'ts': expected a time" in one["reason"] for one in apart)


@pytest.mark.parametrize(
    ("header", "line"), [(HEADER, ",u4,a,0"), ("user,device", "u4,a")], ids=["an empty cell", "no column"]
)
def test_rows_without_a_time_are_counted_and_scored_at_the_end_of_the_log(dated, capsys, header, line):
    (at_the_end,), silent = scored(dated, [f"{START_MS + 1000 * (ROWS - 1)},u4,a,0"], capsys)
    probabilities, told = scored(dated, [line, line], capsys, header=header)
    assert probabilities == [at_the_end] * 2
    assert told["bad_rows"] == 0
    assert told["notes"] == [
        "2 of 2 rows have no time: they see the past as of the end of the log that small/1 was trained on"
    ]
    assert not any("no time" in note for note in silent["notes"])


# A log without one


@pytest.fixture(scope="module")
def undated(tmp_path_factory) -> Shop:
    return published(
        tmp_path_factory.mktemp("undated"),
        data={"log": "log.csv", "label": "clicked", "time": None},
        split={"validation_from": 0.6, "test_from": 0.8},
    )


def test_the_manifest_tells_how_many_rows_were_counted_where_there_is_no_clock(dated, undated):
    with_clock, without = (
        LocalRegistry(shop.registry).resolve(ModelRef.parse("small")).manifest() for shop in (dated, undated)
    )
    assert (with_clock.history_rows, without.history_rows) == (None, ROWS)


def test_without_a_clock_a_file_a_stream_and_a_request_see_the_past_from_the_end_of_the_log(undated, capsys):
    users = [f"u{number}" for number in range(5)]
    lines = [f",{user},a,0" for user in users]
    in_file, _ = scored(undated, lines, capsys)
    first_of_streams = [scored(undated, [line], capsys, stream=True)[0][0] for line in lines]
    with served(undated.registry, undated.directory) as client:
        rows = [{"user": {"user": user}, "context": {"device": "a"}} for user in users]
        answer = client.post("/api/v1/score", json={"rows": rows})
    np.testing.assert_allclose(first_of_streams, in_file, rtol=0, atol=1e-6)
    np.testing.assert_allclose(answer.json()["probabilities"], in_file, rtol=0, atol=1e-6)
