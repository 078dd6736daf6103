"""From rows to arrays, without any model."""

import time

import numpy as np
import pytest

from features.spec import (
    Buckets,
    Categorical,
    FeatureSpec,
    Hashed,
    MultiValued,
    Numeric,
    TimeColumn,
    TimePart,
)
from service.errors import MAX_PROBLEMS, InvalidRequestError, UnknownFeatureError
from service.scoring.rows import RowReader


def read(spec: FeatureSpec, *rows: object) -> dict[str, list[object]]:
    return {name: array.tolist() for name, array in RowReader(spec).read(rows).arrays.items()}


def test_text_numbers_and_truth_values_are_one_text():
    spec = FeatureSpec(item=(Hashed(name="ad_id"),))
    rows = [{"item": {"ad_id": value}} for value in ("1", 1, True, None)]
    assert read(spec, *rows) == {"ad_id": ["1", "1", "true", ""]}


def test_numbers_are_float32():
    spec = FeatureSpec(user=(Numeric(name="age"),))
    assert RowReader(spec).read([{"user": {"age": 1}}]).arrays["age"].dtype == np.float32


def test_an_absent_number_is_nan():
    spec = FeatureSpec(user=(Numeric(name="age"),))
    assert np.isnan(RowReader(spec).read([{}]).arrays["age"]).all()


def test_lists_are_padded_to_the_longest_of_the_request():
    spec = FeatureSpec(item=(MultiValued(name="tags"),))
    rows = [{"item": {"tags": ["a", "b"]}}, {"item": {"tags": []}}, {"item": {"tags": "c"}}]
    assert read(spec, *rows) == {"tags": [["a", "b"], ["", ""], ["c", ""]]}


def test_lists_are_cut_where_the_longest_feature_of_the_column_stops_reading():
    spec = FeatureSpec(
        item=(
            MultiValued(name="few", column="tags", max_length=1),
            MultiValued(name="some", column="tags", max_length=2),
        )
    )
    assert read(spec, {"item": {"tags": ["a", "b", "c"]}}) == {"tags": [["a", "b"]]}


def test_two_features_of_one_column_need_it_once():
    spec = FeatureSpec(user=(Numeric(name="age"), Buckets(name="age_range", column="age")))
    assert read(spec, {"user": {"age": 3}}) == {"age": [3.0]}


def test_a_feature_is_known_by_its_column():
    spec = FeatureSpec(user=(Categorical(name="home", column="city"),))
    with pytest.raises(
        UnknownFeatureError, match="unknown feature of the user: the model was trained on city"
    ):
        read(spec, {"user": {"home": "x"}})


def test_a_time_is_read_as_its_column_says():
    spec = FeatureSpec(
        context=(TimePart(name="hour", column="at", part="hour", time_zone="UTC"),),
        time_columns={"at": TimeColumn(format="%d.%m.%Y %H:%M", time_zone="Europe/Berlin")},
    )
    assert read(spec, {"context": {"at": "01.01.2026 13:00"}}) == {"at": [1_767_268_800_000]}


def test_a_side_without_features_takes_none():
    spec = FeatureSpec(user=(Numeric(name="age"),))
    with pytest.raises(
        UnknownFeatureError, match="unknown feature of the item: the model was trained on none"
    ):
        read(spec, {"item": {"colour": "red"}})


def test_of_very_many_unknown_features_some_are_told_at_once():
    spec = FeatureSpec(user=tuple(Categorical(name=f"known{number}") for number in range(50)))
    many = {f"unknown{number}": 1 for number in range(100_000)}
    began = time.perf_counter()
    with pytest.raises(UnknownFeatureError) as refused:
        read(spec, {"user": many}, {"user": many})
    assert len(refused.value.problems) == MAX_PROBLEMS
    assert time.perf_counter() - began < 2


def test_a_side_without_features_may_be_given_empty():
    spec = FeatureSpec(user=(Numeric(name="age"),))
    assert read(spec, {"user": {"age": 1}, "item": {}, "context": {}}) == {"age": [1.0]}


def test_a_long_value_is_cut_in_the_message():
    spec = FeatureSpec(user=(Numeric(name="age"),))
    with pytest.raises(InvalidRequestError) as caught:
        read(spec, {"user": "x" * 10_000})
    assert len(str(caught.value)) < 200


def test_a_name_of_any_length_is_refused_quickly():
    spec = FeatureSpec(user=(Numeric(name="age"),))
    with pytest.raises(UnknownFeatureError):
        read(spec, {"user": {"a" * 1_000_000: 1}})
