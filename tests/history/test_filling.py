"""Whether a store may be asked: empty, being filled, filled to the end, or fed by somebody who keeps no cursor."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from features.spec import Activity, Recent
from history import HistoryStore
from history.stores.filling import KEY, SPACE, definitions_of, fill, found_in, is_filled
from history.stores.opening import open_store

PAST, CLICKED = (
    Activity(name="user_past", of=("user",)),
    Recent(name="clicked", of=("user",), collects="item"),
)
FEATURES = (PAST, CLICKED)
CURSOR = json.dumps({"shown_ms": 1, "definitions": definitions_of(FEATURES)}).encode()


@pytest.fixture(params=["sqlite", "redis"])
def address(request, tmp_path: Path) -> str:
    return (
        f"sqlite:{tmp_path / 'history.db'}"
        if request.param == "sqlite"
        else request.getfixturevalue("redis_url")
    )


@pytest.fixture
def store(address: str) -> Iterator[HistoryStore]:
    opened = open_store(address, uuid.uuid4().hex)
    yield opened
    opened.close()


def test_a_store_that_nobody_has_written_is_not_filled(store):
    assert not is_filled(store, FEATURES)


def test_a_store_is_filled_once_its_cursor_is_written(store):
    ours = fill(store, found_in(store))
    store.put({"user_past": {"ann": b"1"}})
    assert not is_filled(store, FEATURES)
    store.put({SPACE: {KEY: CURSOR}}, ours)
    assert is_filled(store, FEATURES)
    fill(store, found_in(store))
    assert not is_filled(store, FEATURES)


def test_records_without_a_cursor_are_somebodys_who_keeps_none(store):
    store.put({"clicked": {"ann": b"1"}})
    assert is_filled(store, FEATURES)


def test_the_records_of_another_model_fill_nothing(store, address):
    other = open_store(address, uuid.uuid4().hex)
    other.put({"clicked": {"ann": b"1"}, SPACE: {KEY: CURSOR}})
    other.close()
    assert not is_filled(store, FEATURES)


@pytest.mark.parametrize(
    "features",
    [
        (Activity(name="user_past", of=("user",), half_lives=("1h",)), CLICKED),
        (PAST,),
        (*FEATURES, Activity(name="item_past", of=("item",))),
    ],
    ids=["another half-life", "a feature less", "a feature more"],
)
def test_a_store_that_was_filled_for_other_features_is_not_filled_for_these(store, features):
    store.put({"user_past": {"ann": b"1"}, SPACE: {KEY: CURSOR}})
    assert not is_filled(store, features)


@pytest.mark.parametrize("cursor", [b"", b"[]", b"{}", b"\xff"])
def test_a_store_with_a_cursor_that_nobody_can_read_is_not_filled(store, cursor):
    store.put({"user_past": {"ann": b"1"}, SPACE: {KEY: cursor}})
    assert not is_filled(store, FEATURES)
