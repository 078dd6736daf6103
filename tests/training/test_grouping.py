import numpy as np
import pytest

from training.grouping import group


def test_values_are_numbered_in_their_order():
    groups = group(np.array(["b", "a", "b"]))
    assert groups.values == ("a", "b")
    assert groups.codes.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(np.array(["1", None], dtype=object), id="None among texts"),
        pytest.param(np.array([1.0, np.nan]), id="NaN among numbers"),
        pytest.param(np.array(["1", ""]), id="the empty text"),
    ],
)
def test_a_missing_value_is_the_empty_text(column):
    assert group(column).values[0] == ""


def test_numbers_are_grouped_like_texts():
    assert group(np.array([7, 5, 7])).values == ("5", "7")


def test_numbers_come_in_the_order_of_numbers():
    assert group(np.array([10, 9])).values == ("9", "10")


def test_none_and_the_empty_text_are_one_missing_value():
    assert group(np.array(["", None, "a"], dtype=object)).codes.tolist() == [0, 0, 1]


def test_texts_and_numbers_may_stand_in_one_column():
    assert group(np.array([7, "7", "a"], dtype=object)).codes.tolist() == [0, 0, 1]


def test_no_impressions_have_no_groups():
    assert group(np.array([], dtype=object)).values == ()
