"""Which kind of feature a column becomes, where a whole log would be too long to write."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from features.spec import Side
from training.init.choice import Choice
from training.init.column import Column
from training.init.kinds import Log, choose

ROWS = 20_000_000
KEPT = 4_000

OBSERVED = 10_000
Of = Callable[[np.ndarray], np.ndarray]


def some_names(rows: np.ndarray) -> np.ndarray:
    """Whole numbers below 2,000, each of them about five times."""
    return np.random.default_rng(1).integers(0, 2_000, len(rows))


def large_amounts(rows: np.ndarray) -> np.ndarray:
    return 30_000_000 + 5_000 * np.random.default_rng(1).integers(0, 4_000, len(rows))


def in_a_row(rows: np.ndarray) -> np.ndarray:
    """Two thirds of the whole numbers from 100,000 to 103,000."""
    return 100_000 + np.random.default_rng(1).choice(3_000, 2_000, replace=False)[some_names(rows)]


def all_different(rows: np.ndarray) -> np.ndarray:
    return np.random.default_rng(1).choice(900_000_000, len(rows), replace=False) + 100_000_000


def effects_of_values(numbers: np.ndarray) -> np.ndarray:
    return np.random.default_rng(2).normal(scale=1.5, size=numbers.max() + 1)[numbers]


def effects_of_size(numbers: np.ndarray) -> np.ndarray:
    return 3.0 * (numbers - numbers.mean()) / np.ptp(numbers)


def no_effect(numbers: np.ndarray) -> np.ndarray:
    return np.zeros(len(numbers))


def chosen_for(numbers: np.ndarray, logits: np.ndarray, name: str = "x") -> Choice:
    """What becomes of a column of such numbers beside clicks of these logits."""
    clicked = (np.random.default_rng(3).random(len(numbers)) < 1 / (1 + np.exp(-logits))).astype(np.int8)
    rows = np.arange(OBSERVED)
    log = Log(OBSERVED, 1, clicked, rows < 0.7 * OBSERVED, rows)
    column = Column(name, pl.Series(numbers.astype(str)), numbers.astype(float), len(np.unique(numbers)))
    return choose(column, Side.CONTEXT, log, key=False)


def test_ten_million_distinct_ids_are_hashed():
    ids = [f"u{number}" for number in np.random.default_rng(1).integers(0, 1_000, KEPT)]
    rows = np.arange(KEPT)
    log = Log(ROWS, ROWS // KEPT, rows.astype(np.int8) % 2, rows < KEPT * 0.7, rows)
    column = Column("user_id", pl.Series(ids), None, distinct=10_000_000)
    chosen = choose(column, Side.USER, log, key=True)
    assert chosen.features == ({"kind": "hashed", "name": "user_id", "buckets": 200_000},)


@pytest.mark.parametrize(
    ("numbers_of", "logits_of", "kind"),
    [
        pytest.param(some_names, effects_of_values, "categorical", id="clicks follow the single value"),
        pytest.param(some_names, effects_of_size, "numeric + buckets", id="clicks follow the size"),
        pytest.param(some_names, no_effect, "numeric + buckets", id="clicks follow neither"),
        pytest.param(in_a_row, no_effect, "categorical", id="handed out one after the other"),
        pytest.param(
            in_a_row, effects_of_size, "numeric + buckets", id="the same, and clicks follow the size"
        ),
        pytest.param(
            large_amounts, effects_of_size, "numeric + buckets", id="so large that it may be a name"
        ),
        pytest.param(all_different, no_effect, "numeric + buckets", id="no value ever comes back"),
    ],
)
def test_whole_numbers_without_a_telling_name(numbers_of: Of, logits_of: Of, kind: str):
    numbers = numbers_of(np.arange(OBSERVED))
    assert chosen_for(numbers, logits_of(numbers)).kind == kind


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        pytest.param([f"{49 * number:05d}" for number in range(2_000)], "categorical", id="postal codes"),
        pytest.param(
            [f"{number // 60:02d}{number % 60:02d}" for number in range(1_440)],
            "numeric + buckets",
            id="hours and minutes",
        ),
    ],
)
def test_whole_numbers_with_zeros_in_front_are_codes(texts: list[str], kind: str):
    column = pl.Series(texts)[some_names(np.arange(OBSERVED)) % len(texts)]
    rows = np.arange(OBSERVED)
    log = Log(OBSERVED, 1, rows.astype(np.int8) % 2, rows < 0.7 * OBSERVED, rows)
    numbers = column.cast(pl.Float64).to_numpy()
    assert choose(Column("x", column, numbers, len(texts)), Side.CONTEXT, log, key=False).kind == kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("channel", "categorical"),
        ("os", "categorical"),
        ("device_os", "categorical"),
        ("store_sales", "numeric + buckets"),
    ],
)
def test_whole_numbers_named_after_a_thing_are_codes(name: str, kind: str):
    numbers = some_names(np.arange(OBSERVED))
    assert chosen_for(numbers, no_effect(numbers), name).kind == kind


@pytest.mark.parametrize(
    ("logits_of", "kind"),
    [
        pytest.param(no_effect, "categorical", id="clicks follow nothing"),
        pytest.param(effects_of_values, "categorical", id="clicks follow the single value"),
        pytest.param(
            lambda ids: effects_of_size(ids) / 4, "categorical", id="clicks hardly follow the order"
        ),
        pytest.param(effects_of_size, "numeric + buckets", id="clicks follow the order"),
    ],
)
def test_ids_whose_order_tells_far_more_than_each_of_them_are_numbers(logits_of: Of, kind: str):
    numbers = some_names(np.arange(OBSERVED))
    assert chosen_for(numbers, logits_of(numbers), "subject_id").kind == kind


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param(np.arange(OBSERVED), id="in order"),
        pytest.param(np.random.default_rng(4).permutation(OBSERVED), id="shuffled"),
    ],
)
def test_row_numbers_are_left_out(numbers: np.ndarray):
    assert chosen_for(numbers, no_effect(numbers)).kind == "left out"


@pytest.mark.parametrize(
    ("name", "numbers", "kind"),
    [
        pytest.param("x", np.arange(OBSERVED) * 10 // OBSERVED, "left out", id="ten days"),
        pytest.param("week", np.arange(OBSERVED) * 2 // OBSERVED, "left out", id="two weeks"),
        pytest.param("x", np.arange(OBSERVED) * 2 // OBSERVED, "categorical", id="before and after a change"),
        pytest.param(
            "x", np.arange(OBSERVED) * 4 // OBSERVED // 3, "categorical", id="a change late in the log"
        ),
        pytest.param("x", np.arange(OBSERVED) * 14 // OBSERVED % 7, "categorical", id="days of two weeks"),
        pytest.param("x", np.arange(OBSERVED) * 30 // OBSERVED, "left out", id="thirty builds"),
        pytest.param("x", (np.arange(OBSERVED) * 0.7).round(), "left out", id="seconds since the beginning"),
    ],
)
def test_values_that_go_by_with_time_are_left_out(name: str, numbers: np.ndarray, kind: str):
    assert chosen_for(numbers, no_effect(numbers), name).kind == kind


def buckets_of(amounts: np.ndarray, one_click_in: int, stride: int = 1) -> int:
    """Buckets beside a column of such amounts in a log of which every ``stride``-th row was kept."""
    rows = np.arange(OBSERVED)
    log = Log(OBSERVED * stride, stride, (rows % one_click_in == 0).astype(np.int8), rows >= 0, rows)
    column = Column("amount", pl.Series(amounts.astype(str)), amounts, len(np.unique(amounts)))
    return choose(column, Side.CONTEXT, log, key=False).features[1]["buckets"]


@pytest.mark.parametrize(
    ("one_click_in", "stride", "buckets"),
    [
        pytest.param(100, 1, 16, id="a hundred clicks"),
        pytest.param(4, 1, 39, id="2,500"),
        pytest.param(10, 3, 46, id="3,000, of which a third was looked at"),
        pytest.param(2, 1, 64, id="5,000"),
    ],
)
def test_numbers_have_more_buckets_the_more_clicks_there_are(one_click_in: int, stride: int, buckets: int):
    amounts = np.random.default_rng(1).normal(size=OBSERVED)
    assert buckets_of(amounts, one_click_in, stride) == buckets


@pytest.mark.parametrize(("zeros", "buckets"), [(0.5, 32), (0.95, 64)])
def test_a_number_that_is_mostly_one_value_has_buckets_for_the_others(zeros: float, buckets: int):
    amounts = np.random.default_rng(1).normal(size=OBSERVED)
    amounts[: int(zeros * OBSERVED)] = 0.0
    assert buckets_of(amounts, one_click_in=100) == buckets
