"""Work in slices: what it takes of a thread's time, and that it ends as it would without."""

import sys
import time

import pytest

from service.pacing import in_slices


def work(seconds: float) -> int:
    """Calls of functions for so many seconds of processor time; how many there were."""
    calls, until = 0, time.thread_time() + seconds
    while time.thread_time() < until:
        calls += 1
    return calls


def share_of(share: float, *, longest_s: float = 60.0) -> float:
    """How much of its time a thread works when it is asked to take so much."""
    began, busy = time.perf_counter(), time.thread_time()
    with in_slices(share, longest_s):
        work(0.1)
    return (time.thread_time() - busy) / (time.perf_counter() - began)


def test_a_tenth_is_a_tenth():
    assert share_of(0.1) < 0.15


def test_a_whole_share_has_no_rests():
    assert sys.getprofile() is None
    with in_slices(1.0):
        assert sys.getprofile() is None


def test_who_needs_longer_goes_on_without_rests():
    began = time.perf_counter()
    with in_slices(0.01, longest_s=0.2):
        work(0.1)
    assert time.perf_counter() - began < 5.0  # ten seconds with rests to the end


def test_after_an_error_there_are_no_rests():
    with pytest.raises(ValueError, match="as it came"), in_slices(0.5):
        raise ValueError("as it came")
    assert sys.getprofile() is None


def test_a_profiler_is_left_alone():
    seen = []
    sys.setprofile(lambda frame, event, argument: seen.append(event))
    try:
        mine = sys.getprofile()
        with in_slices(0.5):
            assert sys.getprofile() is mine
    finally:
        sys.setprofile(None)
    assert seen
