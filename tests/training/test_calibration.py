import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.special import expit

from training.calibration import FEWEST, Calibration, fit_calibration, undo_downsampling
from training.metrics import auc, log_loss

LOGITS = st.lists(st.floats(-15, 15), min_size=1, max_size=30).map(np.array)


def make_log(slope=1.0, offset=0.0, impressions=20_000, seed=3):
    """Logits, and clicks whose true logit is ``slope * logit + offset``."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(-2.0, 1.5, impressions)
    return logits, (rng.random(impressions) < expit(slope * logits + offset)).astype(np.int64)


def test_platt_finds_the_slope_and_the_offset_behind_the_clicks():
    found = fit_calibration("platt", *make_log(slope=0.6, offset=-0.8))
    assert (found.slope, found.offset) == pytest.approx((0.6, -0.8), abs=0.06)


def test_temperature_finds_the_slope_behind_the_clicks():
    found = fit_calibration("temperature", *make_log(slope=0.6))
    assert found.slope == pytest.approx(0.6, abs=0.03)


def test_temperature_has_no_offset():
    assert fit_calibration("temperature", *make_log(slope=0.6, offset=-0.8)).offset == 0.0


def test_after_platt_as_many_clicks_are_promised_as_came():
    logits, clicked = make_log(slope=0.6, offset=-0.8)
    promised = expit(fit_calibration("platt", logits, clicked).apply(logits)).sum()
    assert promised == pytest.approx(clicked.sum(), rel=1e-5)


@pytest.mark.parametrize(("slope_step", "offset_step"), [(0.01, 0), (-0.01, 0), (0, 0.01), (0, -0.01)])
def test_no_neighbour_of_the_fitted_calibration_has_a_lower_log_loss(slope_step, offset_step):
    logits, clicked = make_log(slope=1.4, offset=0.3, impressions=2_000)
    found = fit_calibration("platt", logits, clicked)
    moved = Calibration(kind="platt", slope=found.slope + slope_step, offset=found.offset + offset_step)
    assert log_loss(clicked, expit(found.apply(logits))) < log_loss(clicked, expit(moved.apply(logits)))


@pytest.mark.parametrize("kind", ["platt", "temperature"])
def test_calibration_never_turns_the_order_around(kind):
    logits, clicked = make_log()
    found = fit_calibration(kind, -logits, clicked)
    assert found.slope > 0
    assert auc(clicked, found.apply(-logits)) == auc(clicked, -logits)


def test_no_calibration_is_fitted_where_none_is_asked_for():
    assert fit_calibration("none", *make_log(slope=0.6)) == Calibration()


@pytest.mark.parametrize(
    "clicked",
    [
        pytest.param([0] * 1000, id="no click"),
        pytest.param([1] * 1000, id="clicks only"),
        pytest.param([1] * (FEWEST - 1) + [0] * 1000, id="too few clicks"),
    ],
)
def test_too_little_to_learn_from_leaves_logits_as_they_are(clicked):
    logits = np.linspace(-3, 3, len(clicked))
    assert fit_calibration("platt", logits, np.array(clicked)) == Calibration()


def test_separable_clicks_give_a_finite_calibration():
    found = fit_calibration("platt", np.linspace(-1, 1, 100), np.repeat([0, 1], 50))
    assert np.isfinite([found.slope, found.offset]).all()


def test_equal_logits_are_moved_to_the_click_rate():
    logits, clicked = np.full(100, -1.0), np.repeat([0, 1], [75, 25])
    found = fit_calibration("platt", logits, clicked)
    assert expit(found.apply(logits))[0] == pytest.approx(0.25, abs=1e-6)


def test_an_infinite_logit_is_refused():
    with pytest.raises(ValueError, match="finite logits"):
        fit_calibration("platt", np.array([np.inf, 0.0]), np.array([1, 0]))


@given(LOGITS)
def test_the_identity_changes_nothing(logits):
    assert (Calibration().apply(logits) == logits).all()


def test_a_slope_that_turns_the_order_around_cannot_be_written():
    with pytest.raises(ValidationError, match="greater than 0"):
        Calibration(kind="platt", slope=-1.0)


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
