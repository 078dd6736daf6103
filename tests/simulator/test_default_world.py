"""The default world is fixed: its first lines, its figures, and what it is made of."""

import numpy as np
import polars as pl
import pytest

from simulator import ShopFiles, measure

FIRST_LINES = """\
time_ms,user_id,item_id,position,clicked,played,purchased
1772406031512,u003204,i00568,1,0,0,0
1772406031512,u003204,i00525,2,0,0,0
1772406031512,u003204,i00219,3,0,0,0
"""

FIRST_PROBABILITIES = """\
probability,probability_play,probability_purchase
0.012862458,0.010214459,0.000160826
0.034407484,0.020599336,0.002467515
0.081923105,0.067127403,0.004205695
"""


def test_the_default_log_starts_with_these_lines(default_shop: ShopFiles):
    assert default_shop.log.read_text().startswith(FIRST_LINES)


def test_the_default_truth_starts_with_these_probabilities(default_shop: ShopFiles):
    assert default_shop.truth.read_text().startswith(FIRST_PROBABILITIES)


def test_the_default_log_has_half_a_million_impressions(joined_log: pl.DataFrame):
    assert len(joined_log) == 500_000


def test_three_to_eight_of_a_hundred_impressions_are_clicked(joined_log: pl.DataFrame):
    assert 0.03 <= joined_log["clicked"].sum() / len(joined_log) <= 0.08


@pytest.mark.parametrize("from_share", [0.0, 0.8, 0.85, 0.9])
def test_the_truths_auc_is_within_its_bounds_overall_and_late(default_shop, tmp_path, from_share):
    files = ShopFiles(tmp_path / "log.csv", default_shop.users, default_shop.items, tmp_path / "truth.csv")
    for whole, part in ((default_shop.log, files.log), (default_shop.truth, files.truth)):
        frame = pl.read_csv(whole)
        frame[round(len(frame) * from_share) :].write_csv(part)
    auc = measure(files).auc
    assert auc is not None
    assert 0.75 <= auc <= 0.82


def test_the_truth_is_calibrated_overall(joined_log: pl.DataFrame):
    assert_calibrated(joined_log)


@pytest.mark.parametrize("column", ["position", "gender", "age_band", "device", "category", "city", "brand"])
def test_the_truth_is_calibrated_in_every_segment(joined_log: pl.DataFrame, column: str):
    for segment in joined_log.partition_by(column):
        assert_calibrated(segment)


@pytest.mark.parametrize("tenth", range(10))
def test_the_truth_is_calibrated_in_every_tenth_of_it(joined_log: pl.DataFrame, tenth: int):
    by_probability = joined_log.sort("probability")
    assert_calibrated(by_probability[tenth * 50_000 : (tenth + 1) * 50_000])


@pytest.mark.parametrize("tenth", range(10))
def test_the_truth_is_calibrated_in_every_tenth_of_the_time(joined_log: pl.DataFrame, tenth: int):
    assert_calibrated(joined_log[tenth * 50_000 : (tenth + 1) * 50_000])


def test_every_true_probability_lies_strictly_between_0_and_1(joined_log: pl.DataFrame):
    assert joined_log["probability"].is_between(0, 1, closed="none").all()


def test_impressions_come_in_the_order_of_time(joined_log: pl.DataFrame):
    assert joined_log["time_ms"].is_sorted()


def test_the_log_fills_28_days_from_local_midnight(joined_log: pl.DataFrame):
    # 2026-03-02 00:00 in Berlin is 2026-03-01 23:00 UTC.
    start_ms = 1_772_406_000_000
    days = (joined_log["time_ms"] - start_ms) // 86_400_000
    assert days.unique().sort().to_list() == list(range(28))


def test_nobody_is_shown_anything_before_signing_up(joined_log: pl.DataFrame):
    assert (joined_log["signed_up_ms"] <= joined_log["time_ms"]).all()


def test_no_item_is_shown_before_its_listing(joined_log: pl.DataFrame):
    assert (joined_log["listed_ms"] <= joined_log["time_ms"]).all()


def test_no_page_shows_an_item_twice(joined_log: pl.DataFrame):
    assert not joined_log.select("time_ms", "user_id", "item_id").is_duplicated().any()


@pytest.mark.parametrize("key", ["user_id", "item_id"])
def test_ids_never_seen_before_keep_coming(joined_log: pl.DataFrame, key: str):
    known = joined_log[:400_000][key].unique().implode()
    cold = ~joined_log[400_000:][key].is_in(known)
    assert cold.sum() > 2_000


def test_the_later_the_position_the_fewer_clicks(joined_log: pl.DataFrame):
    rates = joined_log.group_by("position").agg(pl.col("clicked").mean()).sort("position")["clicked"]
    assert rates.is_sorted(descending=True)


def test_some_users_give_no_gender(joined_log: pl.DataFrame):
    assert 0.04 < joined_log["gender"].null_count() / len(joined_log) < 0.12


def test_some_histories_are_empty_and_others_hold_several_categories(default_shop: ShopFiles):
    histories = pl.read_csv(default_shop.users)["history"]
    assert histories.str.split(",").list.len().fill_null(0).unique().sort().to_list() == [0, 1, 2, 3, 4]


def assert_calibrated(impressions: pl.DataFrame) -> None:
    """Clicks are within four standard errors of what the truth expects."""
    probabilities = impressions["probability"].to_numpy()
    error = np.sqrt((probabilities * (1 - probabilities)).sum())
    assert abs(impressions["clicked"].sum() - probabilities.sum()) < 4 * error
