"""A service that is killed while it swaps, whose clock jumps back, or whose disc is full: real processes, real signals."""

import subprocess
import sys
import time

import pytest

from journal import DECISIONS, FEEDBACK, open_journal
from tests.clocks import Clock
from tests.full_disc import files_of_at_most
from tests.service.conftest import REPOSITORY, ROW

DAY_MS = 86_400_000


@pytest.fixture
def settings(registry, tmp_path):
    """Of a service that notes every scored row and takes feedback."""
    return {
        "registry": registry.root,
        "decisions": f"file:{tmp_path / 'decisions'}",
        "entities": f"sqlite:{tmp_path / 'catalog.sqlite'}",
        "decision_rate_score": 1,
        "poll_s": 0.05,
    }


def acknowledged(service, *names):
    """Send an event of each name; those that the service says it keeps."""
    events = [{"event_id": name, "type": "click", "item_id": "ad_1", "user_id": "u1"} for name in names]
    answer = service.client.post("/api/v1/feedback", json={"events": events})
    return list(names) if answer.status_code == 200 and answer.json()["accepted"] == len(names) else []


def keys(settings, journal):
    return [record.key for record in open_journal(settings["decisions"], journal).tail().fresh()]


# --- killed while it swaps ---

KILLED_AFTER_S = (0.0, 0.1)
"""Seconds between the first word of the new version and the kill: while it is verified, loaded, warmed or swapped."""


@pytest.fixture
def killed_while_swapping(ready, registry, settings, make_bundle):
    """What services acknowledged before they were killed, and what the next one says of itself each time."""
    told, answers = [], []
    for number, delay_s in enumerate(KILLED_AFTER_S, start=1):
        with ready(**settings) as service:
            answers.append(service.score(ROW).json()["version"])
            told += acknowledged(service, f"event {number}")
            put = service.client.put("/api/v1/items/hat", json={"features": {"price": number}})
            assert put.status_code == (201 if number == 1 else 200)
            registry.publish(make_bundle(), "shop")
            service.wait_for("/healthz?verbose", lambda answer, n=number + 1: f"shop/{n}" in answer.text)
            time.sleep(delay_s)
            service.process.kill()
            service.process.wait()
    with ready(**settings) as service:
        answers.append(service.score(ROW).json()["version"])
        events = acknowledged(service, "after")
        item = service.client.get("/api/v1/items/hat").json()["features"]
    return told, answers, events, item


def test_a_service_killed_while_it_swaps_comes_back_with_the_champion_and_everything_it_acknowledged(
    killed_while_swapping, settings
):
    told, answers, after, item = killed_while_swapping
    assert answers == [1, 2, 3]
    assert told == ["event 1", "event 2"]
    assert keys(settings, FEEDBACK) == [*told, *after]
    assert item == {"price": len(KILLED_AFTER_S)}


# --- a clock that jumps back ---


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path)


def test_a_service_whose_clock_jumps_back_a_day_goes_on_answering_noting_and_swapping(
    ready, registry, settings, make_bundle, clock
):
    with ready(environment=clock.environment, **settings) as service:
        assert service.score(ROW).status_code == 200
        told = acknowledged(service, "before")
        clock.jump("-1d")
        assert service.score(ROW).status_code == 200
        told += acknowledged(service, "behind")
        registry.publish(make_bundle(), "shop")
        service.wait_for_version(2)
    assert keys(settings, FEEDBACK) == told == ["before", "behind"]
    first, second = (int(key[:12], 16) for key in keys(settings, DECISIONS))
    assert DAY_MS - 60_000 < first - second < DAY_MS


def test_a_service_that_starts_with_its_clock_behind_knows_what_it_was_told_before(
    start, settings, clock, tmp_path
):
    settings["registry"] = tmp_path / "empty"  # feedback waits for no model
    with start(environment=clock.environment, **settings) as service:
        told = acknowledged(service, "before")
        service.process.kill()
    clock.jump("-3d")
    with start(environment=clock.environment, **settings) as service:
        assert acknowledged(service, "before") == []  # a duplicate
        told += acknowledged(service, "behind")
    assert sorted(keys(settings, FEEDBACK)) == sorted(told) == ["before", "behind"]


_PUBLISH = (
    "import sys; from pathlib import Path; from registry.local import LocalRegistry\n"
    "LocalRegistry(Path(sys.argv[1])).publish(Path(sys.argv[2]), 'shop')"
)


def test_a_version_that_is_published_with_the_clock_a_year_behind_is_the_last_one_all_the_same(
    registry, make_bundle, clock
):
    registry.publish(make_bundle(), "shop")
    clock.jump("-1y")
    command = [sys.executable, "-c", _PUBLISH, str(registry.root), str(make_bundle())]
    subprocess.run(command, cwd=REPOSITORY, env=clock.environment, check=True)
    assert registry.aliases("shop") == {"champion": 3}
    assert registry.rollback("shop")[1].number == 2


# --- a full disc ---


def test_with_a_full_disc_answers_go_on_and_decisions_that_are_lost_are_counted(ready, settings):
    with ready(**settings) as service:
        with files_of_at_most(service.process.pid, 64):
            answers = {service.score(ROW).status_code for _ in range(5)}
            failed = service.wait_for(
                "/metrics",
                lambda answer: (
                    'axon_journal_records_total{journal="decisions",outcome="failed"} 5.0' in answer.text
                ),
            )
        service.score(ROW)
    assert (answers, failed.status_code) == ({200}, 200)
    assert len(keys(settings, DECISIONS)) == 1
