import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.metrics import auc
from training.report.curves import histogram, reliability, roc_points

JUDGED = st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=1, max_size=80)


def columns(judged):
    clicked, probabilities = zip(*judged, strict=True)
    return np.array(clicked), np.array(probabilities)


def pairs(points):
    return [(point.false_positive_rate, point.true_positive_rate) for point in points]


def test_the_roc_of_a_perfect_order_goes_through_the_corner():
    assert pairs(roc_points([1, 0], [0.9, 0.1])) == [(0.0, 0.0), (0.0, 1.0), (1.0, 1.0)]


def test_tied_scores_make_one_step_of_the_roc():
    assert pairs(roc_points([1, 0], [0.5, 0.5])) == [(0.0, 0.0), (1.0, 1.0)]


def test_there_is_no_roc_of_one_outcome():
    assert roc_points([0, 0], [0.9, 0.1]) == ()


def test_the_roc_of_many_impressions_is_thinned():
    rng = np.random.default_rng(7)
    scores = rng.random(20_000)
    clicked = rng.random(20_000) < scores
    points = roc_points(clicked, scores, points=100)
    across, up = np.array(pairs(points)).T
    assert len(points) <= 102
    assert np.trapezoid(up, across) == pytest.approx(auc(clicked, scores), abs=1e-3)


@given(JUDGED)
def test_the_roc_rises_from_corner_to_corner(judged):
    points = pairs(roc_points(*columns(judged)))
    assert points == sorted(points)
    assert not points or (points[0], points[-1]) == ((0.0, 0.0), (1.0, 1.0))


def test_reliability_bins_hold_about_as_many_impressions_each():
    probabilities = np.linspace(0.001, 0.1, 100)
    assert [found.impressions for found in reliability(np.arange(100) % 2, probabilities, bins=4)] == [
        26,
        25,
        25,
        24,
    ]


def test_a_reliability_bin_tells_what_was_promised_and_what_came():
    (found,) = reliability([1, 0, 0, 0], [0.1, 0.2, 0.3, 0.4], bins=1)
    assert (found.low, found.high, found.impressions) == (0.1, 0.4, 4)
    assert (found.predicted, found.observed) == pytest.approx((0.25, 0.25))


def test_one_probability_for_everybody_is_one_reliability_bin():
    (found,) = reliability([1, 0], [0.3, 0.3])
    assert (found.predicted, found.observed, found.impressions) == (0.3, 0.5, 2)


@given(JUDGED)
def test_reliability_bins_share_out_all_impressions(judged):
    clicked, probabilities = columns(judged)
    found = reliability(clicked, probabilities)
    assert sum(each.impressions for each in found) == clicked.size
    assert sum(each.observed * each.impressions for each in found) == pytest.approx(clicked.sum())


@given(JUDGED)
def test_the_histogram_counts_every_impression_once(judged):
    clicked, probabilities = columns(judged)
    bins = histogram(clicked, probabilities)
    assert sum(found.clicks for found in bins) == clicked.sum()
    assert sum(found.non_clicks for found in bins) == clicked.size - clicked.sum()


def test_histogram_bins_are_of_equal_width_in_log_odds():
    # Odds of 1:9, 1:1 and 9:1 are equally far apart.
    first, second = histogram([0, 1], [0.1, 0.9], bins=2)
    assert (first.low, first.high, second.high) == pytest.approx((0.1, 0.5, 0.9))


@pytest.mark.parametrize("curve", [reliability, histogram, roc_points], ids=lambda curve: curve.__name__)
def test_nothing_has_no_curve(curve):
    assert curve([], []) == ()
