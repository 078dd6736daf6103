"""How a fitted curve is held near the identity, and how many impressions the evidence is worth."""

import numpy as np
import pytest

from tests.training.click_worlds import honest, make_evidence, moved
from training.calibration import fit_calibration
from training.calibration.held import Held, independent_share


@pytest.mark.parametrize("kind", ["temperature", "platt", "beta"])
def test_a_few_clicks_of_an_honest_network_change_little(kind):
    evidence = make_evidence(honest, impressions=300)
    free, held = (
        fit_calibration(kind, evidence.logits, evidence.clicked, how) for how in (None, Held(spread=1e-4))
    )
    moved_by = [np.abs(found.apply(evidence.logits) - evidence.logits).mean() for found in (free, held)]
    assert moved_by[1] < 0.1 * moved_by[0]


def test_many_clicks_have_their_way():
    evidence = make_evidence(moved, impressions=50_000)
    free, held = (
        fit_calibration("platt", evidence.logits, evidence.clicked, how) for how in (None, Held(0.02))
    )
    assert held.apply(evidence.logits) == pytest.approx(free.apply(evidence.logits), abs=0.02)


def test_the_cost_of_a_change_is_that_of_a_cauchy_prior():
    cost, gradient = Held(spread=0.5, independent=0.25).cost(np.array([0.5, 0.0]), impressions=8)
    assert cost == pytest.approx(np.log(2.0) / 2.0)
    assert gradient == pytest.approx([0.5 * 2 * 0.5 / 0.5, 0.0])


def test_clicks_by_chance_are_independent():
    clicked = np.random.default_rng(1).integers(0, 2, 20_000)
    assert independent_share(np.full(20_000, 0.5), clicked, np.arange(20_000)) > 0.4


def test_clicks_that_come_in_stretches_count_as_few():
    clicked = np.arange(20_000) // 1_000 % 2
    assert independent_share(np.full(20_000, 0.5), clicked, np.arange(20_000)) == pytest.approx(19 / 20_000)


def test_stretches_are_stretches_of_time_whatever_the_order_of_the_rows():
    clicked, time_ms = np.arange(20_000) // 1_000 % 2, np.arange(20_000)
    shuffled = np.random.default_rng(1).permutation(20_000)
    half = np.full(20_000, 0.5)
    assert independent_share(half, clicked[shuffled], time_ms[shuffled]) == independent_share(
        half, clicked, time_ms
    )


def test_clicks_of_users_who_are_always_there_count_as_few():
    users = np.arange(20_000) % 100
    clicked, half = users % 2, np.full(20_000, 0.5)
    assert independent_share(half, clicked, np.arange(20_000)) == 1.0
    assert independent_share(half, clicked, np.arange(20_000), users) == pytest.approx(1 / 200)


def test_users_who_come_once_are_independent():
    clicked = np.random.default_rng(1).integers(0, 2, 20_000)
    half, times = np.full(20_000, 0.5), np.arange(20_000)
    assert independent_share(half, clicked, times, np.arange(20_000)) == independent_share(
        half, clicked, times
    )
