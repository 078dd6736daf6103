"""A store that begins with a version of a retraining: its snapshot has some of what the journals tell, and each outcome counts once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tests.history.plain import HOUR_MS
from tests.history.replays import TEST_MS, write_log
from tests.training.remembering.world import (
    LATER_MS,
    MINUTE_MS,
    NAME,
    Seen,
    World,
    make_world,
    publish_counted,
    stepped,
    task,
    told_by,
    write_journals,
)
from training.config import TaskConfig
from training.log.split import cuts_of
from training.progress import Silent
from training.replay.replay import replay_log
from training.retraining.gather import Gathering, Retraining, gathered
from training.retraining.joined_log import JoinedLog
from training.run import RunDirectory

CUT_MS = TEST_MS + 6 * HOUR_MS


@pytest.fixture
def world(tmp_path) -> World:
    """All that came later in the half hour around the cut, each seen up to two minutes after its answer."""
    world = make_world(tmp_path, count=4_000)
    step_ms = 30 * MINUTE_MS // len(world.later)
    later = []
    for place, visit in enumerate(world.later):
        moved_ms = CUT_MS - 20 * MINUTE_MS + place * step_ms - visit.event.time_ms
        click_ms = None if visit.click_ms is None else visit.click_ms + moved_ms
        event = replace(visit.event, time_ms=visit.event.time_ms + moved_ms)
        later.append(Seen(event, visit.seen_ms + moved_ms, click_ms))
    return replace(world, later=later)


def joining(world: World, attribution: str) -> TaskConfig:
    join = {"decisions": world.journals, "window": "10m"}
    return task(retrain={"join": join, "attribution": attribution})


def retrain(world: World, config: TaskConfig, until_ms: int) -> int:
    """Publish what `axon retrain` leaves, but for the network: how many impressions of decisions its snapshot has."""
    until = datetime.fromtimestamp(until_ms / 1000, UTC)
    run = RunDirectory.create(world.directory / "runs", NAME, now=until)
    now = until + timedelta(milliseconds=config.retrain.attribution_ms)
    retraining = Retraining(until, JoinedLog(world.directory / "joined", now))
    inputs = config.features.log_inputs()
    log = gathered(config, Gathering(world.directory, run, inputs, None, retraining), Silent())
    _, counted = replay_log(
        config.features,
        config.history,
        log,
        cuts_of(config.split, log.time_ms),
        seed=1,
        work_dir=run.work,
        progress=Silent(),
    )
    assert log.shown_ms is not None
    moments = {"history_until": int(log.time_ms.max()), "history_shown_until": log.shown_ms}
    publish_counted(world.registry, config.features, counted.history, moments)
    return log.rows - len(world.early)


@pytest.mark.parametrize(
    ("attribution", "before"),
    [
        pytest.param("0s", [], id="joined up to long before the cut"),
        pytest.param("10m", [], id="joined up to the cut"),
        pytest.param("0s", [CUT_MS + 15 * MINUTE_MS], id="joined further by an earlier run"),
    ],
)
def test_what_was_shown_around_the_end_of_a_joined_log_counts_once(world, attribution, before):
    write_journals(world.journals, world.later)
    write_log(world.directory / "log.jsonl", world.early)
    config = joining(world, attribution)
    joined = [retrain(world, config, until_ms) for until_ms in [*before, CUT_MS]][-1]
    assert 0 < joined < len(world.later)
    assert joined + stepped(world, LATER_MS, config=config).impressions == len(world.later)
    # Training goes by the time of the answer alone, so that lists may be in another order.
    for name, numbers in world.expected().numbers.items():
        np.testing.assert_allclose(told_by(world).numbers[name], numbers, rtol=1e-6, atol=0, err_msg=name)
