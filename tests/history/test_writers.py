"""Who writes a store of history records: one at a time, only what is still so, and whole or not at all."""

import contextlib
import os
import signal
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from history import StoreError
from history.errors import BusyStoreError, ChangedStoreError
from history.stores.opening import open_store
from history.stores.store import Unchanged
from history.stores.writer import claim_of
from tests.history.kinds import LASTING


def test_who_says_what_must_be_unchanged_writes_if_it_is(store):
    store.put({"user": {"ann": b"1"}}, Unchanged("user", "ann", None))
    store.put({"user": {"ann": b"2", "bob": b"1"}}, Unchanged("user", "ann", b"1"))
    assert store.get({"user": ["ann", "bob"]}) == {"user": [b"2", b"1"]}


@pytest.mark.parametrize("expected", [None, b"1", b""])
def test_and_writes_nothing_if_it_is_not(store, expected):
    store.put({"user": {"ann": b"2"}})
    with pytest.raises(ChangedStoreError, match="but somebody has"):
        store.put({"user": {"ann": b"3", "bob": b"1"}}, Unchanged("user", "ann", expected))
    assert store.get({"user": ["ann", "bob"]}) == {"user": [b"2", None]}
    store.put({"user": {"ann": b"4"}})
    assert store.get({"user": ["ann"]}) == {"user": [b"4"]}


def test_nor_does_it_clear(store):
    store.put({"user": {"ann": b"2"}, "item": {"hat": b"1"}})
    with pytest.raises(ChangedStoreError):
        store.clear("item", Unchanged("user", "ann", b"1"))
    assert store.get({"item": ["hat"]}) == {"item": [b"1"]}
    store.clear("item", Unchanged("user", "ann", b"2"))
    assert store.get({"item": ["hat"]}) == {"item": [None]}


@pytest.mark.parametrize("kind", LASTING)
def test_of_many_who_add_at_once_nobody_is_lost(address, kind):
    place = address(kind)

    def add(times: int) -> None:
        store = open_store(*place)
        while times:
            (record,) = store.get({"user": ["ann"]})["user"]
            with contextlib.suppress(ChangedStoreError):
                store.put({"user": {"ann": b"%d" % (int(record or 0) + 1)}}, Unchanged("user", "ann", record))
                times -= 1
        store.close()

    threads = [threading.Thread(target=add, args=(50,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store = open_store(*place)
    assert store.get({"user": ["ann"]}) == {"user": [b"200"]}
    store.close()


@pytest.mark.parametrize("kind", LASTING)
def test_there_is_one_writer_at_a_time(address, kind):
    place = address(kind)
    first, second = claim_of(*place), claim_of(*place)
    first.hold()
    first.hold()
    with pytest.raises(BusyStoreError, match="expected to be the only one"):
        second.hold()
    first.close()
    second.hold()
    second.close()


@pytest.mark.parametrize("kind", LASTING)
def test_each_model_has_a_writer_of_its_own(address, kind):
    url, prefix = address(kind)
    shop, news = claim_of(url, f"{prefix}shop"), claim_of(url, f"{prefix}news")
    shop.hold()
    news.hold()
    with pytest.raises(BusyStoreError):
        claim_of(url, f"{prefix}shop").hold()
    shop.close()
    news.close()


def test_nobody_writes_what_is_gone_with_the_process():
    with pytest.raises(StoreError, match="expected a store that stays"):
        claim_of("memory:", "shop")


WRITER = """
import sys
import numpy as np
from history import History, Impressions, KeyColumn, Outcomes
from history.stores.opening import open_store
from history.stores.writer import claim_of
from features.spec import Activity

names = [f"u{number}" for number in range(300)]
ones = np.ones(300, np.int64)
features = [Activity(name=name, of=("user",)) for name in ("left", "right")]
history = History(features, open_store(*sys.argv[1:]))
impressions = Impressions({"user": KeyColumn.of(names)}, 300)
for done in range(1, 1_000_000):
    history.record(impressions, Outcomes(np.arange(300), ones * done, ones * done, ones))
    print(done, flush=True)
"""


@pytest.mark.parametrize("kind", LASTING)
def test_a_writer_that_is_killed_loses_nothing_it_was_promised_and_leaves_nothing_half_written(address, kind):
    place = address(kind)
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, *place],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert writer.stdout is not None
    promised = [int(writer.stdout.readline()) for _ in range(30)]
    writer.send_signal(signal.SIGKILL)
    promised += [int(line) for line in writer.communicate()[0].splitlines()]
    store = open_store(*place)
    last_seen = {record[8:16] for space in ("left", "right") for _, record in store.records(space)}
    store.close()
    (moment,) = (int(_float(seen)) for seen in last_seen)
    # What was being kept when the process died may be there, but then all of it.
    assert moment in {promised[-1], promised[-1] + 1}


def _float(record: bytes) -> float:
    number: float = struct.unpack("<d", record)[0]
    return number


@pytest.mark.parametrize("kind", LASTING)
def test_a_put_that_fails_in_the_middle_changes_nothing(address, kind):
    store = open_store(*address(kind))
    store.put({"user": {"ann": b"old"}})
    with pytest.raises(StoreError):
        store.put({"user": {"ann": b"new"}, "item": {"hat": None}})  # type: ignore[dict-item]
    assert store.get({"user": ["ann"], "item": ["hat"]}) == {"user": [b"old"], "item": [None]}
    store.close()
