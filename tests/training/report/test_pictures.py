import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.reports import make_curves, make_point
from training.report.curves import HistogramBin, ReliabilityBin
from training.report.pictures import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    best_point,
    histogram_picture,
    learning_picture,
    reliability_picture,
    roc_picture,
    wilson_interval,
)

CURVES = make_curves()
LEARNING = {
    "mlp": (make_point(1, 0.19, None), make_point(2, 0.18), make_point(3, 0.185)),
    "logistic": (make_point(1, 0.2),),
}
SHARES = st.floats(0, 1)


def drawn(picture):
    assert picture is not None
    return picture


@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(roc_picture((), None), id="ROC"),
        pytest.param(reliability_picture(()), id="reliability"),
        pytest.param(learning_picture({"mlp": ()}), id="learning curves"),
        pytest.param(histogram_picture(()), id="histogram"),
    ],
)
def test_nothing_is_not_drawn(picture):
    assert picture is None


@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(roc_picture(CURVES.roc, 0.75), id="ROC"),
        pytest.param(reliability_picture(CURVES.reliability), id="reliability"),
        pytest.param(learning_picture(LEARNING), id="learning curves"),
        pytest.param(histogram_picture(CURVES.histogram), id="histogram"),
    ],
)
def test_everything_stays_inside_the_box(picture):
    places = re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", " ".join(shape.path for shape in picture.shapes))
    assert places
    assert all(0 <= float(x) <= WIDTH and 0 <= float(y) <= HEIGHT for x, y in places)
    assert all(LEFT <= tick.at <= RIGHT for tick in picture.x_ticks)
    assert all(TOP <= tick.at <= BOTTOM for tick in picture.y_ticks)


def test_the_roc_starts_and_ends_in_the_corners():
    curve = drawn(roc_picture(CURVES.roc, 0.75)).shapes[-1].path
    assert curve.startswith(f"M{LEFT:.1f} {BOTTOM:.1f}L")
    assert curve.endswith(f"L{RIGHT:.1f} {TOP:.1f}")


def test_ticks_share_one_number_of_digits():
    ticks = drawn(learning_picture({"mlp": (make_point(1, 0.20, 0.20), make_point(2, 0.16, 0.16))})).y_ticks
    assert [tick.text for tick in ticks] == ["0.16", "0.17", "0.18", "0.19", "0.20"]


def test_every_reliability_bin_tells_its_count():
    titles = [shape.title for shape in drawn(reliability_picture(CURVES.reliability)).shapes if shape.title]
    assert titles[0] == "promised 2.00 %, observed 1.80 % of 512 impressions"


def test_one_reliability_bin_is_enough():
    alone = ReliabilityBin(low=0.0, high=0.0, predicted=0.0, observed=0.0, impressions=10)
    assert drawn(reliability_picture((alone,))).shapes


def test_the_restored_point_is_the_first_with_the_lowest_validation_loss():
    points = (make_point(1, 0.2), make_point(2, 0.18), make_point(3, 0.18))
    assert best_point(points).epoch == 2


def test_every_family_has_one_ring():
    rings = [shape for shape in drawn(learning_picture(LEARNING)).shapes if shape.style.startswith("ring")]
    assert [ring.title.split(":")[0] for ring in rings] == ["mlp", "logistic"]


def test_families_have_colours_of_their_own():
    legend = drawn(learning_picture(LEARNING)).legend
    assert [key.style for key in legend] == ["line c0", "line dashed c0", "line c1", "line dashed c1"]


def test_the_legend_of_the_histogram_counts_outcomes():
    legend = drawn(histogram_picture(CURVES.histogram)).legend
    assert [key.text for key in legend] == ["clicked (50)", "not clicked (950)"]


def test_a_slice_without_clicks_has_a_histogram():
    only = HistogramBin(low=0.01, high=0.05, clicks=0, non_clicks=700)
    assert drawn(histogram_picture((only,))).legend[0].text == "clicked (0)"


def test_an_interval_by_hand():
    # 10 clicks of 100: Wilson's interval is 5.52 % to 17.44 %.
    assert wilson_interval(0.1, 100) == pytest.approx((0.0552, 0.1744), abs=1e-4)


@given(SHARES, st.integers(1, 10**6))
def test_an_interval_lies_within_zero_and_one_around_the_observed_rate(rate, impressions):
    low, high = wilson_interval(rate, impressions)
    assert 0.0 <= low <= rate + 1e-9
    assert rate - 1e-9 <= high <= 1.0
