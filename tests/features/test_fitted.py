"""What was fitted: whole after a round trip, refused when it does not belong, right about time zones."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from features.fitted import (
    FittedCross,
    FittedEdges,
    FittedScale,
    FittedSpec,
    FittedTimeZone,
    FittedVocabulary,
    NothingFitted,
)
from features.spec import FeatureSpec

SPEC = FeatureSpec.model_validate(
    {
        "user": [
            {"kind": "categorical", "name": "city", "oov_buckets": 3},
            {"kind": "age", "name": "tenure", "column": "joined", "at": "shown_at"},
        ],
        "item": [
            {"kind": "multi", "name": "tags"},
            {"kind": "hashed", "name": "brand", "buckets": 50},
            {"kind": "buckets", "name": "price"},
            {"kind": "numeric", "name": "weight"},
        ],
        "context": [
            {"kind": "time_part", "name": name, "column": "shown_at", "part": name, "time_zone": "UTC"}
            for name in ("hour", "weekday", "hour_of_week")
        ],
        "crosses": [{"name": "city_brand", "of": ["city", "brand"], "buckets": 70}],
    }
)
SCALE = FittedScale(mean=0.1, std=1 / 3, low=-1e-30, high=1e30)
ZONE = FittedTimeZone(starts_ms=(0,), offsets_ms=(0,))
FITTED = {
    "city": FittedVocabulary(tokens=("rome", "größe", "a b")),
    "tenure": SCALE,
    "tags": FittedVocabulary(tokens=("x", "y")),
    "brand": NothingFitted(),
    "price": FittedEdges(edges=(1.0, 2.5)),
    "weight": SCALE,
    "hour": ZONE,
    "weekday": ZONE,
    "hour_of_week": ZONE,
    "city_brand": FittedCross(),
}


def make_fitted(**changes):
    return FittedSpec(spec=SPEC, fitted={**FITTED, **changes})


@pytest.fixture(scope="module")
def zones():
    """The offsets of the zones under test; finding them takes a moment."""
    return {name: FittedTimeZone.of(name) for name in ("Europe/Berlin", "Asia/Kolkata")}


def offset_ms(zone, time_ms):
    """The offset that holds at a moment, looked up as the encoder does."""
    return [
        offset for start, offset in zip(zone.starts_ms, zone.offsets_ms, strict=True) if start <= time_ms
    ][-1]


def utc_ms(year, month, day, hour=0):
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp()) * 1000


def test_a_json_round_trip_is_the_identity():
    fitted = make_fitted()
    assert FittedSpec.model_validate_json(fitted.model_dump_json()) == fitted


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(min_value=1e-300, max_value=1e300))
def test_a_json_round_trip_keeps_every_bit_of_a_number(mean, std):
    scale = FittedScale(mean=mean, std=std, low=mean, high=mean)
    assert FittedScale.model_validate_json(scale.model_dump_json()) == scale


@given(st.lists(st.text()))
def test_a_json_round_trip_keeps_every_token(tokens):
    vocabulary = FittedVocabulary(tokens=tuple(tokens))
    assert FittedVocabulary.model_validate_json(vocabulary.model_dump_json()) == vocabulary


def test_the_fingerprint_survives_a_round_trip():
    again = FittedSpec.model_validate_json(make_fitted().model_dump_json())
    assert again.fingerprint() == make_fitted().fingerprint()


def test_moving_one_edge_changes_the_fingerprint():
    assert make_fitted(price=FittedEdges(edges=(1.0, 2.75))).fingerprint() != make_fitted().fingerprint()


def test_a_part_of_the_wrong_kind_is_refused():
    with pytest.raises(ValidationError, match="city: expected the fitted part 'vocabulary', got 'scale'"):
        make_fitted(city=SCALE)


def test_a_cross_of_an_earlier_version_says_nothing():
    assert make_fitted(city_brand=NothingFitted()).fingerprint() != make_fitted().fingerprint()


def test_a_missing_part_is_refused():
    without = {name: part for name, part in FITTED.items() if name != "price"}
    with pytest.raises(ValidationError, match="expected fitted parts for"):
        FittedSpec(spec=SPEC, fitted=without)


def test_a_part_for_no_feature_is_refused():
    with pytest.raises(ValidationError, match="expected fitted parts for"):
        make_fitted(colour=NothingFitted())


def test_a_scale_that_divides_by_zero_is_refused():
    with pytest.raises(ValidationError, match="greater than 0"):
        FittedScale(mean=0.0, std=0.0, low=0.0, high=0.0)


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        pytest.param("city", 7, id="padding, three OOV buckets, three tokens"),
        pytest.param("tags", 4, id="padding, OOV, two tokens"),
        pytest.param("brand", 51, id="padding and the hash buckets"),
        pytest.param("price", 4, id="padding and one bucket more than edges"),
        pytest.param("hour", 25, id="padding and 24 hours"),
        pytest.param("weekday", 8, id="padding and 7 days"),
        pytest.param("hour_of_week", 169, id="padding and 7 times 24 hours"),
        pytest.param("city_brand", 71, id="padding and the buckets of the cross"),
        pytest.param("weight", 0, id="a number has no ids"),
        pytest.param("tenure", 0, id="an age has no ids"),
    ],
)
def test_how_many_ids_a_feature_has(name, rows):
    feature = next(feature for feature in SPEC.features() if feature.name == name)
    assert make_fitted().rows_of(feature) == rows


INSTANTS = st.integers(0, utc_ms(2100, 1, 1) // 1000 - 1)


@pytest.mark.parametrize("name", ["Europe/Berlin", "Asia/Kolkata"])
@given(seconds=INSTANTS)
def test_offsets_agree_with_the_time_zone_database(zones, name, seconds):
    offset = datetime.fromtimestamp(seconds, ZoneInfo(name)).utcoffset()
    assert offset == timedelta(milliseconds=offset_ms(zones[name], seconds * 1000))


@pytest.mark.parametrize(
    ("time_ms", "hours"),
    [
        pytest.param(utc_ms(2026, 3, 29, 1) - 1, 1, id="the last moment of winter"),
        pytest.param(utc_ms(2026, 3, 29, 1), 2, id="the first moment of summer"),
        pytest.param(utc_ms(2026, 10, 25, 1) - 1, 2, id="the last moment of summer"),
        pytest.param(utc_ms(2026, 10, 25, 1), 1, id="the first moment of winter"),
    ],
)
def test_berlin_changes_its_clocks_at_one_in_utc(zones, time_ms, hours):
    assert offset_ms(zones["Europe/Berlin"], time_ms) == hours * 3_600_000


def test_kolkata_never_changes_its_clocks(zones):
    assert zones["Asia/Kolkata"] == FittedTimeZone(starts_ms=(0,), offsets_ms=(19_800_000,))


def test_offsets_start_at_rising_moments(zones):
    starts = zones["Europe/Berlin"].starts_ms
    assert list(starts) == sorted(set(starts))
