"""Columns that know the click are found where clicks are few, and others are not taken for them."""

import numpy as np
import polars as pl
import pytest

from features.spec import Side
from training.init.column import Column
from training.init.leaks import leak_reason, strengths

ROWS = 10_000
LEARNED = np.arange(ROWS) < 0.7 * ROWS


def clicks(count: int) -> np.ndarray:
    clicked = np.zeros(ROWS, np.int8)
    clicked[np.random.default_rng(1).choice(ROWS, count, replace=False)] = 1
    return clicked


def next_page(clicked: np.ndarray) -> np.ndarray:
    """Where somebody went from here: two pages after a click, two others without."""
    return np.random.default_rng(2).integers(0, 2, ROWS) + 2 * clicked


def campaign(clicked: np.ndarray) -> np.ndarray:
    """One of 300, of which a few draw most of the clicks."""
    drawn = np.random.default_rng(2).integers(0, 300, ROWS)
    return np.where((clicked == 1) & (drawn > 100), drawn % 20, drawn)


def reason(codes: np.ndarray, clicked: np.ndarray, name: str = "x") -> str | None:
    column = Column(name, pl.Series([f"v{code}" for code in codes]), None, len(np.unique(codes)))
    strength = strengths([column], clicked, LEARNED)[name]
    return leak_reason(column, clicked, strength, Side.CONTEXT)


@pytest.mark.parametrize("count", [30, 300])
def test_a_column_that_tells_clicks_alone_is_a_leak_however_few_they_are(count: int):
    clicked = clicks(count)
    assert "it repeats the label or comes after the click" in (reason(next_page(clicked), clicked) or "")


@pytest.mark.parametrize("count", [30, 300])
def test_a_column_that_helps_is_none(count: int):
    clicked = clicks(count)
    assert reason(campaign(clicked), clicked) is None


def test_leaks_are_found_where_only_every_second_row_is_clicked():
    clicked = np.zeros(ROWS, np.int8)
    clicked[2 * np.random.default_rng(1).choice(ROWS // 2, 30, replace=False)] = 1
    assert "it repeats the label or comes after the click" in (reason(next_page(clicked), clicked) or "")
    assert reason(campaign(clicked), clicked) is None


@pytest.mark.parametrize(("name", "leaks"), [("purchased", True), ("region", False)])
def test_what_a_few_clicks_alone_have_is_a_leak_where_its_name_says_so(name: str, leaks: bool):
    clicked = clicks(700)
    codes = np.zeros(ROWS, np.int64)
    codes[np.flatnonzero(clicked)[:10]] = 1
    assert (reason(codes, clicked, name) is not None) is leaks
