"""One calibration for all segments: as fitted, as written, and as part of the exported graph."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from pydantic import TypeAdapter, ValidationError
from scipy.special import expit

from features.encoder import Encoder
from features.fitted import FittedScale, FittedSpec, FittedVocabulary
from features.spec import Categorical, FeatureSpec, Numeric
from tests.training.click_worlds import make_evidence, moved, stairs
from training.calibration import (
    KINDS,
    Calibration,
    Isotonic,
    Linear,
    PerSegment,
    fit_calibration,
    fit_per_segment,
    segment_column,
    undo_downsampling,
)
from training.config import ModelConfig
from training.export.export import ServingModel
from training.models import Regularisation, build

FITTED = [kind for kind in KINDS if kind != "none"]
TABS = ("home", "search", "shop")
KEEP_RATE = 0.2


def per_segment(kind, distortion=moved, min_clicks=100, **world):
    evidence = make_evidence(distortion, **{"offsets": (-0.5, 0.0, 0.5), **world})
    return fit_per_segment(kind, evidence, "tab", min_clicks)


def shifts(**offsets):
    """Platt's line of slope 1 for segments 1, 2 and so on, and for the rest."""
    by_id = {number: Linear(kind="platt", offset=offset) for number, offset in enumerate(offsets.values(), 1)}
    return PerSegment(feature="tab", otherwise=Linear(kind="platt", offset=9.0), by_id=by_id)


def test_every_segment_has_its_own_curve():
    calibrated = shifts(home=1.0, search=2.0).apply(np.zeros(3), np.array([2, 1, 2]))
    assert calibrated.tolist() == [2.0, 1.0, 2.0]


@pytest.mark.parametrize("segment", [0, 3, 1_000_000])
def test_a_segment_that_validation_never_saw_has_the_curve_of_all(segment):
    assert shifts(home=1.0, search=2.0).apply(np.zeros(1), np.array([segment])).tolist() == [9.0]


def test_segments_may_have_curves_of_different_length():
    curves = {
        1: Isotonic(logits=(0.0,), calibrated=(1.0,)),
        2: Isotonic(logits=(0.0, 2.0), calibrated=(0.0, 4.0)),
    }
    found = PerSegment(feature="tab", otherwise=Linear(), by_id=curves)
    assert found.apply(np.ones(3), np.array([1, 2, 3])).tolist() == [2.0, 2.0, 1.0]


@pytest.mark.parametrize("kind", FITTED)
def test_the_curve_of_a_segment_is_fitted_on_its_impressions_alone(kind):
    evidence = make_evidence(moved, offsets=(-0.5, 0.0, 0.5))
    found = fit_per_segment(kind, evidence, "tab", 100)
    alone = evidence.where(np.asarray(evidence.segment_ids) == 2)
    assert isinstance(found, PerSegment)
    assert found.by_id[2] == fit_calibration(kind, alone.logits, alone.clicked)


def test_the_curve_of_the_rest_is_fitted_on_all_impressions():
    evidence = make_evidence(moved, offsets=(-0.5, 0.5))
    found = fit_per_segment("platt", evidence, "tab", 100)
    assert isinstance(found, PerSegment)
    assert found.otherwise == fit_calibration("platt", evidence.logits, evidence.clicked)


def test_a_segment_with_too_few_clicks_has_no_curve_of_its_own():
    # Few of the second segment's impressions are clicked, all the others are.
    found = per_segment("platt", offsets=(0.0, -5.0, 0.0), min_clicks=200)
    assert isinstance(found, PerSegment)
    assert sorted(found.by_id) == [0, 2]


def test_a_segment_with_too_few_non_clicks_has_no_curve_of_its_own():
    found = per_segment("platt", offsets=(0.0, 9.0, 0.0), min_clicks=200)
    assert isinstance(found, PerSegment)
    assert sorted(found.by_id) == [0, 2]


def test_where_no_segment_has_enough_clicks_there_is_one_curve():
    assert isinstance(per_segment("platt", min_clicks=10**6), Linear)


@pytest.mark.parametrize("kind", FITTED)
def test_the_order_within_a_segment_never_changes(kind):
    found, logits = per_segment(kind, stairs), np.linspace(-20.0, 20.0, 2_001)
    for segment in range(4):
        assert (np.diff(found.apply(logits, np.full(2_001, segment))) > 0).all()


@pytest.mark.parametrize("kind", FITTED)
def test_segments_survive_being_written_and_read(kind):
    found = per_segment(kind, stairs)
    assert TypeAdapter(Calibration).validate_json(found.model_dump_json()) == found


def test_logits_without_their_segments_are_refused():
    with pytest.raises(ValueError, match="expected the ids of 'tab'"):
        shifts(home=1.0).apply(np.zeros(1))


def test_segments_with_curves_of_two_classes_cannot_be_written():
    curves = {1: Linear(), 2: Isotonic(logits=(0.0,), calibrated=(1.0,))}
    with pytest.raises(ValidationError, match=r"one class in every segment, got \['Isotonic', 'Linear'\]"):
        PerSegment(feature="tab", otherwise=Linear(), by_id=curves)


def make_serving(tmp_path, calibration):
    """A network on a tab and a price, as it is exported."""
    spec = FeatureSpec(
        item=(Numeric(name="price", scale="none"),),
        context=(Categorical(name="tab", min_count=1, oov_buckets=1),),
    )
    fitted = FittedSpec(
        spec=spec,
        fitted={
            "tab": FittedVocabulary(tokens=TABS),
            "price": FittedScale(mean=0.0, std=1.0, low=-9.0, high=9.0),
        },
    )
    encoder = Encoder(fitted, tmp_path)
    keras.utils.set_random_seed(7)
    network = build(encoder.layout, ModelConfig(hidden=(8,)), Regularisation()).built_for_layout()
    return ServingModel(encoder, network, KEEP_RATE, calibration), network


def raw_impressions():
    rng = np.random.default_rng(4)
    tabs = rng.choice([*TABS, "new", ""], 500)
    return {"tab": tf.constant(tabs.tolist()), "price": tf.constant(rng.normal(0.0, 8.0, 500), tf.float32)}


def in_memory(serving, network, raw):
    """The calibrated logits as `training.judge` computes them."""
    encoded = serving.encode(raw)
    logits = network((encoded["ids"], encoded["values"]), training=False).numpy().astype(np.float64)
    ids = encoded["ids"].numpy()[:, segment_column(serving.encoder.layout, "tab")]
    return serving.calibration.apply(undo_downsampling(logits, KEEP_RATE), ids), ids


CALIBRATIONS = [
    pytest.param(lambda: fit_calibration("none", [0.0], [1]), id="none"),
    *(
        pytest.param(lambda kind=kind: fit_calibration(kind, *_stairs()), id=f"{kind} for all")
        for kind in FITTED
    ),
    *(
        # Encoded tabs are 0 (missing), 1 (out of vocabulary), 2, 3 and 4: some of them have no curve of their own.
        pytest.param(lambda kind=kind: per_segment(kind, stairs), id=f"{kind} per segment")
        for kind in FITTED
    ),
]


def _stairs():
    evidence = make_evidence(stairs)
    return evidence.logits, evidence.clicked


@pytest.mark.parametrize("make_calibration", CALIBRATIONS)
def test_the_graph_answers_what_was_judged_in_memory(tmp_path, make_calibration):
    serving, network = make_serving(tmp_path, make_calibration())
    raw = raw_impressions()
    served, (logits, _) = serving.serve(raw), in_memory(serving, network, raw)
    assert served["logit"].numpy() == pytest.approx(logits, abs=1e-6, rel=1e-6)
    assert served["probability"].numpy() == pytest.approx(expit(logits), abs=1e-6)


@pytest.mark.parametrize("kind", FITTED)
def test_the_graph_keeps_the_order_within_a_segment(tmp_path, kind):
    calibration = per_segment(kind, stairs)
    compute = tf.function(lambda logits, ids: calibration.compute(keras.ops, logits, ids), autograph=False)
    logits = tf.cast(tf.linspace(-3.0, 1.0, 100_000), tf.float64)  # neighbours differ by 4e-5
    for segment in range(4):
        calibrated = tf.cast(compute(logits, tf.fill([100_000], segment)), tf.float32)
        assert (np.diff(calibrated.numpy()) >= 0).all()


def test_a_saved_graph_picks_the_curve_of_the_segment(tmp_path):
    calibration = shifts(unknown=1.0, home=2.0)  # ids 1 and 2
    serving, _ = make_serving(tmp_path, calibration)
    tf.saved_model.save(serving, str(tmp_path / "model"), signatures={"serving_default": serving.serve})
    serve = tf.saved_model.load(str(tmp_path / "model")).signatures["serving_default"]
    logits = serve(tab=tf.constant(["new", "home"]), price=tf.zeros(2))["logit"].numpy()
    plain, _ = make_serving(tmp_path, Linear())
    uncalibrated = plain.serve({"tab": tf.constant(["new", "home"]), "price": tf.zeros(2)})["logit"].numpy()
    assert logits - uncalibrated == pytest.approx([1.0, 2.0], abs=1e-6)
