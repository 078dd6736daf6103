"""The log of a scheduled run: cut where clicks may still come, and the same data always has the same fingerprint."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from training.config import parse_config
from training.errors import ConfigError, DataError
from training.progress import Silent
from training.retraining.gather import Gathering, Retraining, fingerprint, gathered
from training.retraining.retrain import cut_of
from training.run import RunDirectory

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def make_task(**changes):
    time = {"column": "at", "format": "epoch_ms"}
    data = {"log": "log-*.csv", "label": "clicked", "time": time} | changes.pop("data", {})
    features = {"user": [{"name": "city", "kind": "categorical"}]}
    document = {"name": "toy", "data": data, "features": features, **changes}
    return parse_config(document, source="test")


def write_hours(directory, name, hours, city="bonn"):
    """One impression for each hour before noon."""
    at = [round((NOON - timedelta(hours=hour)).timestamp() * 1000) for hour in hours]
    frame = pl.DataFrame({"at": at, "city": [city] * len(at), "clicked": [hour % 2 for hour in hours]})
    frame.write_csv(directory / name)


def gather(directory, until, **changes):
    config = make_task(**changes)
    run = RunDirectory.create(directory / "runs", "toy", now=NOON)
    sources = Gathering(directory, run, config.features.log_inputs(), None, Retraining(until))
    return gathered(config, sources, Silent())


def test_impressions_from_the_cut_on_are_left_out(tmp_path):
    write_hours(tmp_path, "log-1.csv", [5, 4, 3, 2, 1])
    log = gather(tmp_path, NOON - timedelta(hours=2))
    assert log.rows == 3
    assert sum(len(chunk.clicked) for chunk in log.chunks()) == 3


def test_a_file_that_came_later_is_read_too(tmp_path):
    write_hours(tmp_path, "log-1.csv", [5, 4])
    assert gather(tmp_path, NOON).rows == 2
    write_hours(tmp_path, "log-2.csv", [3, 2, 1])
    assert gather(tmp_path, NOON).rows == 5


def test_a_cut_before_the_first_impression_is_refused(tmp_path):
    write_hours(tmp_path, "log-1.csv", [5])
    with pytest.raises(DataError, match="expected impressions before 2026-03-01T02:00:00"):
        gather(tmp_path, NOON - timedelta(hours=10))


def test_by_default_the_cut_is_the_attribution_window_before_now():
    assert cut_of(make_task(retrain={"attribution": "30m"}), None, NOON) == NOON - timedelta(minutes=30)


def test_a_log_without_a_clock_cannot_becut_of():
    timeless = make_task(data={"time": None})
    assert cut_of(timeless, None, NOON) is None
    with pytest.raises(ConfigError, match="without a clock"):
        cut_of(timeless, NOON, NOON)


def test_the_fingerprint_is_the_datas_and_not_the_files(tmp_path):
    write_hours(tmp_path, "log-1.csv", [5, 4, 3])
    whole = fingerprint(gather(tmp_path, NOON))
    write_hours(tmp_path, "log-1.csv", [5])
    write_hours(tmp_path, "log-2.csv", [4, 3])
    assert fingerprint(gather(tmp_path, NOON)) == whole


@pytest.mark.parametrize("change", [{"city": "köln"}, {"hours": [5, 4, 2]}], ids=["value", "time"])
def test_the_fingerprint_changes_with_the_data(tmp_path, change):
    write_hours(tmp_path, "log-1.csv", [5, 4, 3])
    before = fingerprint(gather(tmp_path, NOON))
    write_hours(tmp_path, "log-1.csv", **{"hours": [5, 4, 3], **change})
    assert fingerprint(gather(tmp_path, NOON)) != before


def test_the_fingerprint_of_lists_is_of_their_tokens(tmp_path):
    prints = []
    for tags in ("a b", "a c"):
        frame = pl.DataFrame({"at": [0, 1], "tags": [tags, "d"], "clicked": [0, 1]})
        frame.write_csv(tmp_path / "log-1.csv")
        features = {"item": [{"name": "tags", "kind": "multi", "separator": " "}]}
        prints.append(fingerprint(gather(tmp_path, NOON, features=features)))
    assert len(np.unique(prints)) == 2
