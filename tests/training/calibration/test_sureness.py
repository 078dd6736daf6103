"""By what logits are multiplied that impressions which trained nothing judge."""

import numpy as np
import pytest
from scipy.special import expit

from training.calibration import Evidence, fit_sureness
from training.calibration.sureness import EXPECTED


def evidence(rows, slope, *, level=0.0, each=1, seed=1):
    """Logits that are right when multiplied by the slope; every impression comes several times, with the same outcome."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=rows)
    clicked = (rng.random(rows) < expit(slope * logits + level)).astype(np.int8)
    return Evidence(
        np.repeat(logits, each),
        np.repeat(clicked, each),
        np.arange(rows * each),
        users=np.repeat(np.arange(rows), each),
    )


@pytest.mark.parametrize("slope", [0.6, 1.0, 1.5])
def test_many_clicks_are_believed(slope):
    assert fit_sureness(evidence(300_000, slope)) == pytest.approx(slope, abs=0.03)


def test_few_clicks_hardly_are():
    slopes = [fit_sureness(evidence(50, 0.3, seed=seed)) for seed in range(40)]
    assert 0.85 < np.mean(slopes) < EXPECTED


def test_a_click_rate_that_nobody_foresaw_says_nothing_of_the_slope():
    assert fit_sureness(evidence(50_000, 1.0, level=-1.5)) == pytest.approx(1.0, abs=0.03)


def test_impressions_that_are_alike_count_for_fewer():
    once, often = evidence(400, 0.3), evidence(400, 0.3, each=20)
    assert fit_sureness(often) == pytest.approx(fit_sureness(once), abs=0.05)


@pytest.mark.parametrize("click", [0, 1])
def test_outcomes_of_one_kind_say_nothing(click):
    assert fit_sureness(Evidence(np.arange(9.0), np.full(9, click, np.int8), np.arange(9))) == EXPECTED
