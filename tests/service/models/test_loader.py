"""Which versions are refused when they are loaded, and what is said about them."""

import json

import numpy as np
import pytest
import tensorflow as tf

from features.fitted import FittedSpec, NothingFitted
from features.spec import FeatureSpec, Hashed, RawInput, RawKind, Side
from registry.errors import IntegrityError
from registry.local import LocalRegistry
from registry.manifest import EXTRA, FEATURE_SPEC, WARMUP, write_manifest
from service.errors import LoadError
from service.models.loader import load_version
from service.models.saved_model import SavedModelRuntime
from service.scoring.scorer import score
from tests.older import forget
from tests.service.conftest import FITTED, ROW, ROW_PROBABILITY, make_facts


@pytest.fixture
def registry(tmp_path) -> LocalRegistry:
    return LocalRegistry(tmp_path / "models")


@pytest.fixture(scope="module")
def live(published):
    return load_version(published)


def test_a_loaded_version_answers(live):
    assert score([ROW], live).probabilities == pytest.approx([ROW_PROBABILITY], abs=1e-6)


def test_answers_are_float32(live):
    assert score([ROW], live).probabilities.dtype == np.float32


def test_a_batch_equals_its_rows(live):
    rows = [ROW, {}, {"user": {"age": 50}}]
    one_by_one = [score([row], live).probabilities[0] for row in rows]
    assert score(rows, live).probabilities == pytest.approx(one_by_one, abs=1e-6)


def test_a_version_from_before_a_key_of_its_features_is_served(registry, make_bundle):
    bundle = make_bundle()
    forget("clip", bundle, make_facts())
    live = load_version(registry.publish(bundle, "shop"))
    assert score([ROW], live).probabilities.tolist() == pytest.approx([ROW_PROBABILITY])


def test_a_version_whose_spec_is_not_the_sealed_one_is_refused(registry, make_bundle):
    bundle = make_bundle()
    other = FittedSpec(spec=FeatureSpec(item=(Hashed(name="ad_id"),)), fitted={"ad_id": NothingFitted()})
    (bundle / FEATURE_SPEC).write_text(other.model_dump_json())
    write_manifest(bundle, make_facts())
    with pytest.raises(IntegrityError, match="shop/1: the manifest names the spec fingerprint"):
        load_version(registry.publish(bundle, "shop"))


def test_a_model_that_takes_other_columns_than_its_spec_is_refused(registry, make_bundle):
    bundle = make_bundle()
    spec = FITTED.spec.model_copy(update={"user": (Hashed(name="town"),)})
    fitted = {"town": NothingFitted(), **{f.name: FITTED.fitted[f.name] for f in (*spec.item, *spec.context)}}
    other = FittedSpec(spec=spec, fitted=fitted)
    (bundle / FEATURE_SPEC).write_text(other.model_dump_json())
    fingerprints = {
        "spec_fingerprint": other.spec.fingerprint(),
        "fitted_fingerprint": other.fingerprint(),
    }
    write_manifest(bundle, make_facts().model_copy(update=fingerprints))
    with pytest.raises(
        LoadError, match=r"takes .*city \(string\).*; its feature spec expects .*town \(string\)"
    ):
        load_version(registry.publish(bundle, "shop"))


def test_a_directory_that_is_no_saved_model_is_refused(registry, make_bundle):
    bundle = make_bundle()
    (bundle / "saved_model.pb").write_bytes(b"not a graph")
    write_manifest(bundle, make_facts())
    with pytest.raises(LoadError, match="TensorFlow cannot load"):
        load_version(registry.publish(bundle, "shop"))


def save_answering(directory, answer, column: str = "ad_id") -> None:
    """A SavedModel of one input that answers what it is told."""
    module = tf.Module()
    module.serve = tf.function(answer, input_signature=[tf.TensorSpec([None], tf.string, name=column)])
    tf.saved_model.save(module, str(directory), signatures={"serving_default": module.serve})


@pytest.mark.parametrize("column", ["ad_id", "adId", "Ad.id", "1-ad"])
def test_a_column_may_have_capital_letters_and_punctuation(tmp_path, column):
    save_answering(tmp_path, lambda ids: {"probability": tf.zeros(tf.shape(ids))}, column)
    runtime = SavedModelRuntime(tmp_path, [RawInput(column=column, side=Side.ITEM, kind=RawKind.TEXT)])
    assert runtime.probabilities({column: np.array(["a", "b"], object)})["probability"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(
            lambda ad_id: {"probability": tf.zeros(tf.shape(ad_id)) / 0.0},
            "no probability",
            id="not a number",
        ),
        pytest.param(
            lambda ad_id: {"probability": tf.ones(tf.shape(ad_id)) * 2}, "no probability", id="above 1"
        ),
        pytest.param(
            lambda ad_id: {"probability": tf.zeros([7])}, r"got an answer of shape \(7,\)", id="seven answers"
        ),
        pytest.param(
            lambda ad_id: {"score": tf.zeros(tf.shape(ad_id))}, "expected 'probability'", id="another name"
        ),
        pytest.param(
            lambda ad_id: {"probability": tf.strings.to_number(ad_id)},
            "could not compute",
            id="a failing graph",
        ),
    ],
)
def test_a_model_that_does_not_answer_with_probabilities_is_refused(registry, tmp_path, answer, reason):
    bundle = tmp_path / "bundle"
    save_answering(bundle, answer)
    fitted = FittedSpec(spec=FeatureSpec(item=(Hashed(name="ad_id"),)), fitted={"ad_id": NothingFitted()})
    (bundle / EXTRA).mkdir()
    (bundle / FEATURE_SPEC).write_text(fitted.model_dump_json())
    fingerprints = {"spec_fingerprint": fitted.spec.fingerprint(), "fitted_fingerprint": fitted.fingerprint()}
    write_manifest(bundle, make_facts().model_copy(update=fingerprints))
    with pytest.raises(LoadError, match=reason):
        load_version(registry.publish(bundle, "shop"))


def test_the_packed_requests_warm_the_model_up(registry, make_bundle):
    bundle = make_bundle({WARMUP: json.dumps({"rows": [ROW]})})
    assert load_version(registry.publish(bundle, "shop")).version == 1


@pytest.mark.parametrize(
    ("packed", "reason"),
    [
        pytest.param(
            '{"rows": [{"user": {"agee": 1}}]}', "shop/1 does not answer .* unknown feature", id="unknown"
        ),
        pytest.param('{"instances": []}', "expected the body of a score request", id="another shape"),
        pytest.param('{"rows": [', "is not JSON", id="cut off"),
    ],
)
def test_packed_requests_that_cannot_be_answered_refuse_the_version(registry, make_bundle, packed, reason):
    version = registry.publish(make_bundle({WARMUP: packed}), "shop")
    with pytest.raises(LoadError, match=reason):
        load_version(version)
