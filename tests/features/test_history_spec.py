"""What a specification says of history: the columns it needs, the columns it fills, and what it refuses."""

from typing import Any

import pytest
from pydantic import ValidationError

from features.spec import Activity, FeatureSpec, Half, RawKind, Side, milliseconds

PAST = {"kind": "activity", "name": "past", "of": ["user_id"], "half_lives": ["7d"]}
CLICKED = {"kind": "recent", "name": "clicked", "of": ["user_id"], "collects": "brand"}
SHOP: dict[str, Any] = {
    "item": [
        {"kind": "hashed", "name": "brand"},
        {"kind": "multi", "name": "tags"},
        {"kind": "numeric", "name": "price"},
    ],
    "keys": {"user_id": "user"},
    "history": [PAST, CLICKED],
}


def spec_of(*history: dict[str, Any], **changes: Any) -> FeatureSpec:
    return FeatureSpec.model_validate({**SHOP, **({"history": history} if history else {}), **changes})


def test_a_log_carries_keys_and_no_column_of_history():
    assert [raw.column for raw in spec_of().log_inputs()] == ["user_id", "brand", "tags", "price"]


def test_the_graph_takes_columns_of_history_and_no_key_that_no_feature_reads():
    filled = {raw.column: raw.kind for raw in spec_of().raw_inputs() if raw.history}
    assert filled == {
        "past_impressions": RawKind.NUMBER,
        "past_impressions_7d": RawKind.NUMBER,
        "past_clicks": RawKind.NUMBER,
        "past_clicks_7d": RawKind.NUMBER,
        "past_since_impression": RawKind.NUMBER,
        "past_since_click": RawKind.NUMBER,
        "clicked": RawKind.TEXTS,
    }
    assert "user_id" not in {raw.column for raw in spec_of().raw_inputs()}


@pytest.mark.parametrize(
    ("asked", "seen"),
    [
        ({}, {"rate", "impressions", "rate_7d", "impressions_7d", "since_impression", "since_click"}),
        ({"counts": False}, {"rate", "rate_7d", "since_impression", "since_click"}),
        ({"counts": False, "since": False}, {"rate", "rate_7d"}),
    ],
)
def test_the_network_sees_what_is_asked_for(asked, seen):
    assert {
        feature.name.removeprefix("past_") for feature in Activity(**{**PAST, **asked}).features()
    } == seen


def test_a_key_is_of_the_side_that_keys_or_its_feature_says():
    assert {raw.column: raw.side for raw in spec_of().key_inputs()} == {
        "user_id": Side.USER,
        "brand": Side.ITEM,
    }


@pytest.mark.parametrize(
    ("of", "half"),
    [
        pytest.param(["user_id"], Half.USER, id="of the user"),
        pytest.param(["brand"], Half.JOINT, id="of the item, which depends on the moment"),
        pytest.param(["user_id", "brand"], Half.JOINT, id="of both"),
    ],
)
def test_what_is_counted_by_an_item_belongs_to_the_joint_half(of, half):
    spec = spec_of({**PAST, "of": of})
    assert {spec.half_of(feature) for feature in spec.features() if feature.name.startswith("past")} == {half}


@pytest.mark.parametrize(
    ("history", "told"),
    [
        pytest.param(
            {**PAST, "of": ["author"]},
            "add it under features.keys, {author: user}, {author: item} or {author: context}",
            id="whose side nobody knows",
        ),
        pytest.param({**PAST, "of": ["price"]}, "needs the column 'price' as text", id="a number"),
        pytest.param(
            {**CLICKED, "of": ["tags"]}, r"columns with one value each .* got \['tags'\]", id="a list of tags"
        ),
        pytest.param(
            {**CLICKED, "collects": "tags"}, r"got \['tags'\] with several", id="what has several values"
        ),
    ],
)
def test_a_key_that_cannot_be_one_is_refused(history, told):
    with pytest.raises(ValidationError, match=told):
        spec_of(history)


def test_two_columns_of_a_key_cannot_both_have_several_values():
    lists = [
        {"kind": "multi", "name": "tags"},
        {"kind": "multi", "name": "colours"},
        {"kind": "hashed", "name": "brand"},
    ]
    with pytest.raises(
        ValidationError,
        match=r"one column of an activity's key may have several\), got \['tags', 'colours'\]",
    ):
        spec_of({**PAST, "of": ["tags", "colours"]}, item=lists)


@pytest.mark.parametrize(
    ("duration", "expected"), [("10s", 10_000), ("1.5h", 5_400_000), ("7d", 604_800_000), ("250ms", 250)]
)
def test_durations_are_milliseconds(duration, expected):
    assert milliseconds(duration) == expected


@pytest.mark.parametrize("duration", ["10", "ten days", "-1h", "5201w"])
def test_what_is_no_duration_is_refused(duration):
    with pytest.raises(ValueError, match=r"got '"):
        milliseconds(duration)


def test_a_copy_with_another_past_tells_of_that_one_alone():
    spec = FeatureSpec.model_validate(SHOP)
    assert any(feature.name == "past_rate" for feature in spec.features())

    forgetful = spec.model_copy(update={"history": ()})

    assert not [feature.name for feature in forgetful.features() if feature.name.startswith("past")]
    assert not [raw for raw in forgetful.raw_inputs() if raw.history]


def test_what_was_asked_of_a_spec_is_no_part_of_it():
    asked, fresh = (FeatureSpec.model_validate(SHOP) for _ in range(2))
    asked.in_half(Half.JOINT)

    assert asked == fresh
    assert asked.model_dump_json() == fresh.model_dump_json()


def test_what_follows_from_a_spec_is_worked_out_once():
    spec = FeatureSpec.model_validate(SHOP)

    assert spec.by_side() is spec.by_side()
