"""What `axon init` counts of the past, and how old it lets the counts be."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from scipy.special import expit

from features.spec import Activity, Side
from training.init.choice import Choice
from training.init.column import Column
from training.init.cuts import Cuts
from training.init.moments import TimeGuess
from training.init.past import counted, staleness
from training.init.plan import draft
from training.init.reading import Question
from training.progress import Silent

CUTS = Cuts(validation_from=0.8, test_from=0.9, by_time=True)
DAY_MS = 86_400_000


def choice(
    column: str, distinct: int, kind: str = "categorical", side: Side = Side.CONTEXT, missing: float = 0.0
):
    return Choice(column, kind, side, (), "", distinct, missing)


def column(name: str) -> Column:
    return Column(name, pl.Series(["a"]), None, 1)


def keys_of(*choices: Choice, rows: int = 10_000, users: str | None = None) -> list[list[str]]:
    keys = {} if users is None else {Side.USER: column(users)}
    return [activity["of"] for activity in counted(choices, keys, rows, ())]


def test_columns_with_many_values_are_counted_the_largest_first():
    assert keys_of(choice("site", 40), choice("device", 900)) == [["device"], ["site"]]


@pytest.mark.parametrize(
    "left_out",
    [
        pytest.param(choice("tab", 12), id="few values are learned as they are"),
        pytest.param(choice("session", 9_000), id="values that do not come back"),
        pytest.param(choice("ip", 900, missing=0.95), id="values that are mostly missing"),
        pytest.param(choice("price", 900, kind="numeric + buckets"), id="numbers"),
        pytest.param(choice("tags", 900, kind="multi"), id="lists"),
        pytest.param(choice("page", 10_000_000, kind="hashed"), id="too many to remember"),
    ],
)
def test_what_is_not_counted(left_out: Choice):
    assert keys_of(left_out) == []


def test_hashed_columns_are_counted():
    assert keys_of(choice("page", 400_000, kind="hashed"), rows=2_000_000) == [["page"]]


@pytest.mark.parametrize(
    ("telling", "seen"), [((), {"site_past_rate"}), (("site",), {"site_past_rate", "site_past_impressions"})]
)
def test_the_network_sees_counts_where_they_tell_something(telling, seen):
    (written,) = counted([choice("site", 40)], {}, 10_000, telling)
    assert {feature.name for feature in Activity.model_validate(written).features()} == seen


@pytest.mark.parametrize(("popular", "telling"), [(0.0, set()), (1.0, {"site"})])
def test_how_often_a_value_comes_tells_where_frequent_ones_are_clicked_more(tmp_path, popular, telling):
    rng = np.random.default_rng(8)
    site = (300 * rng.random(20_000) ** 1.3).astype(int)
    liked = rng.normal(scale=0.3, size=300) + popular * (np.log(np.bincount(site, minlength=300)) - 4)
    clicked = (rng.random(20_000) < expit(liked[site])).astype(int)
    pl.DataFrame({"site": site, "clicked": clicked}).write_csv(tmp_path / "log.csv")
    drawn = draft(Question(tmp_path / "log.csv", "clicked", ()), Silent())
    assert {entry["of"][0] for entry in drawn.history if entry.get("counts", True)} == telling
    assert [entry["of"] for entry in drawn.history] == [["site"]]


@pytest.mark.parametrize(("year", "columns"), [(1963, []), (1999, [["site"]])])
def test_nothing_is_counted_at_times_that_history_does_not_know(tmp_path, year, columns):
    rng = np.random.default_rng(8)
    days = [(date(year, 1, 1) + timedelta(days=place // 20)).isoformat() for place in range(6_000)]
    log = {"day": days, "site": rng.integers(0, 300, 6_000), "clicked": rng.integers(0, 2, 6_000)}
    pl.DataFrame(log).write_csv(tmp_path / "log.csv")
    drawn = draft(Question(tmp_path / "log.csv", "clicked", ()), Silent())
    assert drawn.time is not None
    assert [entry["of"] for entry in drawn.history] == columns


def test_users_are_counted_with_what_they_saw():
    user, item = choice("user_id", 500, side=Side.USER), choice("tab", 6)
    assert keys_of(user, item, users="user_id") == [["user_id"], ["user_id", "tab"]]


def test_users_are_not_counted_with_their_own_columns():
    user, city = choice("user_id", 500, side=Side.USER), choice("city", 20, side=Side.USER)
    assert keys_of(user, city, users="user_id") == [["user_id"]]


def test_a_long_log_counts_no_pairs():
    user, item = choice("user_id", 500, side=Side.USER), choice("tab", 6)
    assert keys_of(user, item, rows=1_000_000, users="user_id") == [["user_id"]]


@pytest.mark.parametrize(
    ("lasts_ms", "stale"),
    [(10 * DAY_MS, "48h"), (100 * DAY_MS, "20d"), (50_000, "10s")],
)
def test_the_state_may_be_as_old_as_the_held_out_slices_last(lasts_ms: int, stale: str):
    time_ms = np.linspace(0, lasts_ms, 1001).astype(np.int64)
    guess = TimeGuess(column("time"), "auto", time_ms, 1.0)
    assert staleness(guess, CUTS, 1001) == stale


def test_without_a_clock_a_row_is_a_millisecond():
    assert staleness(None, CUTS, 10_000) == "2000ms"
