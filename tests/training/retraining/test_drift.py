"""A newer log against the champion's data: PSI by hand, and every refusal names the column and both distributions."""

import math

import numpy as np
import polars as pl
import pytest

from features.profile import ColumnProfile, DataProfile, drift
from features.spec import RawInput, RawKind, Side
from training.config import ChecksConfig
from training.retraining.drift import check_failures
from training.retraining.profile import Sample, profile_of

PRICE = RawInput(column="price", side=Side.ITEM, kind=RawKind.NUMBER)
DEVICE = RawInput(column="device", side=Side.USER, kind=RawKind.TEXT)
TAGS = RawInput(column="tags", side=Side.ITEM, kind=RawKind.TEXTS, separator=",")
DAY = 86_400_000


def make_sample(price=10.0, tablets=0.2, rows=4000, seed=0, clicks=0.05, days=10):
    rng = np.random.default_rng(seed)
    raw = pl.DataFrame(
        {
            "price": rng.lognormal(math.log(price), 0.5, rows).astype(np.float32),
            "device": np.where(rng.random(rows) < tablets, "tablet", "phone"),
            "tags": [["red", "big"] if number % 2 else [] for number in range(rows)],
        }
    )
    clicked = (np.arange(rows) % round(1 / clicks) == 0).astype(np.int8)
    return Sample(raw, clicked, rows, 0, days * DAY)


def compare(before, now, **checks):
    inputs = (PRICE, DEVICE, TAGS)
    reference = profile_of(before, inputs)
    return check_failures(reference, profile_of(now, inputs, like=reference), ChecksConfig(**checks))


def test_psi_is_what_it_is_by_hand():
    before = ColumnProfile(kind=RawKind.TEXT, tokens=("a",), counts=(599_999, 399_999), missing=1_000_000)
    now = before.model_copy(update={"counts": (399_999, 599_999)})
    shares = (0.3, 0.2)  # of all, with the missing half
    assert drift(before, now.all_counts()).psi == pytest.approx(
        2 * 0.1 * math.log(shares[0] / shares[1]), rel=1e-4
    )


def test_the_same_distribution_has_hardly_any_psi():
    assert compare(make_sample(), make_sample(seed=1), max_psi=0.02) == ()


def test_a_number_that_has_drifted_is_named_with_its_range_before_and_now():
    (reason,) = compare(make_sample(), make_sample(price=20.0))
    assert reason.startswith("column 'price' has drifted: PSI ")
    assert "is above 0.25 (checks.max_psi); from " in reason
    assert "10.0% before" in reason


def test_a_category_that_has_drifted_is_named_with_its_share_before_and_now():
    before = make_sample(tablets=0.0)
    (reason,) = compare(before, make_sample(tablets=0.5))
    assert reason.startswith("column 'device' has drifted: PSI ")
    assert "any other: 0.0% before" in reason


def test_values_that_went_missing_are_drift():
    now = make_sample()
    gone = now.raw.with_columns(price=pl.Series(np.full(len(now.raw), np.nan, np.float32)))
    (reason,) = compare(make_sample(), Sample(gone, now.clicked, 4000, 0, 10 * DAY))
    assert "column 'price'" in reason
    assert "missing: 0.0% before, 99.9% now" in reason


def test_a_column_may_have_a_threshold_of_its_own():
    assert compare(make_sample(), make_sample(price=20.0), psi={"price": None}) == ()


def test_a_column_that_is_new_is_refused():
    before = profile_of(make_sample(), (PRICE,))
    now = profile_of(make_sample(), (PRICE, DEVICE), like=before)
    (reason,) = check_failures(before, now, ChecksConfig())
    assert "[] are read no more, ['device'] are new (checks.same_columns)" in reason


def test_a_tenth_of_the_impressions_a_day_is_refused():
    (reason,) = compare(make_sample(), make_sample(days=100))
    assert reason.startswith("40 impressions a day, before 400: more than a factor of 5.0 apart")


def test_a_click_rate_that_doubled_is_refused():
    (reason,) = compare(make_sample(), make_sample(clicks=0.2))
    assert reason.startswith("20.000% of the impressions are clicked, before 5.000%")


def test_a_profile_survives_its_file():
    profile = profile_of(make_sample(), (PRICE, DEVICE, TAGS))
    assert DataProfile.model_validate_json(profile.model_dump_json()) == profile
    assert profile.columns["tags"] == ColumnProfile(
        kind=RawKind.TEXTS, tokens=("big", "red"), counts=(2000, 2000, 0), missing=2000
    )
