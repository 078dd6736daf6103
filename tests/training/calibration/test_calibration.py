import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from scipy.special import expit, logit

from tests.training.click_worlds import bent, honest, make_evidence, moved, shallow, stairs
from training.calibration import (
    FEWEST,
    IDENTITY,
    KINDS,
    Beta,
    Calibration,
    Isotonic,
    Linear,
    fit_calibration,
    undo_downsampling,
)
from training.calibration.kinds import Step, wide_steps
from training.metrics import log_loss

LOGITS = st.lists(st.floats(-15, 15), min_size=1, max_size=30).map(np.array)
FITTED = [kind for kind in KINDS if kind != "none"]
WORLDS = [honest, shallow, moved, bent, stairs]


def fitted(kind, distortion=honest, **world):
    evidence = make_evidence(distortion, **world)
    return fitted_on(kind, evidence.logits, evidence.clicked)


def fitted_on(kind, logits, clicked):
    return fit_calibration(kind, logits, clicked)


@pytest.mark.parametrize(
    ("kind", "distortion"),
    [
        pytest.param("none", honest, id="none, an honest network"),
        pytest.param("temperature", shallow, id="temperature"),
        pytest.param("platt", moved, id="platt"),
        pytest.param("beta", bent, id="beta"),
        pytest.param("isotonic", stairs, id="isotonic"),
        *(pytest.param(kind, honest, id=f"{kind}, an honest network") for kind in FITTED),
    ],
)
def test_each_kind_finds_the_true_probabilities_of_its_own_distortion(kind, distortion):
    logits = np.linspace(-5.0, 2.0, 200)
    found = expit(fitted(kind, distortion, impressions=60_000).apply(logits))
    distances = np.abs(found - expit(distortion(logits)))
    assert distances.mean() < 0.01


@pytest.mark.parametrize("distortion", WORLDS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_candidates_never_changes(kind, distortion):
    logits = np.linspace(-40.0, 40.0, 4_001)
    assert (np.diff(fitted(kind, distortion, impressions=4_000).apply(logits)) > 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_is_kept_even_where_clicks_speak_against_it(kind):
    evidence = make_evidence()
    found = fitted_on(kind, -evidence.logits, evidence.clicked)
    assert (np.diff(found.apply(np.linspace(-10.0, 10.0, 1_001))) > 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_no_probability_is_certain(kind):
    promised = expit(fitted(kind, stairs).apply(np.array([-20.0, 20.0])))
    assert ((promised > 0) & (promised < 1)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_calibration_survives_being_written_and_read(kind):
    found = fitted(kind, stairs, impressions=4_000)
    assert TypeAdapter(Calibration).validate_json(found.model_dump_json()) == found


def test_platt_finds_the_slope_and_the_offset_behind_the_clicks():
    found = fitted("platt", moved)
    assert (found.slope, found.offset) == pytest.approx((0.6, -0.8), abs=0.06)


def test_temperature_finds_the_slope_behind_the_clicks():
    assert fitted("temperature", shallow).slope == pytest.approx(0.6, abs=0.03)


def test_temperature_has_no_offset():
    assert fitted("temperature", moved).offset == 0.0


def test_beta_finds_both_slopes_and_the_offset_behind_the_clicks():
    found = fitted("beta", bent, impressions=60_000)
    assert (found.low, found.high, found.offset) == pytest.approx((0.5, 1.8, -0.6), abs=0.15)


def test_beta_by_hand():
    # p = 1/2: log p = log(1 - p) = -0.6931, so -2 * 0.6931 + 3 * 0.6931 + 1.
    assert Beta(low=2.0, high=3.0, offset=1.0).apply(np.zeros(1)) == pytest.approx([1.693147], abs=1e-6)


@given(LOGITS)
def test_beta_with_equal_slopes_is_platts_line(logits):
    beta = Beta(low=0.7, high=0.7, offset=0.3).apply(logits)
    assert beta == pytest.approx(Linear(kind="platt", slope=0.7, offset=0.3).apply(logits), abs=1e-12)


def test_isotonic_runs_straight_from_knot_to_knot_and_goes_on_with_slope_one():
    curve = Isotonic(logits=(0.0, 2.0, 3.0), calibrated=(1.0, 2.0, 5.0))
    assert curve.apply(np.array([-3.0, 0.0, 1.0, 2.5, 3.0, 7.0])).tolist() == [-2.0, 1.0, 1.5, 3.5, 5.0, 9.0]


def test_isotonic_pools_adjacent_violators_by_hand():
    # Click rates 1/4, 3/4 and 1/2 at three logits: the last two violate the order and become 5/8 at their mean, 1.5.
    logits, clicked = np.repeat([0.0, 1.0, 2.0], 400), np.repeat([0, 1] * 3, [300, 100, 100, 300, 200, 200])
    found = fitted_on("isotonic", logits, clicked)
    assert found.logits == (0.0, 1.5)
    # What is left is the shift with which the line between them promises 600 clicks.
    assert np.diff(found.calibrated) == pytest.approx(logit(0.625) - logit(0.25))
    assert expit(found.apply(logits)).sum() == pytest.approx(600)


def test_every_knot_of_isotonic_has_clicks_and_non_clicks_enough():
    # Nobody clicks below 0 and everybody above 1: both ends join their neighbours instead of promising 0 and 1.
    logits = np.linspace(-1.0, 2.0, 3_000)
    clicked = (logits > 1.0) | ((logits > 0.0) & (np.arange(3_000) % 2 == 0))
    promised = expit(fitted_on("isotonic", logits, clicked.astype(int)).calibrated)
    assert FEWEST / 3_000 <= promised.min() <= promised.max() <= 1 - FEWEST / 3_000


def test_neighbours_of_one_click_rate_share_a_knot():
    # Regression may leave them apart by a rounding of their rates.
    halves = [Step(100.0, 50.0, 0.0), Step(300.0, 150.0, 300.0), Step(100.0, 75.0, 200.0)]
    assert [step.impressions for step in wide_steps(halves, FEWEST)] == [100.0, 400.0]


def test_logits_that_hardly_differ_share_a_knot():
    logits, clicked = np.repeat([0.0, 1e-6], 400), np.repeat([0, 1, 0, 1], [300, 100, 100, 300])
    assert fitted_on("isotonic", logits, clicked).logits == pytest.approx((5e-7,))


def test_isotonic_cannot_be_told_to_fall():
    with pytest.raises(ValidationError, match="rise strictly"):
        Isotonic(logits=(0.0, 1.0), calibrated=(1.0, 0.0))


def test_a_curve_needs_one_height_per_knot():
    with pytest.raises(ValidationError, match="got 1 for 2"):
        Isotonic(logits=(0.0, 1.0), calibrated=(1.0,))


@pytest.mark.parametrize("impressions", [2_000, 20_000])
@pytest.mark.parametrize("distortion", WORLDS)
def test_after_isotonic_as_many_clicks_are_promised_as_came(distortion, impressions):
    evidence = make_evidence(distortion, impressions=impressions)
    found = fitted_on("isotonic", evidence.logits, evidence.clicked)
    assert expit(found.apply(evidence.logits)).sum() == pytest.approx(evidence.clicked.sum())


def test_after_platt_as_many_clicks_are_promised_as_came():
    evidence = make_evidence(moved)
    promised = expit(fitted_on("platt", evidence.logits, evidence.clicked).apply(evidence.logits)).sum()
    assert promised == pytest.approx(evidence.clicked.sum(), rel=1e-5)


@pytest.mark.parametrize(("slope_step", "offset_step"), [(0.01, 0), (-0.01, 0), (0, 0.01), (0, -0.01)])
def test_no_neighbour_of_the_fitted_calibration_has_a_lower_log_loss(slope_step, offset_step):
    evidence = make_evidence(moved, impressions=2_000)
    found = fitted_on("platt", evidence.logits, evidence.clicked)
    near = Linear(kind="platt", slope=found.slope + slope_step, offset=found.offset + offset_step)
    losses = [log_loss(evidence.clicked, expit(curve.apply(evidence.logits))) for curve in (found, near)]
    assert losses[0] < losses[1]


@pytest.mark.parametrize(
    "clicked",
    [
        pytest.param([0] * 1000, id="no click"),
        pytest.param([1] * 1000, id="clicks only"),
        pytest.param([1] * (FEWEST - 1) + [0] * 1000, id="too few clicks"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_too_little_to_learn_from_leaves_logits_as_they_are(kind, clicked):
    logits = np.linspace(-3, 3, len(clicked))
    assert fitted_on(kind, logits, np.array(clicked)) == IDENTITY


@pytest.mark.parametrize("kind", FITTED)
def test_separable_clicks_give_a_finite_calibration(kind):
    found = fitted_on(kind, np.linspace(-1, 1, 100), np.repeat([0, 1], 50))
    assert np.isfinite(found.apply(np.array([-1.0, 1.0]))).all()


@pytest.mark.parametrize("kind", ["platt", "beta", "isotonic"])
def test_equal_logits_are_moved_to_the_click_rate(kind):
    logits, clicked = np.full(100, -1.0), np.repeat([0, 1], [75, 25])
    found = fitted_on(kind, logits, clicked)
    assert expit(found.apply(logits))[0] == pytest.approx(0.25, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_logits_of_any_size_are_calibrated_to_finite_ones_in_order(kind):
    rng = np.random.default_rng(5)
    logits = rng.choice([-600.0, -80.0, 0.0, 90.0, 700.0], 2_000)
    found = fitted_on(kind, logits, (rng.random(2_000) < 0.3).astype(int))
    calibrated = found.apply(np.array([-600.0, -80.0, 0.0, 90.0, 700.0]))
    assert np.isfinite(calibrated).all()
    assert (np.diff(calibrated) > 0).all()


def test_an_infinite_logit_is_refused():
    with pytest.raises(ValueError, match="finite logits"):
        fitted_on("platt", np.array([np.inf, 0.0]), np.array([1, 0]))


@given(LOGITS)
def test_the_identity_changes_nothing(logits):
    assert (IDENTITY.apply(logits) == logits).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_long_log_is_calibrated_like_its_parts(kind):
    found = fitted(kind, stairs, impressions=4_000)
    logits = np.linspace(-6.0, 4.0, 40_000)
    assert (found.apply(logits)[17_000:17_010] == found.apply(logits[17_000:17_010])).all()


def test_no_impression_is_calibrated_to_none():
    assert IDENTITY.apply(np.empty(0)).tolist() == []


def test_a_slope_that_turns_the_order_around_cannot_be_written():
    with pytest.raises(ValidationError, match="greater than 0"):
        Linear(kind="platt", slope=-1.0)


def test_reports_of_earlier_versions_are_still_read():
    written = json.dumps({"kind": "platt", "slope": 1.1, "offset": -0.2})
    assert TypeAdapter(Calibration).validate_json(written) == Linear(kind="platt", slope=1.1, offset=-0.2)


def test_downsampling_is_undone_by_hand():
    # 10 clicks, and half of 90 non-clicks kept: odds of 10 to 45 were learned, 10 to 90 are true.
    logit = undo_downsampling(np.log(np.array([10 / 45])), keep_rate=0.5)
    assert expit(logit)[0] == pytest.approx(0.1)


@given(LOGITS, st.floats(0.01, 1.0))
def test_undoing_on_logits_is_the_published_formula_on_probabilities(logits, keep_rate):
    learned = expit(logits)
    published = learned / (learned + (1.0 - learned) / keep_rate)
    assert expit(undo_downsampling(logits, keep_rate)) == pytest.approx(published, rel=1e-9)


@given(LOGITS, st.floats(0.01, 0.99))
def test_a_downsampled_model_over_promises(logits, keep_rate):
    assert (undo_downsampling(logits, keep_rate) < logits).all()


@given(LOGITS)
def test_a_log_kept_whole_needs_no_correction(logits):
    assert (undo_downsampling(logits, keep_rate=1.0) == logits).all()


@pytest.mark.parametrize("keep_rate", [0.0, -0.1, 1.1])
def test_a_share_outside_its_range_is_refused(keep_rate):
    with pytest.raises(ValueError, match=r"expected keep_rate in \(0, 1\]"):
        undo_downsampling(np.zeros(1), keep_rate)
