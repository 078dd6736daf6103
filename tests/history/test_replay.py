"""One past, three ways: a whole log replayed, a file streamed, a live history asked and told one by one."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from features.raw import MISSING_TIME
from history import History
from history.stores.memory import MemoryStore
from registry.manifest import EXTRA, HISTORY
from tests.history.plain import CLICKED, FEATURES, HOUR_MS, USER, Event, advance, clicked_before, numbers_of
from tests.history.replays import (
    TEST_MS,
    Replayed,
    draw_events,
    known_after,
    make_task,
    read_chunks,
    replay,
    without_clock,
)
from training.errors import DataError, TooManyBadRowsError
from training.log.log_reader import LogChunk
from training.replay.past import Past
from training.replay.replay import write_snapshot

GAP_MS = 2 * HOUR_MS


def two_logs(gap_ms: int = GAP_MS) -> tuple[list[Event], list[Event]]:
    """What was trained on, and what came after a pause."""
    events = draw_events(240)
    later = [
        replace(event, time_ms=event.time_ms + gap_ms)
        for event in events
        if event.time_ms >= TEST_MS + HOUR_MS
    ]
    return [event for event in events if event.time_ms < TEST_MS + HOUR_MS], later


def opened(
    task, trained: Replayed, directory, end_ms: int = TEST_MS, *, dated: bool = True, stream: bool = False
) -> Past:
    """The past of a version, as a command finds it beside the model."""
    (directory / EXTRA).mkdir()
    write_snapshot(trained.counted, directory)
    return Past.open(directory, task.features, task.history, end_ms=end_ms, dated=dated, stream=stream)


def assert_streamed_alike(past: Past, task, chunks: list[LogChunk], expected: pl.DataFrame) -> None:
    """Chunk by chunk the columns are those of the replay."""
    streamed = [
        past.streamed(chunk.raw, chunk.time_ms, chunk.clicked)
        for chunk in chunks
        if chunk.clicked is not None
    ]
    assert_frame_equal(
        history_columns(task, pl.concat(streamed)),
        history_columns(task, expected),
        rel_tol=1e-6,
        abs_tol=1e-6,
    )


def history_columns(task, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select([raw.column for raw in task.features.raw_inputs() if raw.history])


@pytest.mark.parametrize("gap_ms", [0, GAP_MS], ids=["at once", "after a pause"])
@pytest.mark.parametrize("delay", ["0s", "1h", "3d"])
@pytest.mark.parametrize("rows", [7, 1000])
def test_a_streamed_file_sees_what_the_same_rows_saw_in_training(tmp_path, delay, rows, gap_ms):
    task = make_task(delay=delay)
    log, later = two_logs(gap_ms)
    whole = replay(task, [*log, *later], tmp_path).frame
    past = opened(task, replay(task, log, tmp_path), tmp_path, stream=True)
    assert len(later) > 20
    assert_streamed_alike(past, task, read_chunks(task, later, tmp_path, rows), whole[len(log) :])


def test_without_a_clock_a_streamed_file_goes_on_where_the_log_ends(tmp_path):
    task = without_clock(make_task())
    log, later = two_logs()
    whole = replay(task, [*log, *later], tmp_path).frame
    past = opened(task, replay(task, log, tmp_path), tmp_path, end_ms=len(log), dated=False, stream=True)
    assert whole[USER.since_columns[0]].n_unique() > 10
    assert_streamed_alike(past, task, read_chunks(task, later, tmp_path, 7), whole[len(log) :])


def test_without_a_clock_every_row_is_the_one_after_the_log(tmp_path):
    task = without_clock(make_task())
    log, later = two_logs()
    whole = replay(task, [*log, later[0]], tmp_path).frame
    past = opened(task, replay(task, log, tmp_path), tmp_path, end_ms=len(log), dated=False)
    (chunk,) = read_chunks(task, [later[0]] * 3, tmp_path, 1000)
    filled = history_columns(task, past.filled(chunk.raw, chunk.time_ms))
    # It sees in training what a stream sees, and by hand it is so many rows later than its user's last.
    expected = history_columns(task, pl.concat([whole[len(log) :]] * 3))
    assert_frame_equal(filled, expected, rel_tol=1e-6, abs_tol=1e-6)
    last = max(place for place, event in enumerate(log) if event.user == later[0].user)
    assert filled[USER.since_columns[0]].to_list() == pytest.approx([(len(log) - last) / 1000] * 3)


def test_a_version_that_does_not_say_what_nobody_knew_yet_is_not_streamed(tmp_path):
    task = make_task()
    log, _ = two_logs()
    trained = replay(task, log, tmp_path)
    opened(task, trained, tmp_path)
    (tmp_path / HISTORY / "pending.arrow").unlink()
    with pytest.raises(DataError, match="train it anew, or leave --stream out"):
        Past.open(tmp_path, task.features, task.history, end_ms=TEST_MS, stream=True)


@pytest.mark.parametrize("delay", ["0s", "1h"])
def test_a_live_history_tells_one_impression_at_a_time_what_it_saw_in_training(tmp_path, delay):
    task = make_task(delay=delay)
    events = known_after(draw_events(120), task.history.delay_ms)
    history, told = History(FEATURES, MemoryStore()), 0
    answers = []
    for place, event in enumerate(events):
        while events[told].visible_ms < event.time_ms:
            advance(history, events, [], [told])
            told += 1
        answers.append(advance(history, events, [place], []))
    frame = replay(task, events, tmp_path).frame
    for column in answers[0].numbers:
        live = np.concatenate([answer.numbers[column] for answer in answers])
        np.testing.assert_allclose(live, frame[column].to_numpy(), rtol=1e-6, atol=1e-6, err_msg=column)
    assert [answer.lists[CLICKED.column][0] for answer in answers] == frame[CLICKED.column].to_list()


@pytest.mark.parametrize("at_once", [7, 1000])
def test_a_replayed_log_is_what_a_plain_loop_counts(tmp_path, monkeypatch, at_once):
    # Impressions and outcomes of one moment meet where one block ends and the next begins.
    monkeypatch.setattr("training.replay.replay._BLOCK", at_once)
    task = make_task(delay="1h")
    events = known_after(draw_events(120), HOUR_MS)
    frame = replay(task, events, tmp_path).frame
    expected = [numbers_of(FEATURES[0], events, asking) for asking in events]
    for column in expected[0]:
        plain = [columns[column] for columns in expected]
        np.testing.assert_allclose(frame[column].to_numpy(), plain, rtol=1e-6, atol=1e-6, err_msg=column)
    assert frame[CLICKED.column].to_list() == [clicked_before(CLICKED, events, event) for event in events]


def test_more_keys_than_memory_is_given_for_are_refused_by_the_name_of_the_feature(tmp_path):
    task = make_task()
    few = task.model_copy(update={"history": task.history.model_copy(update={"max_keys": 12})})
    with pytest.raises(DataError, match=r"at most 12 keys .* 12 of them of 'pair_past'"):
        replay(few, draw_events(240), tmp_path)


def test_without_stream_every_row_sees_the_whole_past(tmp_path):
    task = make_task()
    log, later = two_logs()
    past = opened(task, replay(task, log, tmp_path), tmp_path)
    (chunk,) = read_chunks(task, later, tmp_path, 1000)
    filled = past.filled(chunk.raw, chunk.time_ms)
    expected = [numbers_of(FEATURES[0], log, replace(event, read_ms=2**62)) for event in later]
    assert filled["user_past_clicks"].to_list() == [columns["user_past_clicks"] for columns in expected]


def test_a_row_without_a_time_is_scored_at_the_end_of_the_log(tmp_path):
    task = make_task()
    log, later = two_logs()
    past = opened(task, replay(task, log, tmp_path), tmp_path, end_ms=log[-1].time_ms)
    (chunk,) = read_chunks(task, later, tmp_path, 1000)
    at_the_end = np.full(len(later), log[-1].time_ms)
    missing = past.filled(chunk.raw, np.full(len(later), MISSING_TIME))
    assert missing.equals(past.filled(chunk.raw, at_the_end), null_equal=True)


def test_a_stream_that_goes_back_in_time_is_refused(tmp_path):
    task = make_task()
    log, later = two_logs()
    past = opened(task, replay(task, log, tmp_path), tmp_path, stream=True)
    (chunk,) = read_chunks(task, [*later, later[0]], tmp_path, 1000)
    assert chunk.clicked is not None
    with pytest.raises(DataError, match="sort the file by its time column"):
        past.streamed(chunk.raw, chunk.time_ms, chunk.clicked)


def test_rows_up_to_the_last_impression_are_counted_already(tmp_path):
    task = make_task()
    log, _ = two_logs()
    directory = tmp_path / "version"
    directory.mkdir()
    past = opened(task, replay(task, log, tmp_path), directory, end_ms=TEST_MS)
    assert past.already_counted(np.array([TEST_MS - 1, TEST_MS, TEST_MS + 1, MISSING_TIME])) == 2


def test_without_a_clock_nobody_knows_what_is_counted_already(tmp_path):
    task = make_task()
    log, _ = two_logs()
    past = opened(task, replay(task, log, tmp_path), tmp_path, end_ms=len(log), dated=False)
    assert past.already_counted(np.array([0, 1])) == 0


@pytest.mark.parametrize("time_ms", [-1, 253_402_214_400_000])
def test_an_impression_that_the_clock_of_history_does_not_reach_is_set_apart(tmp_path, time_ms):
    events = draw_events(50)
    events[7] = replace(events[7], time_ms=time_ms)
    with pytest.raises(TooManyBadRowsError, match=f"from 1970 to 2109 where history counts, got {time_ms} "):
        replay(make_task(), events, tmp_path)
