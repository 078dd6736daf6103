"""Whoever feeds a history is killed again and again: in the end the store is what an uninterrupted run would have made."""

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from multiprocessing.context import ForkServerProcess

import numpy as np
import pytest
import redis

from history import History, HistoryStore
from history.stores.filling import found_in
from history.stores.opening import open_store
from tests.history.servers import running_redis
from tests.training.remembering.feeder import feed
from tests.training.remembering.world import (
    END_MS,
    NAME,
    World,
    answers,
    assert_same,
    make_world,
    write_journals,
)
from training.remembering.cursor import Cursor

KILLS, STALLS = 15, 5

# Children of a process that has everything imported and nothing begun: they are at work at once.
CHILDREN = multiprocessing.get_context("forkserver")
CHILDREN.set_forkserver_preload(
    ["tests.training.remembering.feeder", "history.stores.lease", "history.stores.redis"]
)


@pytest.fixture(params=["sqlite", "redis"])
def place(request, tmp_path) -> Iterator[tuple[str, redis.Redis]]:
    """The address of a store, and a Redis, in which it may be."""
    with running_redis(tmp_path) as url, redis.Redis.from_url(url) as client:
        yield (url if request.param == "redis" else f"sqlite:{tmp_path / 'history.db'}"), client


@contextlib.contextmanager
def redis_store(tmp_path) -> Iterator[tuple[str, redis.Redis, HistoryStore]]:
    """A Redis with an empty store of the world's model."""
    with (
        running_redis(tmp_path) as address,
        redis.Redis.from_url(address) as client,
        contextlib.closing(open_store(address, NAME)) as store,
    ):
        yield address, client, store


def reached(store: HistoryStore) -> int:
    """How far the store has come, milliseconds since the epoch."""
    cursor, _ = Cursor.read(store)
    return 0 if cursor is None else cursor.shown_ms


def kill_at_work(world: World, place: str, store: HistoryStore, pause_s: float) -> int:
    """Start to feed, and kill a moment after something was written; how far it came."""
    process = at_work(world, place, store, pause_s)
    process.kill()
    process.join()
    return reached(store)


def at_work(world: World, place: str, store: HistoryStore, pause_s: float) -> ForkServerProcess:
    """Somebody who feeds, a moment after something was written."""
    before = reached(store)
    process = CHILDREN.Process(target=feed, args=(str(world.directory), place))
    process.start()
    while reached(store) == before and process.is_alive():
        time.sleep(0.001)
    time.sleep(pause_s)
    return process


def test_a_feeder_that_is_killed_at_any_moment_counts_everything_once(place, tmp_path):
    (address, client), world = place, make_world(tmp_path, 4_000)
    write_journals(world.journals, world.later)
    chance = np.random.default_rng(7)
    with contextlib.closing(open_store(address, NAME)) as store:
        for _ in range(KILLS):
            at_ms = kill_at_work(world, address, store, chance.uniform(0, 0.02))
            client.delete(f"axon:writer:{NAME}")  # as if its time had run out
        assert at_ms < END_MS, "nothing is left: it was not killed at work"
        feed(str(world.directory), address)
        told = answers(History(world.config.features.history, store))
    assert_same(told, world.expected())


def test_a_feeder_that_stood_still_while_it_filled_the_store_spoils_nothing(tmp_path):
    world, chance = make_world(tmp_path, 4_000), np.random.default_rng(13)
    write_journals(world.journals, world.later)
    with redis_store(tmp_path) as (address, client, store):
        for _ in range(STALLS):
            client.flushall()
            still = CHILDREN.Process(target=feed, args=(str(world.directory), address))
            still.start()
            assert still.pid is not None
            while found_in(store).record is None:
                time.sleep(0.0005)
            time.sleep(chance.uniform(0, 0.02))
            os.kill(still.pid, signal.SIGSTOP)
            client.delete(f"axon:writer:{NAME}")  # as if its time had run out
            feed(str(world.directory), address)
            os.kill(still.pid, signal.SIGCONT)
            still.join()  # refused in the middle of filling, or with nothing left to do
            assert_same(answers(History(world.config.features.history, store)), world.expected())


def test_a_feeder_that_stood_still_while_another_went_on_counts_nothing_twice(tmp_path):
    world, chance = make_world(tmp_path, 4_000), np.random.default_rng(11)
    write_journals(world.journals, world.later)
    with redis_store(tmp_path) as (address, client, store):
        for _ in range(STALLS):
            still = at_work(world, address, store, chance.uniform(0, 0.02))
            assert still.pid is not None
            os.kill(still.pid, signal.SIGSTOP)
            client.delete(f"axon:writer:{NAME}")  # as if its time had run out
            kill_at_work(world, address, store, chance.uniform(0, 0.02))
            client.delete(f"axon:writer:{NAME}")
            os.kill(still.pid, signal.SIGCONT)
            still.join(
                0.03
            )  # refused in the middle of a look; between two it looks anew, and goes on where the other one was
            still.kill()
            still.join()
            at_ms = reached(store)
            client.delete(f"axon:writer:{NAME}")
        assert at_ms < END_MS, "nothing is left: nobody stood still at work"
        feed(str(world.directory), address)
        told = answers(History(world.config.features.history, store))
    assert_same(told, world.expected())
