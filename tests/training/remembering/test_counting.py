"""Which impressions are counted into a live history, as what, and what is told of the others."""

from dataclasses import replace
from typing import cast

import pytest

from journal import DECISIONS, FEEDBACK, open_journal
from journal.records import Described, Feedback, FeedbackType
from tests.history.plain import HOUR_MS, Event
from tests.history.replays import TEST_MS
from tests.training.remembering.world import (
    LATER_MS,
    MINUTE_MS,
    Seen,
    assert_same,
    document,
    stepped,
    task,
    told_by,
    write_journals,
)

ANN = Event("ann", "i1", ("red",), TEST_MS + HOUR_MS, 0, 0, clicked=False)


@pytest.fixture
def page(world):
    """Writes an answer to ann with what she did, so many minutes after it; what a look then counts comes back."""

    def written(**minutes: float) -> None:
        decision = Seen(ANN, 0, None).decision(0)
        if not list(open_journal(world.journals, DECISIONS).tail().fresh()):
            open_journal(world.journals, DECISIONS).append([decision.record()])
        for kind, after in minutes.items():
            at_ms = ANN.time_ms + round(after * MINUTE_MS)
            event = Feedback(
                kind, cast("FeedbackType", kind), at_ms, "i1", decision.decision_id, received_ms=at_ms
            )
            open_journal(world.journals, FEEDBACK).append([event.record()])

    return written


def minutes_later(minutes: float) -> int:
    return ANN.time_ms + round(minutes * MINUTE_MS)


def test_a_click_at_the_end_of_the_delay_counts(world, page):
    page(impression=1, click=11)
    told = stepped(world, minutes_later(20))
    assert (told.impressions, told.clicked) == (1, 1)


def test_a_click_after_the_delay_is_no_click(world, page):
    page(impression=1, click=11.01)
    told = stepped(world, minutes_later(20))
    assert (told.impressions, told.clicked) == (1, 0)


def test_another_thing_done_is_no_click(world, page):
    page(impression=1, purchase=2)
    assert stepped(world, minutes_later(20)).clicked == 0


def test_where_a_purchase_is_the_target_a_purchase_counts(world, page):
    page(impression=1, purchase=2)
    data = document()["data"] | {"target": "purchase"}
    assert stepped(world, minutes_later(20), config=task(data=data)).clicked == 1


@pytest.mark.parametrize("click", [{}, {"click": 2}], ids=["not clicked", "clicked"])
def test_an_impression_whose_click_may_still_come_is_not_counted(world, page, click):
    page(impression=1, **click)
    assert stepped(world, minutes_later(11)).impressions == 0


def test_events_on_their_way_are_waited_for(world, page):
    page(impression=1)
    assert stepped(world, minutes_later(11) + 4_999).impressions == 0
    assert stepped(world, minutes_later(11) + 5_000).impressions == 1


def test_what_was_answered_and_not_seen_is_not_counted(world, page):
    page(click=2)
    assert stepped(world, minutes_later(20)).impressions == 0


def test_an_item_that_is_seen_long_after_its_answer_is_not_counted(world, page):
    page(impression=60.1)
    assert stepped(world, minutes_later(90)).impressions == 0


def test_an_item_that_was_seen_twice_is_counted_once_by_whoever_starts_in_between(world, page):
    page(impression=1)
    first = stepped(world, minutes_later(20)).impressions
    page(impression=25)
    assert (first, stepped(world, minutes_later(50)).impressions) == (1, 0)


def test_a_decision_that_comes_too_late_is_told_and_not_counted(world, page):
    remembering = world.remembering(config=task(retrain={"join": {"shown": "answered"}}))
    remembering.step(minutes_later(20))
    page()
    told = remembering.step(minutes_later(21))
    remembering.close()
    assert (told.late, told.impressions) == (1, 0)


def test_a_click_that_comes_too_late_is_told_and_changes_nothing(world, page):
    page(impression=1)
    remembering = world.remembering()
    remembering.step(minutes_later(20))
    before = told_by(world)
    page(click=5)
    told = remembering.step(minutes_later(21))
    remembering.close()
    assert (told.late, told.impressions) == (1, 0)
    assert_same(told_by(world), before)


def test_an_impression_that_is_told_too_late_is_told_and_not_counted(world, page):
    page()
    remembering = world.remembering()
    remembering.step(minutes_later(20))
    page(impression=1)
    told = remembering.step(minutes_later(21))
    remembering.close()
    assert (told.late, told.impressions) == (1, 0)


def test_what_came_too_late_while_nobody_looked_is_told_by_the_next_one(world, page):
    page(impression=1)
    stepped(world, minutes_later(20))
    late = Feedback("e", "click", minutes_later(5), "i1", "00000000", received_ms=minutes_later(21))
    open_journal(world.journals, FEEDBACK).append([late.record()])
    assert stepped(world, minutes_later(22)).late == 1


def test_an_event_that_came_again_is_not_late(world, page):
    page(impression=1, click=2)
    remembering = world.remembering()
    remembering.step(minutes_later(20))
    page(click=2)
    assert remembering.step(minutes_later(21)).late == 0
    remembering.close()


def test_an_event_without_a_decision_finds_it_by_user_item_and_time(world, page):
    page(impression=1)
    click = Feedback("e", "click", minutes_later(3), "i1", user_id="ann", received_ms=minutes_later(3))
    open_journal(world.journals, FEEDBACK).append([click.record()])
    told = stepped(world, minutes_later(20))
    assert (told.impressions, told.clicked) == (1, 1)


def test_decisions_of_another_model_are_not_counted(world):
    write_journals(world.journals, world.later[:5])
    other = replace(world.later[0].decision(99), model="news")
    open_journal(world.journals, DECISIONS).append([other.record()])
    seen = Feedback("n", "impression", other.at_ms, other.candidates[1].id, "00000099")
    open_journal(world.journals, FEEDBACK).append([seen.record()])
    assert stepped(world, LATER_MS).impressions == 5


def test_an_item_whose_features_were_not_noted_is_told_and_not_counted(world):
    decision = world.later[0].decision(0)
    bare = replace(decision, candidates=[Described(one.id) for one in decision.candidates])
    open_journal(world.journals, DECISIONS).append([bare.record()])
    events = world.later[0].events(0)
    open_journal(world.journals, FEEDBACK).append([one.record() for one in events])
    told = stepped(world, LATER_MS)
    assert (told.impressions, told.undescribed) == (0, 1)


@pytest.mark.parametrize("share", [0.25, 0.75, 1.0])
def test_what_the_snapshot_knows_is_not_counted_again(world, share):
    """Of the held-out slices too, in whose middle a share of .75 lies."""
    known = world.early[round(share * len(world.early)) - 1]
    write_journals(world.journals, [Seen(known, known.time_ms, known.time_ms + MINUTE_MS)])
    assert stepped(world, LATER_MS).impressions == 0


def test_what_comes_right_after_the_snapshot_is_counted(world):
    last = world.early[-1]
    next_one = replace(last, time_ms=last.time_ms + 1)
    write_journals(world.journals, [Seen(next_one, next_one.time_ms, None)])
    assert stepped(world, LATER_MS).impressions == 1
