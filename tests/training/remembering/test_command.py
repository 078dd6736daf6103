"""``axon remember`` as somebody starts it: once, again and again, twice at once, and while its Redis is away."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from history import History
from history.stores.opening import open_store
from tests.history.servers import running_redis
from tests.training.remembering.world import NAME, World, answers, assert_same, make_world, write_journals

ROOT = Path(__file__).parents[3]


def start(world: World, store: str, *options: str) -> subprocess.Popen[str]:
    arguments = [
        "--history",
        store,
        "--decisions",
        world.journals,
        "--registry",
        str(world.registry),
        "--json",
    ]
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "axon",
            "remember",
            str(world.directory / "axon.yaml"),
            *arguments,
            *options,
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def world(tmp_path) -> World:
    world = make_world(tmp_path)
    write_journals(world.journals, world.later)
    return world


def assert_fed(world: World, store: str) -> None:
    opened = open_store(store, NAME)
    assert_same(answers(History(world.config.features.history, opened)), world.expected())
    opened.close()


def told(process: subprocess.Popen[str]) -> dict:
    """The next thing that it says."""
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def test_once_counts_what_is_known_and_ends(world):
    process = start(world, world.store)
    out, complaint = process.communicate(timeout=60)
    assert (process.returncode, complaint) == (0, "")
    assert json.loads(out)["impressions"] == len(world.later)
    assert_fed(world, world.store)


def test_a_loop_is_alone_and_ends_with_sigterm(world):
    loop = start(world, world.store, "--every", "200ms")
    assert told(loop)["impressions"] == len(world.later)
    second = start(world, world.store)
    _, complaint = second.communicate(timeout=60)
    assert second.returncode == 1
    assert "axon: expected to be the only one who writes this store" in complaint
    loop.send_signal(signal.SIGTERM)
    rest, complaint = loop.communicate(timeout=60)
    assert (loop.returncode, rest, complaint) == (0, "", "")
    assert_fed(world, world.store)


def test_a_redis_that_goes_and_comes_back_empty_is_filled_again(world, tmp_path):
    with running_redis(tmp_path) as url:
        loop = start(world, url, "--every", "200ms")
        assert told(loop)["seeded"] > 0
    assert loop.stderr is not None
    assert "trying again in 0.2 s" in loop.stderr.readline()
    with running_redis(tmp_path, port=int(url.rpartition(":")[2].partition("/")[0])):
        again = told(loop)
        loop.send_signal(signal.SIGTERM)
        loop.communicate(timeout=60)
        assert (loop.returncode, again["impressions"]) == (0, len(world.later))
        assert_fed(world, url)
