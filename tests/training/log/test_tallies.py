import numpy as np
import polars as pl
import pytest

from training.log.tallies import RepeatTally, TimeTally


def test_nothing_counted_has_no_share_of_repeats():
    assert RepeatTally().share is None


def test_repeats_are_counted_across_chunks():
    tally = RepeatTally()
    for _ in range(4):
        tally.add([pl.Series("user", ["u1", "u2"])])
    assert tally.share == 0.75


def test_the_share_of_repeats_survives_the_thinning_of_keys():
    tally = RepeatTally()
    for start in range(0, 1_000_000, 100_000):
        tally.add([pl.Series("user", np.arange(start, start + 100_000))])
    tally.add([pl.Series("user", np.arange(250_000))])
    # 250,000 of 1,250,000 impressions repeat an earlier one; about 150,000 keys are left to estimate it.
    assert tally.share == pytest.approx(0.2, abs=0.005)


def test_order_is_judged_across_chunks():
    tally = TimeTally(now=None)
    tally.add(np.array([1, 5]))
    tally.add(np.array([4, 6]))
    assert not tally.in_order


def test_a_chunk_without_impressions_changes_nothing():
    tally = TimeTally(now=None)
    tally.add(np.array([], dtype=np.int64))
    assert tally.first is None
    assert tally.in_order
