"""Seen and unseen users and items of a log of nine impressions, read by the real reader."""

from pathlib import Path

import pytest

from training.config import TaskConfig, parse_config
from training.log.ingest import ingest
from training.log.quarantine import Quarantine
from training.log.split import cuts_of
from training.metrics import SliceMetrics
from training.progress import Silent
from training.report.familiarity import familiarities

LOG = """user,item,clicked
u1,i1,1
u2,i1,0
u2,i2,0
u1,i2,1
u1,i1,0
u1,i9,1
u8,i1,0
u8,i9,0
,i2,1
"""
"""The first three train and the fourth validates; of the five that judge, u8 and nobody are new, and so is i9."""


def make_task(**data) -> TaskConfig:
    return parse_config(
        {
            "name": "shop",
            "data": {"log": "log.csv", "label": "clicked", "time": None, **data},
            "features": {"user": [{"kind": "categorical", "name": "user"}]},
            "split": {"validation_from": 0.35, "test_from": 0.45},
        },
        source="test",
    )


@pytest.fixture
def counted(tmp_path: Path):
    """(user, item) -> impressions and clicks of the judged slice, as a task with these keys sees them."""
    (tmp_path / "log.csv").write_text(LOG)

    def count(**data):
        task = make_task(**data)
        with Quarantine(tmp_path / "quarantine.jsonl", 0.0) as quarantine:
            log = ingest(
                task,
                task.features.raw_inputs(),
                tmp_path,
                quarantine=quarantine,
                work_dir=tmp_path,
                progress=Silent(),
            )
        clicked = [0, 1, 0, 0, 1]

        def metrics_of(mask):
            clicks = sum(click for click, inside in zip(clicked, mask, strict=True) if inside)
            return SliceMetrics(impressions=int(mask.sum()), clicks=clicks)

        found = familiarities(task.data, log, cuts_of(task.split, log.time_ms), metrics_of)
        return {(one.user, one.item): (one.metrics.impressions, one.metrics.clicks) for one in found}

    return count


def test_users_and_items_that_training_has_or_lacks_are_counted_apart(counted):
    assert counted(user_key="user", item_key="item") == {
        ("seen", "seen"): (1, 0),
        ("seen", "unseen"): (1, 1),
        # Nobody is an unseen user.
        ("unseen", "seen"): (2, 1),
        ("unseen", "unseen"): (1, 0),
    }


def test_without_a_key_of_items_users_alone_are_told_apart(counted):
    assert counted(user_key="user") == {("seen", None): (2, 1), ("unseen", None): (3, 1)}


def test_without_a_key_of_users_items_alone_are_told_apart(counted):
    assert counted(item_key="item") == {(None, "seen"): (3, 1), (None, "unseen"): (2, 1)}


def test_without_any_key_nothing_is_told_apart(counted):
    assert counted() == {}


def test_the_key_of_the_table_of_items_tells_items_apart():
    assert make_task(items={"path": "items.csv", "key": "item"}).data.item_column == "item"


def test_a_key_that_is_named_comes_before_that_of_the_table():
    assert make_task(items={"path": "items.csv", "key": "item"}, item_key="group").data.item_column == "group"
