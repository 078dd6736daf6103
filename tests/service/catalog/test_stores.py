"""The laws of every store of items and users, whatever keeps them."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.catalog.opening import open_entities
from service.catalog.store import Entity
from service.errors import CatalogUnavailableError
from tests.history.servers import running_redis
from tests.service.conftest import REPOSITORY

ITEM, USER = Entity.ITEM, Entity.USER


def test_entities_come_in_the_order_of_the_ids_and_none_where_there_is_none(store):
    store.put(ITEM, {"i1": b"1", "i2": b"2"})
    assert store.get(ITEM, ["i2", "i3", "i1", "i2"]) == [b"2", None, b"1", b"2"]


def test_an_empty_store_has_nothing(store):
    assert store.get(ITEM, ["i1"]) == [None]
    assert (list(store.all(ITEM)), store.count(ITEM), store.revision(ITEM)) == ([], 0, 0)
    assert store.changes(ITEM, 0) == (0, {})


def test_items_and_users_keep_apart(store):
    store.put(ITEM, {"x": b"item"})
    store.put(USER, {"x": b"user"})
    assert (store.get(ITEM, ["x"]), store.get(USER, ["x"])) == ([b"item"], [b"user"])


def test_new_features_replace_the_old_ones(store):
    store.put(ITEM, {"i1": b"1"})
    store.put(ITEM, {"i1": b"2"})
    assert (store.get(ITEM, ["i1"]), store.count(ITEM)) == ([b"2"], 1)


def test_a_deleted_entity_is_gone(store):
    store.put(ITEM, {"i1": b"1", "i2": b"2"})
    store.delete(ITEM, ["i1", "unknown"])
    assert store.get(ITEM, ["i1", "i2"]) == [None, b"2"]
    assert (dict(store.all(ITEM)), store.count(ITEM)) == ({"i2": b"2"}, 1)


def test_every_entity_is_listed(store):
    entities = {f"i{number}": str(number).encode() for number in range(12_345)}
    store.put(ITEM, entities)
    store.put(USER, {"u1": b"x"})
    assert dict(store.all(ITEM)) == entities
    assert store.count(ITEM) == len(entities)
    assert store.get(ITEM, list(entities)) == list(entities.values())


def test_who_follows_learns_what_has_changed_since(store):
    store.put(ITEM, {"i1": b"1", "i2": b"2"})
    before = store.revision(ITEM)
    store.put(ITEM, {"i2": b"two", "i3": b"3"})
    store.delete(ITEM, ["i1"])
    revision, entities = store.changes(ITEM, before)
    assert entities == {"i1": None, "i2": b"two", "i3": b"3"}
    assert revision > before
    assert store.changes(ITEM, revision) == (revision, {})


def test_a_deletion_of_nothing_is_no_change(store):
    store.put(ITEM, {"i1": b"1"})
    before = store.revision(ITEM)
    store.delete(ITEM, ["unknown"])
    assert store.changes(ITEM, before).entities == {}


def test_a_deleted_entity_may_come_back(store):
    store.put(ITEM, {"i1": b"1"})
    store.delete(ITEM, ["i1"])
    store.put(ITEM, {"i1": b"again"})
    assert store.changes(ITEM, 0).entities == {"i1": b"again"}


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.text(min_size=1), features=st.binary())
def test_ids_and_features_may_hold_anything(store, key, features):
    store.put(ITEM, {key: features})
    assert store.get(ITEM, [key]) == [features]
    assert dict(store.all(ITEM))[key] == features


def test_entities_are_there_when_the_store_is_opened_again(place):
    first = open_entities(place)
    first.put(ITEM, {"i1": b"1"})
    first.close()
    second = open_entities(place)
    assert second.get(ITEM, ["i1"]) == [b"1"]
    second.close()


def test_what_one_writes_another_sees_at_once(place):
    reader, writer = open_entities(place), open_entities(place)
    assert reader.count(ITEM) == 0
    for number in (b"1", b"2"):
        writer.put(ITEM, {"i1": number})
        assert reader.get(ITEM, ["i1"]) == [number]
    writer.close()
    reader.close()


def test_no_change_is_lost_where_several_write_at_once(place):
    def write(name: str) -> None:
        store = open_entities(place)
        for number in range(20):
            store.put(ITEM, {f"{name}{number}": b"x"})
        store.close()

    threads = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store = open_entities(place)
    assert store.count(ITEM) == 60
    assert store.revision(ITEM) == 60
    store.close()


WRITER = """
import sys
from service.catalog.opening import open_entities
from service.catalog.store import Entity

store = open_entities(sys.argv[1])
for done in range(1, 1_000_000):
    store.put(Entity.ITEM, {f"i{number}": str(done).encode() for number in range(300)})
    print(done, flush=True)
"""


def test_a_writer_that_is_killed_loses_nothing_it_was_promised_and_leaves_nothing_half_written(place):
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, place],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert writer.stdout is not None
    promised = [int(writer.stdout.readline()) for _ in range(20)]
    writer.send_signal(signal.SIGKILL)
    promised += [int(line) for line in writer.communicate()[0].splitlines()]
    store = open_entities(place)
    (kept,) = {int(features) for _, features in store.all(ITEM)}
    store.close()
    # What was being put when the process died may be there, but then all of it.
    assert kept in {promised[-1], promised[-1] + 1}


def test_a_put_that_fails_in_the_middle_changes_nothing(store):
    store.put(ITEM, {"i1": b"old"})
    with pytest.raises(CatalogUnavailableError):
        store.put(ITEM, {"i1": b"new", "i2": object()})
    assert store.get(ITEM, ["i1", "i2"]) == [b"old", None]


def test_the_file_of_an_embedded_catalog_is_made_when_something_is_put(tmp_path):
    path = tmp_path / "catalog.sqlite"
    store = open_entities(f"sqlite:{path}")
    assert store.get(ITEM, ["i1"]) == [None]
    assert not path.exists()
    store.put(ITEM, {"i1": b"1"})
    assert path.exists()
    store.close()


@pytest.mark.parametrize(
    ("address", "told"),
    [
        pytest.param("mongodb://here", "expected sqlite:PATH or redis://", id="another scheme"),
        pytest.param("sqlite:", "got 'sqlite:'", id="no path"),
        pytest.param(
            "redis://127.0.0.1:1/0", "expected a Redis that answers at redis://127.0.0.1:1/0", id="nobody"
        ),
        pytest.param("redis://127.0.0.1:x/0", "expected the address of a Redis", id="no port"),
    ],
)
def test_an_address_that_leads_nowhere_is_explained(address, told):
    with pytest.raises(CatalogUnavailableError, match=told):
        open_entities(address)


def test_a_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "catalog.sqlite"
    path.write_text("item_id,category\n" * 100)
    with pytest.raises(CatalogUnavailableError, match="expected a SQLite file of items and users"):
        open_entities(f"sqlite:{path}")


def test_a_directory_that_does_not_exist_is_told_when_something_is_put(tmp_path):
    store = open_entities(f"sqlite:{tmp_path / 'nowhere' / 'catalog.sqlite'}")
    with pytest.raises(CatalogUnavailableError, match="expected a SQLite file of items and users"):
        store.put(ITEM, {"i1": b"1"})


def test_a_redis_that_has_gone_is_explained(tmp_path):
    with running_redis(tmp_path) as url:
        store = open_entities(url)
        store.put(ITEM, {"i1": b"1"})
    with pytest.raises(CatalogUnavailableError, match="expected a Redis that answers"):
        store.get(ITEM, ["i1"])
    store.close()


def test_a_password_is_not_shown():
    with pytest.raises(CatalogUnavailableError) as caught:
        open_entities("redis://:secret@127.0.0.1:1/0")
    assert "secret" not in str(caught.value)


def test_who_reads_does_not_wait_for_a_change_that_waits_for_another_process(address):
    place = address("sqlite")
    store = open_entities(place)
    store.put(ITEM, {"i1": b"1"})
    other = sqlite3.connect(place.removeprefix("sqlite:"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    changing = threading.Thread(target=store.put, args=(ITEM, {"i1": b"2"}))
    changing.start()
    try:
        time.sleep(0.1)
        started = time.monotonic()
        assert store.get(ITEM, ["i1"]) == [b"1"]
        assert time.monotonic() - started < 1
        assert changing.is_alive()
    finally:
        other.execute("ROLLBACK")
        changing.join()
        other.close()
    assert store.get(ITEM, ["i1"]) == [b"2"]
    store.close()
