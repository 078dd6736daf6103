"""The laws of every store of history records, whatever keeps them."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.spec import Activity
from history import History, Impressions, KeyColumn, Outcomes, StoreError
from history.stores.copy import copy_records
from history.stores.memory import MemoryStore
from history.stores.opening import open_store
from tests.history.kinds import LASTING
from tests.history.servers import running_redis


def test_records_come_in_the_order_of_the_keys_and_none_where_there_is_none(store):
    store.put({"user": {"ann": b"1", "bob": b"2"}})
    assert store.get({"user": ["bob", "eve", "ann", "bob"]}) == {"user": [b"2", None, b"1", b"2"]}


def test_spaces_are_asked_together_and_keep_apart(store):
    store.put({"user": {"ann": b"1"}, "item": {"ann": b"2"}})
    assert store.get({"item": ["ann"], "user": ["ann"], "tag": ["ann"]}) == {
        "item": [b"2"],
        "user": [b"1"],
        "tag": [None],
    }


def test_no_keys_have_no_records(store):
    assert store.get({"user": [], "item": []}) == {"user": [], "item": []}


def test_a_new_record_replaces_the_old_one(store):
    store.put({"user": {"ann": b"1"}})
    store.put({"user": {"ann": b"2"}})
    assert store.get({"user": ["ann"]}) == {"user": [b"2"]}


def test_every_record_of_a_space_is_listed_once(store):
    records = {f"u{number}": str(number).encode() for number in range(2_500)}
    store.put({"user": records, "user_item": {"u1": b"x"}})
    listed = list(store.records("user"))
    assert len(listed) == len(records)
    assert dict(listed) == records


def test_more_keys_than_fit_into_one_question_are_found(store):
    records = {f"u{number}": str(number).encode() for number in range(2_500)}
    store.put({"user": records})
    assert store.get({"user": list(records)}) == {"user": list(records.values())}


@given(
    key=st.text(), space=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,8}", fullmatch=True), record=st.binary()
)
def test_keys_and_records_may_hold_anything(store, key, space, record):
    store.put({space: {key: record}})
    assert store.get({space: [key]}) == {space: [record]}
    assert dict(store.records(space))[key] == record


def test_a_space_is_no_pattern(store):
    store.put({"a.b": {"k": b"1"}, "axb": {"k": b"2"}, "a": {"b\x1fk": b"3"}})
    assert dict(store.records("a.b")) == {"k": b"1"}


def test_several_threads_may_ask_at_once(store):
    store.put({"user": {f"u{number}": str(number).encode() for number in range(500)}})
    wrong: list[object] = []

    def ask(first: int) -> None:
        keys = [f"u{number}" for number in range(first, 1000, 7)]
        expected = [str(number).encode() if number < 500 else None for number in range(first, 1000, 7)]
        for _ in range(300):
            try:
                found = store.get({"user": keys})["user"]
            except StoreError as error:
                found = error
            if found != expected:
                wrong.append(found)

    threads = [threading.Thread(target=ask, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_copy_holds_what_the_original_holds(store):
    store.put({"user": {"ann": b"1", "bob": b"2"}, "item": {"hat": b"3"}})
    copy = MemoryStore()
    assert copy_records(store, copy, ["user", "item"]) == 3
    assert dict(copy.records("user")) == {"ann": b"1", "bob": b"2"}


def test_a_space_that_is_cleared_is_empty_and_no_other_is(store):
    store.put({"user": {f"u{number}": b"x" for number in range(2_500)}, "user_item": {"u1": b"1"}})
    store.clear("user")
    assert (dict(store.records("user")), dict(store.records("user_item"))) == ({}, {"u1": b"1"})


def shown_once(store, beside) -> None:
    """Records an impression of ann, and something beside it."""
    one = np.ones(1, np.int64)
    history = History([Activity(name="user", of=("user",))], store)
    history.record(
        Impressions({"user": KeyColumn.of(["ann"])}, 1), Outcomes(one * 0, one, one, one), beside=beside
    )


def test_what_is_kept_beside_outcomes_is_kept_with_them(store):
    shown_once(store, {"mine": {"cursor": b"7"}})
    assert store.get({"mine": ["cursor"]}) == {"mine": [b"7"]}


@pytest.mark.parametrize("kind", LASTING)
def test_outcomes_are_not_kept_without_what_stands_beside_them(address, kind):
    store = open_store(*address(kind))
    with pytest.raises(StoreError):
        shown_once(store, {"mine": {"cursor": None}})
    assert store.get({"user": ["ann"]}) == {"user": [None]}
    store.close()


@pytest.mark.parametrize("kind", LASTING)
def test_records_are_there_when_the_store_is_opened_again(address, kind):
    place = address(kind)
    first = open_store(*place)
    first.put({"user": {"ann": b"1"}})
    first.close()
    second = open_store(*place)
    assert second.get({"user": ["ann"]}) == {"user": [b"1"]}
    second.close()


@pytest.mark.parametrize("kind", LASTING)
def test_what_one_writes_another_sees_at_once(address, kind):
    place = address(kind)
    writer, reader = open_store(*place), open_store(*place)
    for number in (b"1", b"2"):
        writer.put({"user": {"ann": number}})
        assert reader.get({"user": ["ann"]}) == {"user": [number]}
    writer.close()
    reader.close()


@pytest.mark.parametrize("kind", LASTING)
def test_models_share_a_store_and_not_their_records(address, kind):
    url, prefix = address(kind)
    shop, news = open_store(url, f"{prefix}shop"), open_store(url, f"{prefix}news")
    shop.put({"user": {"ann": b"1"}})
    assert news.get({"user": ["ann"]}) == {"user": [None]}
    shop.close()
    news.close()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        pytest.param("mongodb://here", "expected memory:, sqlite:PATH or redis://", id="another scheme"),
        pytest.param("sqlite:", "got 'sqlite:'", id="no path"),
        pytest.param(
            "redis://127.0.0.1:1/0", "expected a Redis that answers at redis://127.0.0.1:1/0", id="nobody"
        ),
        pytest.param("redis://127.0.0.1:x/0", "expected the address of a Redis", id="no port"),
        pytest.param("sqlite:/nowhere/at/all.sqlite", "expected a SQLite file", id="no directory"),
    ],
)
def test_an_address_that_leads_nowhere_is_explained(url, told):
    with pytest.raises(StoreError, match=told):
        open_store(url, "shop")


def test_a_redis_that_has_gone_is_an_error_of_the_store(tmp_path):
    with running_redis(tmp_path) as url:
        store = open_store(url, "shop")
        store.put({"user": {"ann": b"1"}})
    with pytest.raises(StoreError, match="expected a Redis that answers"):
        store.get({"user": ["ann"]})
    store.close()


def test_a_password_is_not_shown():
    with pytest.raises(StoreError) as caught:
        open_store("redis://:secret@127.0.0.1:1/0", "shop")
    assert "secret" not in str(caught.value)
