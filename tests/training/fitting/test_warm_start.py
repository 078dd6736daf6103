"""Which embeddings a retrained network keeps: the ids that mean the same in both vocabularies, and no others."""

import pytest

from features.fitted import FittedCross, FittedSpec, FittedVocabulary, NothingFitted
from features.spec import FeatureSpec
from training.fitting.warm_start import known_ids

SPEC = FeatureSpec.model_validate(
    {
        "user": [{"kind": "categorical", "name": "city"}, {"kind": "hashed", "name": "agent", "buckets": 4}],
        "crosses": [{"name": "city_agent", "of": ["city", "agent"], "buckets": 5}],
    }
)


def fitted(*cities, cross=FittedCross()):  # noqa: B008  # a constant
    parts = {"city": FittedVocabulary(tokens=cities), "agent": NothingFitted(), "city_agent": cross}
    return FittedSpec(spec=SPEC, fitted=parts)


def pairs(name, old, new):
    ids, old_ids = known_ids(old, new)[name]
    return dict(zip(ids.tolist(), old_ids.tolist(), strict=True))


def test_a_token_is_known_by_its_name():
    assert pairs("city", fitted("rome", "bonn"), fitted("bonn", "oslo", "rome")) == {0: 0, 1: 1, 2: 3, 4: 2}


@pytest.mark.parametrize("cities", [("rome", "bonn"), ("bonn", "rome")])
def test_a_hash_is_known_by_its_number(cities):
    assert pairs("agent", fitted("rome", "bonn"), fitted(*cities)) == {place: place for place in range(5)}


def test_a_cross_is_known_while_its_parts_have_the_same_ids():
    assert pairs("city_agent", fitted("rome"), fitted("rome")) == {place: place for place in range(6)}


@pytest.mark.parametrize("cities", [("rome", "bonn", "oslo"), ("bonn", "rome")])
def test_a_cross_of_parts_with_other_ids_starts_fresh(cities):
    assert pairs("city_agent", fitted("rome", "bonn"), fitted(*cities)) == {}


def test_a_cross_with_the_ids_of_an_earlier_version_starts_fresh():
    assert pairs("city_agent", fitted("rome", cross=NothingFitted()), fitted("rome")) == {}
