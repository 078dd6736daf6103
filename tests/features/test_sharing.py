"""A sequence that is like another feature: one vocabulary, one meaning of an id, and attention only to the item."""

import copy

import numpy as np
import polars as pl
import pytest
import tensorflow as tf
from pydantic import ValidationError

from features.encoder import Encoder
from features.fitted import FittedSpec, FittedVocabulary, NothingFitted
from features.spec import FeatureSpec, Half
from training.encoding.statistics import SpecStatistics

SEQUENCE = {"kind": "multi", "name": "clicked_items", "max_length": 2, "pooling": "attention", "like": "item"}
SHOP = {
    "user": [{"kind": "categorical", "name": "city"}, SEQUENCE],
    "item": [
        {"kind": "categorical", "name": "item", "min_count": 1, "oov_buckets": 3},
        {"kind": "categorical", "name": "brand"},
        {"kind": "hashed", "name": "shape"},
    ],
}
VOCABULARY = FittedVocabulary(tokens=("i1", "i2"))
FITTED = {"city": VOCABULARY, "item": VOCABULARY, "brand": VOCABULARY, "shape": NothingFitted()}


def spec_with(**changes):
    """The shop, its sequence changed; None takes a setting away."""
    shop = copy.deepcopy(SHOP)
    sequence = {key: value for key, value in {**SEQUENCE, **changes}.items() if value is not None}
    shop["user"][1] = sequence
    return FeatureSpec.model_validate(shop)


def fitted_with(**changes):
    return FittedSpec(spec=spec_with(**changes), fitted={**FITTED, "clicked_items": NothingFitted()})


def sequence_of(spec):
    return next(feature for feature in spec.features() if feature.name == "clicked_items")


# What it attends


@pytest.mark.parametrize(
    ("changes", "query"),
    [
        pytest.param({}, "item", id="what it is like"),
        pytest.param({"attends": "brand"}, "brand", id="another feature of the item"),
        pytest.param({"pooling": "mean"}, None, id="nothing without attention"),
    ],
)
def test_a_sequence_is_compared_with(changes, query):
    assert sequence_of(spec_with(**changes)).query == query


@pytest.mark.parametrize(
    ("changes", "half"),
    [
        pytest.param({}, Half.JOINT, id="with attention"),
        pytest.param({"pooling": "sum"}, Half.USER, id="without"),
    ],
)
def test_a_sequence_enters_the_network(changes, half):
    spec = spec_with(**changes)
    assert spec.half_of(sequence_of(spec)) is half


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"like": "colour"}, "like 'colour', which is no categorical feature", id="like nothing"),
        pytest.param({"like": "shape"}, "like 'shape', which is no categorical feature", id="like a hash"),
        pytest.param(
            {"like": "city"}, "attends 'city', which is no .* feature of the item", id="like a user"
        ),
        pytest.param({"attends": "city"}, r"`attends` names one of \['brand', 'item'\]", id="attends a user"),
        pytest.param({"like": None}, "expected `attends` or `like`", id="attends nothing"),
        pytest.param(
            {"pooling": "mean", "attends": "item"}, "expected pooling: attention", id="only attends"
        ),
        pytest.param({"min_count": 3}, "`min_count` where 'item' is described", id="a count of its own"),
        pytest.param({"oov_buckets": 2}, "`oov_buckets` where 'item' is described", id="buckets of its own"),
    ],
)
def test_a_sequence_that_makes_no_sense_is_refused(changes, words):
    with pytest.raises(ValidationError, match=words):
        spec_with(**changes)


def test_a_json_round_trip_keeps_a_shared_vocabulary():
    fitted = fitted_with()
    assert FittedSpec.model_validate_json(fitted.model_dump_json()) == fitted


# One vocabulary


def test_a_shared_vocabulary_is_learned_from_its_owner_alone():
    statistics = SpecStatistics(spec_with(), np.random.default_rng(0))
    statistics.update(
        pl.DataFrame({"city": [""], "item": ["i1"], "brand": [""], "clicked_items": [["i2"]], "shape": [""]})
    )
    learned = statistics.fitted().fitted
    assert (learned["item"], learned["clicked_items"]) == (FittedVocabulary(tokens=("i1",)), NothingFitted())


def test_a_vocabulary_of_its_own_is_refused_beside_like():
    with pytest.raises(
        ValidationError, match="clicked_items: expected the fitted part 'nothing', got 'vocabulary'"
    ):
        FittedSpec(spec=spec_with(), fitted={**FITTED, "clicked_items": VOCABULARY})


def test_a_sequence_has_as_many_ids_as_what_it_is_like():
    rows = {field.name: field.rows for field in fitted_with().layout().ids}
    assert rows["clicked_items"] == rows["item"] == 1 + 3 + 2


@pytest.mark.parametrize("token", ["i1", "i2", "unknown", "another", ""])
def test_a_token_has_the_id_that_the_other_feature_gives_it(tmp_path, token):
    encoder = Encoder(fitted_with(), tmp_path)
    raw = {name: tf.constant([token]) for name in ("city", "item", "brand", "shape")}
    ids = encoder({**raw, "clicked_items": tf.constant([[token]])}).ids.numpy()[0]
    places = {field.name: field.start for field in encoder.layout.ids}
    assert ids[places["clicked_items"]] == ids[places["item"]]


def test_a_shared_vocabulary_is_written_once(tmp_path):
    Encoder(fitted_with(), tmp_path)
    assert [path.name.split("-")[0] for path in sorted(tmp_path.iterdir())] == ["brand", "city", "item"]
