"""How far the latest change of a click rate is followed."""

import numpy as np
import pytest
from scipy.special import expit

from training.calibration import lasting_share

ROWS, LATEST = 20_000, 4_000
TIME = np.arange(ROWS) / ROWS


def share(log_odds, seed=1):
    clicked = np.random.default_rng(seed).random(ROWS) < expit(log_odds)
    return lasting_share(clicked.astype(np.int8), LATEST)


@pytest.mark.parametrize("at", [0.55, 0.65, 0.75])
def test_a_step_stays(at):
    assert share(-2.0 + 1.0 * (at < TIME)) > 0.9


def test_a_trend_goes_on():
    assert share(-3.0 + 1.5 * TIME) == 1.0


@pytest.mark.parametrize("period", [0.2, 0.3, 0.4])
def test_a_cycle_comes_back(period):
    assert share(-1.0 + 0.4 * np.sin(2 * np.pi * TIME / period)) < 0.2


def test_a_rate_that_only_chance_moves_says_little():
    shares = [share(np.full(ROWS, -1.0), seed) for seed in range(40)]
    assert 0.05 < np.mean(shares) < 0.5


@pytest.mark.parametrize("latest", [40, 99])
def test_a_log_too_short_to_look_back_and_ahead_says_half(latest):
    assert lasting_share(np.arange(100) % 2, latest) == 0.5


def test_stretches_without_a_click_are_no_trouble():
    clicked = np.zeros(1_000, np.int8)
    clicked[[10, 600]] = 1
    assert 0.0 <= lasting_share(clicked, 200) <= 1.0
