"""The search's own split lies inside the training and validation slices."""

import numpy as np
import polars as pl
import pytest

from tests.training.tune.worlds import IMPRESSIONS, JUDGED, TRAINED, make_task, write_world
from training.config import load_config
from training.errors import DataError
from training.log.split import Cuts, Slice
from training.progress import Silent
from training.run import RunDirectory
from training.tune.inner import JUDGE, STOP, encode_once, inner_cuts

TIMES = np.arange(100, dtype=np.int64)


@pytest.fixture(scope="module")
def inner(tmp_path_factory):
    config = write_world(tmp_path_factory.mktemp("world"))
    run = RunDirectory(config.parent / "run")
    run.vocabularies.mkdir(parents=True)
    return encode_once(load_config(config), config.parent, run, Silent())


def test_as_many_impressions_stop_as_judge():
    assert inner_cuts(Cuts(80, 90), TIMES) == Cuts(70, 80)


def test_no_more_than_a_quarter_of_the_training_slice_is_taken_from_training():
    assert inner_cuts(Cuts(40, None), TIMES) == Cuts(30, 40)


def test_impressions_of_one_moment_stay_together():
    assert inner_cuts(Cuts(80, 90), TIMES // 8 * 8) == Cuts(64, 80)


def test_a_training_slice_of_one_moment_is_refused():
    with pytest.raises(DataError, match=r"several moments.*got 50 impressions"):
        inner_cuts(Cuts(80, 90), np.where(TIMES < 50, 0, 85))


def test_the_task_s_validation_slice_judges(inner):
    assert inner.rows() == {"train": TRAINED - TRAINED // 4, "stop": TRAINED // 4, "judge": JUDGED}
    assert inner.slices.facts[JUDGE].first_ms == TRAINED


def test_the_test_slice_is_not_encoded(inner):
    rows = sum(store.rows for store in inner.slices.stores.values())
    assert rows == TRAINED + JUDGED < IMPRESSIONS


def test_what_stops_comes_after_what_trains_and_before_what_judges(inner):
    train, stop, judge = (inner.slices.facts[part] for part in (Slice.TRAIN, STOP, JUDGE))
    assert train.time_ms.max() < stop.time_ms.min() <= stop.time_ms.max() < judge.time_ms.min()
    assert all(len(part.time_ms) == part.impressions for part in (train, stop, judge))


@pytest.mark.parametrize(
    ("first", "last", "named"),
    [
        (TRAINED, TRAINED + JUDGED, "validation slice"),
        (TRAINED - TRAINED // 4, TRAINED, "end of the training slice"),
    ],
)
def test_impressions_without_a_click_are_called_what_they_are_in_the_task(tmp_path, first, last, named):
    config = write_world(tmp_path)
    log = pl.read_csv(tmp_path / "log.csv")
    clicked = (
        pl.when(pl.col("time_ms").is_between(first, last, closed="left")).then(0).otherwise(pl.col("clicked"))
    )
    log.with_columns(clicked.alias("clicked")).write_csv(tmp_path / "log.csv")
    run = RunDirectory(tmp_path / "run")
    run.vocabularies.mkdir(parents=True)
    with pytest.raises(
        DataError, match=rf"clicks and non-clicks in the {named}, which .*got {last - first} imp"
    ):
        encode_once(load_config(config), tmp_path, run, Silent())


def encoded(directory, *, test_labels_from=1, **changes):
    """The slices of a world, with some parts of its task replaced."""
    write_world(directory, test_labels_from=test_labels_from)
    run = RunDirectory(directory / "run")
    run.vocabularies.mkdir(parents=True)
    return encode_once(make_task(**changes), directory, run, Silent())


def test_without_a_test_slice_the_whole_log_is_encoded(tmp_path):
    assert sum(encoded(tmp_path, split={"test_from": None}).rows().values()) == IMPRESSIONS


def test_history_is_replayed_without_the_test_slice(tmp_path):
    seen = {"kind": "activity", "name": "seen", "of": ["city"], "half_lives": ["1s"]}
    logs = [
        encoded(tmp_path / str(number), test_labels_from=number, features={"history": [seen]})
        for number in (1, 2)
    ]
    one, other = ([store.path.read_bytes() for store in log.slices.stores.values()] for log in logs)
    assert one == other
    assert logs[0].encoder.layout.value_width > 0
