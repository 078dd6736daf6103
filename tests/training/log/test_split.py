"""Past trains, future judges: where the cuts fall, and what an empty slice says."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.config import SplitConfig
from training.errors import DataError
from training.log.split import Cuts, Slice, cuts_of, shown

TEN = np.arange(10, dtype=np.int64) * 1000
TIMES = st.lists(st.integers(0, 30), min_size=1, max_size=60).map(lambda times: np.array(times, np.int64))


def at_ms(time_ms):
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)


def cut(time_ms, validation_from, test_from=None):
    """The slice of every impression, as its number."""
    config = SplitConfig(validation_from=validation_from, test_from=test_from)
    return cuts_of(config, time_ms).slices(time_ms).tolist()


def test_shares_cut_the_impressions_in_order_of_time():
    assert cut(TEN, 0.6, 0.8) == [0, 0, 0, 0, 0, 0, 1, 1, 2, 2]


def test_the_order_of_the_log_does_not_matter():
    assert cut(TEN[::-1], 0.6, 0.8) == [2, 2, 1, 1, 0, 0, 0, 0, 0, 0]


def test_a_moment_belongs_to_the_later_slice():
    assert cut(TEN, at_ms(3000), at_ms(5000)) == [0, 0, 0, 1, 1, 2, 2, 2, 2, 2]


@pytest.mark.parametrize("time_ms", [1, 1001, 1_651_680_000_123, 1_651_680_000_999])
def test_a_moment_is_exact_to_the_millisecond(time_ms):
    times = np.array([time_ms - 1, time_ms], np.int64)
    assert cut(times, at_ms(time_ms)) == [0, 1]


def test_without_a_test_slice_validation_runs_to_the_end():
    assert cut(TEN, 0.5) == [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]


def test_impressions_of_one_moment_stay_together():
    assert cut(np.array([1, 2, 2, 2, 2, 2, 3], np.int64), 0.5) == [0, 1, 1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("test_from_ms", "held_out"), [(None, Slice.VALIDATION), (5, Slice.TEST)], ids=["no test", "test"]
)
def test_the_latest_slice_judges(test_from_ms, held_out):
    assert Cuts(3, test_from_ms).held_out is held_out


@pytest.mark.parametrize(
    ("cuts", "empty"),
    [
        pytest.param((at_ms(0), at_ms(5000)), "train", id="nothing before"),
        pytest.param((at_ms(3500), at_ms(3600)), "validation", id="nothing between"),
        pytest.param((at_ms(5000), at_ms(90_000)), "test", id="nothing after"),
    ],
)
def test_an_empty_slice_is_refused_by_name(cuts, empty):
    with pytest.raises(DataError, match=f"expected impressions in the {empty} slice, got none"):
        cut(TEN, *cuts)


def test_an_empty_slice_is_refused_with_all_times():
    with pytest.raises(DataError) as caught:
        cut(TEN, at_ms(20_000), at_ms(30_000))
    expected = (
        "from 1970-01-01T00:00:00+00:00 to 1970-01-01T00:00:09+00:00 and split cuts it at "
        "1970-01-01T00:00:20+00:00 and 1970-01-01T00:00:30+00:00"
    )
    assert expected in str(caught.value)


def test_impressions_of_a_single_moment_cannot_be_split():
    with pytest.raises(DataError, match="the train slice"):
        cut(np.full(5, 7, np.int64), 0.5)


def test_a_time_is_shown_in_utc_to_the_second():
    assert shown(1_651_708_800_999) == "2022-05-05T00:00:00+00:00"


@given(time_ms=TIMES, shares=st.tuples(st.floats(0.1, 0.5), st.floats(0.6, 0.9)))
def test_no_impression_trains_that_is_as_late_as_one_that_judges(time_ms, shares):
    try:
        slices = np.array(cut(time_ms, *shares))
    except DataError:
        return  # too few moments for three slices
    assert time_ms[slices == 0].max() < time_ms[slices == 1].min()
    assert time_ms[slices == 1].max() < time_ms[slices == 2].min()


def test_a_log_without_a_clock_is_refused_by_the_numbers_of_its_rows():
    with pytest.raises(DataError, match="from row 1 to row 2 and split cuts it at row 2 and row 2"):
        cuts_of(SplitConfig(validation_from=0.8, test_from=0.9), np.arange(2), dated=False)
