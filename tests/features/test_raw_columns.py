"""Whole columns of raw values: the same as value by value, and the arrays that the encoder takes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import UnreadableValueError
from features.raw import MISSING_TIME, from_json, from_text, missing, read_column, to_array
from tests.features.raw_inputs import EVERY_KIND, LISTS, NUMBER, TEXT, TEXTS, TIME, same, time_as

ODD_CELLS = st.sampled_from(["", "nan", "1_000", " 5", "+5", "-5", "1e39", "9" * 20, "٣", "1970-01-02", "x"])
CELLS = st.lists(st.one_of(st.integers(-(2**70), 2**70).map(str), st.floats().map(repr), ODD_CELLS))
SIMPLE_CELLS = st.lists(st.one_of(st.integers(0, 2**40).map(str), st.just("")))


def one_by_one(raw, cells, read=from_text):
    """Values and the places of unreadable ones, without the way for whole columns."""
    values, places = [], []
    for place, cell in enumerate(cells):
        try:
            values.append(read(raw, cell))
        except UnreadableValueError:
            values.append(missing(raw))
            places.append(place)
    return values, places


@pytest.mark.parametrize(
    "raw", [TEXT, NUMBER, TIME, time_as("epoch_ms"), time_as("epoch_s"), time_as("iso"), TEXTS], ids=str
)
@given(cells=st.one_of(CELLS, SIMPLE_CELLS))
def test_a_column_is_its_values_one_by_one(raw, cells):
    column, problems = read_column(raw, cells, text=True)
    values, places = one_by_one(raw, cells)
    assert len(column) == len(values)
    assert all(map(same, column, values))
    assert [problem.row for problem in problems] == places


ODD_VALUES: st.SearchStrategy[object] = st.sampled_from(
    [
        None,
        "",
        True,
        1.5,
        math.nan,
        math.inf,
        -1e39,
        2**70,
        2**600,
        "\ud800",
        "ü",
        "x",
        "2026-01-02",
        "a,b",
        {},
        [],
        ["a"],
        [1],
    ]
)
JSON_COLUMNS = st.one_of(
    *(
        st.lists(st.one_of(kind, st.none()))
        for kind in (
            st.text(),
            st.integers(-(2**70), 2**70),
            st.integers(-(2**40), 2**40),
            st.floats(),
            st.floats(-1e38, 1e38),
            st.lists(st.text()),
            st.lists(st.one_of(st.text(), st.none(), st.integers())),
            st.sampled_from(["2026-01-02", "1970-01-01T00:00:00Z", "a,b", "7"]),
            ODD_VALUES,
            st.one_of(st.integers(), st.floats(), st.text(), ODD_VALUES),
        )
    )
)


@pytest.mark.parametrize(
    "raw", [TEXT, NUMBER, TIME, time_as("epoch_ms"), time_as("iso"), TEXTS, LISTS], ids=str
)
@given(values=JSON_COLUMNS)
def test_a_column_of_json_is_its_values_one_by_one(raw, values):
    column, problems = read_column(raw, values, text=False)
    expected, places = one_by_one(raw, values, read=from_json)
    assert len(column) == len(expected)
    assert all(
        type(left) is type(right) and same(left, right) for left, right in zip(column, expected, strict=True)
    )
    assert [problem.row for problem in problems] == places


def test_an_unreadable_value_is_listed_with_its_reason():
    _, problems = read_column(NUMBER, [1, "x"], text=False)
    assert [(problem.row, problem.reason) for problem in problems] == [(1, "expected a number, got 'x'")]


def test_a_long_value_is_cut_in_the_reason():
    _, problems = read_column(NUMBER, ["x" * 1000], text=True)
    assert len(problems[0].reason) < 100


# Arrays


def test_numbers_become_float32():
    assert to_array(NUMBER, [1.5, math.nan]).dtype == np.float32


def test_a_missing_number_is_nan_in_the_array():
    assert np.isnan(to_array(NUMBER, [1.5, math.nan])).tolist() == [False, True]


def test_times_become_int64():
    assert to_array(TIME, [5, MISSING_TIME]).dtype == np.int64


def test_a_missing_time_is_the_smallest_integer_in_the_array():
    assert to_array(TIME, [5, MISSING_TIME]).tolist() == [5, -(2**63)]


def test_lists_are_padded_to_the_longest():
    assert to_array(TEXTS, [["a"], [], ["b", "c"]]).tolist() == [["a", ""], ["", ""], ["b", "c"]]


def test_lists_without_a_token_have_no_column():
    assert to_array(TEXTS, [[], []]).shape == (2, 0)


@EVERY_KIND
def test_an_empty_column_has_no_row(raw):
    assert len(to_array(raw, [])) == 0
