"""Periods of many impressions are taken in parts, none of which breaks a moment in two."""

from dataclasses import replace

import pytest

from journal.records import Feedback
from tests.training.remembering.world import Seen, visits
from training.join.events import EventIndex
from training.remembering.decisions import DecisionIndex

MOMENTS = [10, 20, 20, 20, 30, 40]


@pytest.fixture
def events():
    index = EventIndex()
    index.add(Feedback(f"e{place}", "impression", at, "a", f"d{place}") for place, at in enumerate(MOMENTS))
    yield index
    index.close()


@pytest.fixture
def decisions():
    index = DecisionIndex()
    event = visits(10)[0][0]
    decisions = [
        Seen(replace(event, time_ms=at), at, None).decision(place) for place, at in enumerate(MOMENTS)
    ]
    index.add((one, one.record()) for one in decisions)
    yield index
    index.close()


def test_a_part_of_what_was_seen_ends_behind_the_last_of_its_moment(events):
    end_ms, ids = events.seen(0, 35, most=2)
    assert (end_ms, sorted(ids)) == (20, ["d0", "d1", "d2", "d3"])


def test_what_is_left_of_what_was_seen_reaches_the_end_of_the_period(events):
    assert events.seen(20, 35, most=2) == (35, ["d4"])


def test_a_part_of_what_was_decided_ends_behind_the_last_of_its_moment(decisions):
    end_ms, ids = decisions.decided(0, 35, most=2)
    assert (end_ms, len(ids)) == (20, 4)


def test_what_is_left_of_what_was_decided_reaches_the_end_of_the_period(decisions):
    assert decisions.decided(20, 35, most=2) == (35, ["00000004"])


def test_what_is_forgotten_is_gone(events, decisions):
    events.forget(25)
    decisions.forget(25)
    assert sorted(events.seen(0, 99, most=9)[1]) == ["d4", "d5"]
    assert decisions.decided(0, 99, most=9)[1] == ["00000004", "00000005"]
