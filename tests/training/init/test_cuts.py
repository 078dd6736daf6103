import numpy as np
import pytest

from training.errors import DataError
from training.init.cuts import choose_cuts

SOME = (np.arange(100) % 2).astype(np.int8)


def test_the_usual_cuts_are_taken_where_they_work():
    cuts = choose_cuts(np.arange(100), SOME)
    assert (cuts.validation_from, cuts.test_from, cuts.by_time) == (0.8, 0.9, True)


def test_rare_clicks_move_the_cuts_until_every_slice_has_some():
    clicked = np.zeros(100, np.int8)
    clicked[[1, 2, 3, 4, 5, 61, 62, 63, 64, 65, 81, 82, 83, 84, 85]] = 1
    cuts = choose_cuts(np.arange(100), clicked)
    assert (cuts.validation_from, cuts.test_from) == (0.6, 0.8)


def test_two_days_in_order_are_cut_by_rows():
    assert not choose_cuts(np.repeat([0, 1], 50), SOME).by_time


def test_two_days_in_no_order_leave_no_test_slice():
    cuts = choose_cuts(np.tile([0, 1], 50), (np.arange(100) // 2 % 2).astype(np.int8))
    assert (cuts.by_time, cuts.test_from) == (True, None)


def test_clicks_at_the_end_only_cannot_be_cut():
    with pytest.raises(DataError, match="sorted by its label"):
        choose_cuts(None, (np.arange(100) > 95).astype(np.int8))
