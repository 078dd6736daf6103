"""Whatever the future holds, an impression sees the same: its own outcome, and all that was not known before it, may change."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from features.spec import milliseconds
from tests.history.plain import Event, replayed
from tests.history.replays import (
    START_MS,
    TEST_MS,
    VALIDATION_MS,
    draw_events,
    known_after,
    make_task,
    replay,
)

DAY_MS = 86_400_000

Change = Callable[[list[Event], np.random.Generator], list[Event]]


def relabelled(events: list[Event], _: np.random.Generator) -> list[Event]:
    return [replace(event, clicked=not event.clicked) for event in events]


def with_other_keys(events: list[Event], rng: np.random.Generator) -> list[Event]:
    """Everything but the times goes to another event."""
    others = [events[place] for place in rng.permutation(len(events))]
    return [
        replace(other, time_ms=event.time_ms, visible_ms=event.visible_ms, read_ms=event.read_ms)
        for event, other in zip(events, others, strict=True)
    ]


def deleted(events: list[Event], _: np.random.Generator) -> list[Event]:
    return events[:0]


def with_strangers(events: list[Event], _: np.random.Generator) -> list[Event]:
    return [replace(event, user="stranger", item="i9", tags=("odd",)) for event in events]


CHANGES = [relabelled, with_other_keys, deleted, with_strangers]


def with_another_future(
    events: Sequence[Event], place: int, change: Change, rng: np.random.Generator
) -> tuple[list[Event], int]:
    """The log after what one impression must not see was changed, and where that impression is now."""
    asking = events[place]
    seen = [event for event in events if event.visible_ms < asking.read_ms and event is not asking]
    unseen = [event for event in events if event.visible_ms >= asking.read_ms and event is not asking]
    changed = replace(asking, clicked=not asking.clicked)
    log = sorted([*seen, *change(unseen, rng), changed], key=lambda event: event.time_ms)
    return log, next(number for number, event in enumerate(log) if event is changed)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@settings(max_examples=25)
@given(seed=st.integers(0, 1000), place=st.integers(0, 59), delay=st.sampled_from(["0s", "1h", "1d"]))
def test_the_engine_shows_nothing_that_was_not_known(change, seed, place, delay):
    events = known_after(draw_events(60, seed=seed), milliseconds(delay))
    other, now = with_another_future(events, place, change, np.random.default_rng(seed))
    before, after = replayed(events), replayed(other)
    assert {name: texts[place] for name, texts in before.lists.items()} == {
        name: texts[now] for name, texts in after.lists.items()
    }
    for column, values in before.numbers.items():
        np.testing.assert_allclose(values[place], after.numbers[column][now], rtol=1e-6, err_msg=column)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("delay", ["0s", "1h"])
def test_a_replayed_log_shows_nothing_that_was_not_known(tmp_path, change, delay):
    task = make_task(delay=delay)
    events = known_after(draw_events(150), task.history.delay_ms)
    before = replay(task, events, tmp_path).frame
    # The last impressions of the log stay, so that every slice of the other log has some.
    for place in (3, 40, 75, 110):
        other, now = with_another_future(events, place, _but_the_last(change), np.random.default_rng(place))
        after = replay(task, other, tmp_path).frame
        assert_same(before[place], after[now])


@pytest.mark.parametrize(
    ("begins_ms", "ends_ms"),
    [
        pytest.param(START_MS, VALIDATION_MS, id="training"),
        pytest.param(VALIDATION_MS, TEST_MS, id="validation"),
        pytest.param(TEST_MS, TEST_MS + DAY_MS, id="test"),
    ],
)
def test_no_slice_sees_a_later_one_nor_a_held_out_one_itself_where_the_state_is_stale(
    tmp_path, begins_ms, ends_ms
):
    task, events = make_task(stale="1d"), draw_events(150)
    inside = [place for place, event in enumerate(events) if begins_ms <= event.time_ms < ends_ms]
    first = inside[0] if begins_ms > START_MS else inside[-1]
    others = [*events[:first], *relabelled(events[first:], np.random.default_rng(1))]
    before, after = replay(task, events, tmp_path).frame, replay(task, others, tmp_path).frame
    assert_same(before[inside], after[inside])


def _but_the_last(change: Change) -> Change:
    def changed(events: list[Event], rng: np.random.Generator) -> list[Event]:
        return [*change(events[:-40], rng), *events[-40:]]

    return changed


def assert_same(one: pl.DataFrame, other: pl.DataFrame) -> None:
    assert_frame_equal(one, other, rel_tol=1e-6, abs_tol=1e-6)
