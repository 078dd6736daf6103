from collections import Counter

import pytest

from training.errors import DataError
from training.init.label import guess_label


def guess(counts: dict[str, int], positive: tuple[str, ...] = ()) -> tuple[str, ...]:
    return guess_label("bought", Counter(counts), sum(counts.values()), positive).positive


@pytest.mark.parametrize(
    ("counts", "positive"),
    [
        pytest.param({"0": 9, "1": 1}, (), id="0 and 1 are read anyway"),
        pytest.param({"false": 9, "true": 1}, (), id="so are true and false"),
        pytest.param({"no": 1, "yes": 9}, ("yes",), id="yes, though it is the frequent one"),
        pytest.param({"N": 1, "Y": 9}, ("Y",), id="Y"),
        pytest.param({"1": 9, "2": 1}, ("2",), id="the larger number"),
        pytest.param({"-1": 1, "1": 9}, ("1",), id="the larger number, however frequent"),
        pytest.param({"<=50K": 9, ">50K": 1}, (">50K",), id="the rarer text"),
        pytest.param({"nein": 1, "ja": 9}, ("ja",), id="ja"),
        pytest.param({"x": 9, "not-clicked": 1}, ("x",), id="what is not said to be no click"),
        pytest.param({"-": 1, "+": 9}, ("+",), id="plus"),
        pytest.param({"0": 5, "1": 3, "NA": 2}, (), id="NA is no label"),
        pytest.param({"True": 5, "False": 3, "None": 2}, (), id="None is none beside true and false"),
        pytest.param({"yes": 5, "no": 3, "?": 2}, ("yes",), id="nor is a question mark"),
        pytest.param({"None": 5, "click": 3}, ("click",), id="None is the other outcome of two"),
    ],
)
def test_the_value_that_means_a_click(counts: dict[str, int], positive: tuple[str, ...]):
    assert guess(counts) == positive


def test_what_the_user_says_counts():
    assert guess({"1": 5, "2": 5, "3": 5}, ("3", "2")) == ("3", "2")


def test_more_than_two_values_ask_for_the_positive_one():
    with pytest.raises(DataError, match=r"got 3 values: .*; say with --positive"):
        guess({"1": 5, "2": 5, "3": 5})


def test_one_value_is_no_label():
    with pytest.raises(DataError, match="expected clicks and non-clicks, got one kind only"):
        guess({"0": 7})


def test_rows_without_a_label_are_counted_where_the_others_have_one_value():
    with pytest.raises(DataError, match=r"got one value: 'click' \(7 times\), and 1,993 rows without one"):
        guess_label("bought", Counter({"click": 7}), 2_000, ())


def test_a_positive_value_that_never_appears_is_refused():
    with pytest.raises(DataError, match=r"expected 'ja' \(--positive\) somewhere, got only"):
        guess({"yes": 1, "no": 3}, ("ja",))


def test_the_click_rate_is_of_the_labelled_rows():
    found = guess_label("bought", Counter({"yes": 1, "no": 3}), 5, ())
    assert (found.rate, round(found.missing, 6)) == (0.25, 0.2)


def test_a_marker_of_missing_labels_is_asked_about_where_the_file_has_types():
    with pytest.raises(DataError, match="got 3 values"):
        guess_label("bought", Counter({"yes": 5, "no": 3, "NA": 2}), 10, (), marked=False)


def test_missing_labels_do_not_count():
    found = guess_label("bought", Counter({"0": 5, "1": 3, "NA": 2}), 10, ())
    assert (found.rate, round(found.missing, 6), found.markers) == (0.375, 0.2, frozenset({"NA"}))
