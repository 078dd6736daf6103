"""What a specification accepts, what it refuses, and where each feature enters the network."""

from typing import Any

import pytest
from pydantic import ValidationError

from features.spec import FeatureSpec, Half, RawKind, Side, TimeColumn

SHOP: dict[str, Any] = {
    "user": [
        {"kind": "categorical", "name": "gender"},
        {"kind": "age", "name": "tenure", "column": "joined", "at": "shown_at"},
    ],
    "item": [
        {"kind": "multi", "name": "tags"},
        {"kind": "hashed", "name": "brand"},
        {"kind": "buckets", "name": "price"},
        {"kind": "age", "name": "item_age", "column": "listed", "at": "shown_at"},
    ],
    "context": [
        {"kind": "time_part", "name": "hour", "column": "shown_at", "part": "hour", "time_zone": "UTC"}
    ],
    "crosses": [
        {"name": "gender_brand", "of": ["gender", "brand"]},
        {"name": "gender_hour", "of": ["gender", "hour"]},
        {"name": "brand_price", "of": ["brand", "price"]},
    ],
}


def make_spec(**changes):
    return FeatureSpec.model_validate({**SHOP, **changes})


def spec_of(*context, **sides):
    return FeatureSpec.model_validate({"context": list(context), **sides})


def feature_named(spec, name):
    return next(feature for feature in spec.features() if feature.name == name)


# The fingerprint


def test_the_fingerprint_does_not_change_by_accident():
    spec = spec_of({"kind": "hashed", "name": "ad", "buckets": 8})
    assert spec.fingerprint() == "5ef68020a45e2037"


def test_two_readings_of_one_specification_have_one_fingerprint():
    assert make_spec().fingerprint() == make_spec().fingerprint()


def test_a_json_round_trip_keeps_the_fingerprint():
    again = FeatureSpec.model_validate_json(make_spec().model_dump_json())
    assert again.fingerprint() == make_spec().fingerprint()


def test_writing_a_default_out_keeps_the_fingerprint():
    short = spec_of({"kind": "categorical", "name": "ad"})
    long = spec_of({"kind": "categorical", "name": "ad", "column": "ad", "min_count": 2})
    assert short.fingerprint() == long.fingerprint()


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"crosses": []}, id="a feature less"),
        pytest.param({"user": [{"kind": "categorical", "name": "gender", "min_count": 3}]}, id="a setting"),
        pytest.param({"user": list(reversed(SHOP["user"]))}, id="the order"),
        pytest.param({"time_columns": {"listed": {"format": "epoch_s"}}}, id="how a time is read"),
    ],
)
def test_any_change_changes_the_fingerprint(changes):
    whole = {"crosses": [], "user": SHOP["user"]} if "user" in changes else {}
    assert make_spec(**{**whole, **changes}).fingerprint() != make_spec(**whole).fingerprint()


def test_a_specification_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        make_spec().user = ()


# What is refused


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param(
            {"item": [{"kind": "hashed", "name": "gender"}], "crosses": []},
            "two features are named 'gender'",
            id="two features of one name",
        ),
        pytest.param(
            {"crosses": [{"name": "gender", "of": ["brand", "price"]}]},
            "two features are named 'gender'",
            id="a cross with the name of a feature",
        ),
        pytest.param(
            {"item": [{"kind": "numeric", "name": "g", "column": "gender"}], "crosses": []},
            "'gender' is asked for as text of the user and as number of the item",
            id="a column as two kinds",
        ),
        pytest.param(
            {"context": [{"kind": "hashed", "name": "g", "column": "gender"}], "crosses": []},
            "text of the user and as text of the context",
            id="a column of two sides",
        ),
        pytest.param(
            {"crosses": [{"name": "c", "of": ["gender", "colour"]}]}, "'colour'", id="a cross of nothing"
        ),
        pytest.param(
            {"crosses": [{"name": "c", "of": ["gender", "tags"]}]},
            "no single-valued id feature",
            id="a cross of a multi-valued feature",
        ),
        pytest.param(
            {"crosses": [{"name": "c", "of": ["gender", "item_age"]}]},
            "no single-valued id feature",
            id="a cross of a value",
        ),
        pytest.param({"crosses": [{"name": "c", "of": ["gender"]}]}, "at least 2", id="a cross of one"),
        pytest.param(
            {"time_columns": {"lised": {"format": "epoch_s"}}},
            r"time_columns names \['lised'\]",
            id="a time column that no feature reads",
        ),
        pytest.param(
            {"time_columns": {"gender": {}}}, r"time_columns names \['gender'\]", id="a time that is text"
        ),
        pytest.param({"shop": []}, "Extra inputs", id="an unknown key"),
        pytest.param(
            {"user": [{"kind": "hashed", "name": "gender", "bukets": 3}]}, "Extra inputs", id="a typo"
        ),
        pytest.param({"user": [{"kind": "embedding", "name": "gender"}]}, "'embedding'", id="a kind"),
    ],
)
def test_a_contradiction_is_refused(changes, words):
    with pytest.raises(ValidationError, match=words):
        make_spec(**changes)


def test_a_specification_without_a_feature_is_refused():
    with pytest.raises(ValidationError, match="at least one feature"):
        FeatureSpec()


@pytest.mark.parametrize("name", ["", "_x", "a b", "a/b", "a:b", "größe", "a\n"])
def test_a_name_that_no_signature_can_carry_is_refused(name):
    with pytest.raises(ValidationError, match="letters, digits"):
        spec_of({"kind": "hashed", "name": name})


def test_an_unknown_time_zone_is_refused_by_name():
    with pytest.raises(ValidationError, match="Europe/Berlim"):
        spec_of({"kind": "time_part", "name": "t", "part": "hour", "time_zone": "Europe/Berlim"})


def test_a_time_column_of_an_unknown_format_is_refused():
    with pytest.raises(ValidationError, match="expected auto, epoch_s, epoch_ms"):
        TimeColumn(format="unix")


def test_a_time_column_of_an_unknown_zone_is_refused():
    with pytest.raises(ValidationError, match="Mars/Base"):
        TimeColumn(time_zone="Mars/Base")


# Halves


@pytest.mark.parametrize(
    ("name", "half"),
    [
        pytest.param("gender", Half.USER, id="the user"),
        pytest.param("hour", Half.USER, id="the context belongs to the user half"),
        pytest.param("brand", Half.ITEM, id="the item"),
        pytest.param("tenure", Half.USER, id="the age of a user"),
        pytest.param("item_age", Half.JOINT, id="the age of an item moves between requests"),
        pytest.param("gender_brand", Half.JOINT, id="a cross of two sides"),
        pytest.param("gender_hour", Half.USER, id="a cross within the user half"),
        pytest.param("brand_price", Half.ITEM, id="a cross within the item half"),
    ],
)
def test_the_half_of_a_feature(name, half):
    spec = make_spec()
    assert spec.half_of(feature_named(spec, name)) is half


def test_every_feature_is_in_one_half():
    spec = make_spec()
    names = [feature.name for half in Half for feature in spec.in_half(half)]
    assert sorted(names) == sorted(feature.name for feature in spec.features())


# Raw inputs


def test_raw_inputs_come_by_side_and_first_use_once_each():
    assert [(raw.column, raw.side, raw.kind) for raw in make_spec().raw_inputs()] == [
        ("gender", Side.USER, RawKind.TEXT),
        ("joined", Side.USER, RawKind.TIME),
        ("tags", Side.ITEM, RawKind.TEXTS),
        ("brand", Side.ITEM, RawKind.TEXT),
        ("price", Side.ITEM, RawKind.NUMBER),
        ("listed", Side.ITEM, RawKind.TIME),
        ("shown_at", Side.CONTEXT, RawKind.TIME),
    ]


def test_a_feature_reads_the_column_of_its_name_by_default():
    assert spec_of({"kind": "numeric", "name": "price"}).raw_inputs()[0].column == "price"


def test_two_features_may_share_a_column():
    spec = spec_of(
        {"kind": "numeric", "name": "price"}, {"kind": "buckets", "name": "price_bucket", "column": "price"}
    )
    assert len(spec.raw_inputs()) == 1


def test_a_raw_input_knows_its_separator():
    assert spec_of({"kind": "multi", "name": "tags", "separator": "|"}).raw_inputs()[0].separator == "|"


def test_a_raw_input_knows_how_its_time_is_written():
    spec = make_spec(time_columns={"listed": {"format": "epoch_s"}})
    formats = {raw.column: raw.time.format for raw in spec.raw_inputs()}
    assert formats["listed"] == "epoch_s"
