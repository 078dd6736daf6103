"""What a live history counts: a log that is replayed through journals leaves what the same events leave when told directly."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from history import History
from history.errors import BusyStoreError
from history.stores.opening import open_store
from registry.local import LocalRegistry
from tests.history.plain import HOUR_MS
from tests.history.replays import TEST_MS, write_log
from tests.training.remembering.world import (
    DELAY_MS,
    END_MS,
    LATER_MS,
    MINUTE_MS,
    NAME,
    PATIENCE,
    World,
    answers,
    assert_same,
    document,
    fed,
    publish,
    stepped,
    task,
    told_by,
    write_journals,
)
from training.config import TaskConfig
from training.errors import ConfigError, OtherHistoryError
from training.log.ingest import Ingested, ingest
from training.log.quarantine import Quarantine
from training.log.split import cuts_of
from training.progress import Silent
from training.remembering import Remembering, Sources
from training.replay.replay import replay_log
from training.retraining.joined_log import JoinedLog


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_journals_leave_what_the_same_events_leave_when_told_directly(world, kind, request):
    store = world.store if kind == "sqlite" else request.getfixturevalue("redis_url")
    write_journals(world.journals, world.later)
    told = stepped(world, LATER_MS, store=store)
    assert told.impressions == len(world.later)
    assert_same(told_by(world, store), world.expected())


def read(config: TaskConfig, world: World, work: Path) -> Ingested:
    """A log as `axon train` reads it."""
    with Quarantine(work / "bad.jsonl", 0.0) as quarantine:
        return ingest(
            config,
            config.features.log_inputs(),
            world.directory,
            quarantine=quarantine,
            work_dir=work,
            progress=Silent(),
        )


def test_training_on_the_joined_log_counts_the_same(world):
    # Everything is seen half a minute after its answer: training goes by the time of the answer alone.
    later = [replace(one, seen_ms=one.event.time_ms + MINUTE_MS // 2) for one in world.later]
    write_journals(world.journals, later)
    config = task(retrain={"join": {"decisions": world.journals, "window": "10m"}})
    stepped(world, LATER_MS, config=config)
    now = datetime.fromtimestamp(LATER_MS / 1000, UTC)
    joined = JoinedLog(world.directory / "joined", now)
    joined.grow(config, now)
    write_log(world.directory / "log.jsonl", world.early)
    work = {name: world.directory / name for name in ("early", "decided")}
    for path in work.values():
        path.mkdir()
    log = read(config, world, work["early"]).followed_by(read(joined.task(config), world, work["decided"]))
    assert log.rows == len(world.early) + len(later)
    cuts = cuts_of(config.split, log.time_ms)
    _, trained = replay_log(
        config.features, config.history, log, cuts, seed=1, work_dir=world.directory, progress=Silent()
    )
    assert_same(told_by(world), answers(trained.history))


def test_it_does_not_matter_when_and_how_often_it_looks(world):
    remembering, before = world.remembering(), 0
    counted = 0
    for moment in [*range(TEST_MS, END_MS, HOUR_MS // 2 + 1), LATER_MS]:
        write_journals(world.journals, world.later, after_ms=before, until_ms=moment)
        told, before = remembering.step(moment), moment
        counted += told.impressions
        assert told.late == 0
    remembering.close()
    assert counted == len(world.later)
    assert_same(told_by(world), world.expected())


def test_whoever_is_started_anew_for_each_look_counts_the_same(world):
    write_journals(world.journals, world.later)
    counted = [stepped(world, moment).impressions for moment in range(TEST_MS, END_MS, 2 * HOUR_MS)]
    assert sum(counted) + stepped(world, LATER_MS).impressions == len(world.later)
    assert_same(told_by(world), world.expected())


def test_a_second_look_counts_nothing_twice(world):
    write_journals(world.journals, world.later)
    stepped(world, LATER_MS)
    assert stepped(world, LATER_MS, LATER_MS + 1).impressions == 0
    assert_same(told_by(world), world.expected())


def test_a_store_that_was_filled_half_way_is_filled_anew(world):
    half = open_store(world.store, NAME)
    fed(world.config.features, [replace(world.early[0], user="ann")] * 7, store=half)
    half.close()
    write_journals(world.journals, world.later)
    assert stepped(world, LATER_MS).seeded > 0
    assert_same(told_by(world), world.expected())


def test_what_is_answered_counts_as_shown_where_the_task_says_so(world):
    write_journals(world.journals, world.later[:1])
    config = task(retrain={"join": {"shown": "answered"}})
    assert stepped(world, LATER_MS, config=config).impressions == 2


def test_journals_in_redis_are_read_as_well(world, redis_url):
    journals = f"{redis_url.removesuffix('0')}1"
    write_journals(journals, world.later)
    sources = Sources(world.store, journals, LocalRegistry(world.registry))
    remembering = Remembering(world.config, sources, PATIENCE)
    remembering.step(TEST_MS + 3 * HOUR_MS)
    remembering.step(LATER_MS)
    remembering.close()
    assert_same(told_by(world), world.expected())


def test_two_writers_at_once_are_refused(world, redis_url):
    for store in (world.store, redis_url):
        first, second = world.remembering(store=store), world.remembering(store=store)
        first.step(TEST_MS)
        with pytest.raises(BusyStoreError, match="expected to be the only one who writes"):
            second.step(TEST_MS)
        first.close()
        assert second.step(TEST_MS).shown_ms > 0
        second.close()


@pytest.fixture
def other(world):
    """The task with another half-life, published as the champion."""
    features = document()["features"]
    features["history"][0]["half_lives"] = ["2h"]
    config = task(features=features)
    publish(world.registry, config.features, world.early)
    return config


def test_another_definition_of_history_is_refused_and_named(world, request):
    write_journals(world.journals, world.later)
    remembering = world.remembering()
    remembering.step(LATER_MS)
    request.getfixturevalue("other")
    with pytest.raises(
        OtherHistoryError, match=r"than those of shop/2: user_past; --seed-again fills it anew"
    ):
        remembering.step(LATER_MS)
    remembering.close()


def test_a_store_is_filled_anew_for_another_definition_of_history(world, request):
    write_journals(world.journals, world.later)
    stepped(world, LATER_MS)
    config = request.getfixturevalue("other")
    stepped(world, LATER_MS, config=config, seed_again=True)
    store = open_store(world.store, NAME)
    assert_same(answers(History(config.features.history, store)), world.expected(config=config))
    store.close()


def test_a_new_champion_with_the_same_history_changes_nothing(world):
    write_journals(world.journals, world.later)
    remembering = world.remembering()
    remembering.step(END_MS)
    publish(world.registry, world.config.features, world.early[:10])
    assert remembering.step(LATER_MS).seeded == 0
    remembering.close()
    assert_same(told_by(world), world.expected())


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        pytest.param({"history": {"delay": "0s"}}, "history.delay: expected how long", id="no delay"),
        pytest.param(
            {"data": {"log": "l.csv", "label": "x", "target": "watch", "time": {"column": "t"}}},
            "expected one of click, play",
            id="a target that feedback does not know",
        ),
    ],
)
def test_what_nobody_could_count_is_refused(world, changes, told):
    with pytest.raises(ConfigError, match=told):
        world.remembering(config=task(**changes))


def test_a_delay_that_has_changed_counts_nothing_twice(world):
    write_journals(world.journals, world.later)
    first = stepped(world, END_MS - 6 * HOUR_MS).impressions
    longer = task(history={"delay": "20m"})
    assert first + stepped(world, LATER_MS, config=longer).impressions == len(world.later)
    assert DELAY_MS < 20 * MINUTE_MS


def test_outcomes_are_known_when_they_were_to_the_champion_whatever_the_task_file_says_by_now(world):
    write_journals(world.journals, world.later)
    publish(world.registry, world.config.features, world.early, document())
    edited = task(history={"delay": "1m"})
    assert stepped(world, LATER_MS, config=edited).clicked == sum(seen.known.clicked for seen in world.later)
    assert_same(told_by(world), world.expected())


def test_a_champion_that_learned_without_a_delay_is_refused(world):
    publish(world.registry, world.config.features, world.early, document(history={"delay": "0s"}))
    with pytest.raises(ConfigError, match=r"shop/2 learned with history\.delay: expected how long"):
        stepped(world, LATER_MS)
