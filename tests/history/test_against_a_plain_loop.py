"""The engine tells every impression what a plain loop over all events counts for it."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from features.spec import Activity
from tests.history.plain import CLICKED, FEATURES, HOUR_MS, Event, clicked_before, numbers_of, replayed

ACTIVITIES = [feature for feature in FEATURES if isinstance(feature, Activity)]


@st.composite
def logs(draw: st.DrawFn) -> list[Event]:
    """Up to forty impressions of a few users and items, many of them in the same moment or of the same key."""
    delay = draw(st.sampled_from([0, 1, HOUR_MS]))
    stale = draw(st.sampled_from([0, 2 * HOUR_MS]))
    events = []
    for _ in range(draw(st.integers(1, 40))):
        time_ms = draw(st.integers(1, 12)) * HOUR_MS // 2
        late = draw(st.sampled_from([0, 0, 0, 3 * HOUR_MS]))
        events.append(
            Event(
                user=draw(st.sampled_from(["", "ann", "bob"])),
                item=draw(st.sampled_from(["", "i1", "i2", "i3"])),
                tags=tuple(draw(st.lists(st.sampled_from(["", "red", "big", "new"]), max_size=3))),
                time_ms=time_ms,
                visible_ms=time_ms + delay + late,
                read_ms=time_ms - draw(st.integers(0, stale)),
                clicked=draw(st.booleans()),
            )
        )
    return events


CUTS = st.lists(st.integers(0, 80), max_size=4)


@given(events=logs(), cuts=CUTS)
def test_sums_that_fade_and_times_are_those_of_a_plain_loop(events, cuts):
    answers = replayed(events, cuts)
    for feature in ACTIVITIES:
        expected = [numbers_of(feature, events, asking) for asking in events]
        for column in expected[0]:
            plain = [columns[column] for columns in expected]
            np.testing.assert_allclose(answers.numbers[column], plain, rtol=1e-6, atol=1e-6, err_msg=column)


@settings(max_examples=30)
@given(events=logs(), cuts=CUTS)
def test_counts_that_never_fade_are_exact(events, cuts):
    answers = replayed(events, cuts)
    for feature in ACTIVITIES:
        expected = [numbers_of(feature, events, asking) for asking in events]
        for column in (columns[0] for columns in feature.sum_columns):
            assert answers.numbers[column].tolist() == [columns[column] for columns in expected]


@settings(max_examples=40)
@given(events=logs(), cuts=CUTS)
def test_sequences_are_those_of_a_plain_loop(events, cuts):
    plain = [clicked_before(CLICKED, events, asking) for asking in events]
    assert replayed(events, cuts).lists[CLICKED.column] == plain


@settings(max_examples=30)
@given(events=logs(), cuts=CUTS, other_cuts=CUTS)
def test_any_split_into_blocks_tells_the_same(events, cuts, other_cuts):
    one, other = replayed(events, cuts), replayed(events, other_cuts)
    assert one.lists == other.lists
    for column, values in one.numbers.items():
        np.testing.assert_allclose(values, other.numbers[column], rtol=1e-6, atol=1e-6)
