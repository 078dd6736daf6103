"""Simulated annealing on a function whose minimum is known."""

import math
from collections.abc import Callable

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, Trial, create_trial

from training.tune.annealing import COOLING, MEASURING, AnnealingSampler, first_temperature, neighbour

optuna.logging.set_verbosity(optuna.logging.WARNING)

SPACE = {
    "rate": FloatDistribution(1e-4, 1.0, log=True),
    "share": FloatDistribution(0.0, 0.5),
    "units": IntDistribution(4, 64, log=True),
    "family": CategoricalDistribution(("deep", "wide")),
}
POINT = {"rate": 0.01, "share": 0.5, "units": 8, "family": "deep"}


def bowl(trial: Trial) -> float:
    """Lowest, 0, at a rate of 0.01, shares of 0.3, 20 units and the family "deep"."""
    shares = [trial.suggest_float(f"share {number}", 0.0, 1.0) for number in range(4)]
    rate, units = trial.suggest_float("rate", 1e-5, 1.0, log=True), trial.suggest_int("units", 1, 100)
    family = trial.suggest_categorical("family", ("wide", "deep", "crossed"))
    return (
        sum((share - 0.3) ** 2 for share in shares)
        + (math.log10(rate) + 2) ** 2 / 10
        + ((units - 20) / 50) ** 2
        + (0.0 if family == "deep" else 0.5)
    )


def lowest_of_runs(sampler: Callable[[int], BaseSampler], runs: int = 5) -> list[float]:
    """The lowest value that each of a few runs of 100 trials found."""
    studies = [optuna.create_study(sampler=sampler(seed)) for seed in range(runs)]
    for study in studies:
        study.optimize(bowl, n_trials=100)
    return [study.best_value for study in studies]


def test_annealing_comes_closer_to_a_known_minimum_than_random_search():
    annealed, random = lowest_of_runs(AnnealingSampler), lowest_of_runs(RandomSampler)
    assert np.mean(annealed) < 0.5 * np.mean(random)


def test_one_seed_gives_one_walk():
    walks = [optuna.create_study(sampler=AnnealingSampler(7)) for _ in range(2)]
    for walk in walks:
        walk.optimize(bowl, n_trials=15)
    assert [t.params for t in walks[0].trials] == [t.params for t in walks[1].trials]


def test_a_walk_goes_on_where_it_stopped_with_a_new_sampler():
    unbroken = optuna.create_study(sampler=AnnealingSampler(7))
    unbroken.optimize(bowl, n_trials=12)
    broken = optuna.create_study(sampler=AnnealingSampler(7))
    broken.optimize(bowl, n_trials=5)
    broken.sampler = AnnealingSampler(7)
    broken.optimize(bowl, n_trials=7)
    assert [t.params for t in broken.trials] == [t.params for t in unbroken.trials]


@pytest.mark.parametrize("step", [0.04, 0.25, 1.0])
def test_a_neighbour_is_another_point_of_the_space(step):
    rng = np.random.default_rng(1)
    for _ in range(200):
        found = neighbour(POINT, SPACE, step, rng)
        assert found != POINT
        assert all(
            SPACE[name]._contains(SPACE[name].to_internal_repr(value)) for name, value in found.items()
        )


def test_a_short_step_stays_near():
    rng = np.random.default_rng(1)
    shares = [neighbour(POINT, {"share": SPACE["share"]}, 0.01, rng)["share"] for _ in range(100)]
    assert min(shares) > 0.5 - 0.5 * 0.05


def completed(value: float) -> FrozenTrial:
    return create_trial(value=value)


def test_the_first_temperature_accepts_a_typical_move_with_chance_one_half():
    # Moves of 1, 2 and 1: the median is 1, and exp(-1 / T) is 1/2 at T = 1 / ln 2.
    temperature = first_temperature([completed(value) for value in (3.0, 4.0, 2.0, 3.0)])
    assert math.exp(-1.0 / temperature) == pytest.approx(0.5)


def test_a_better_point_is_always_accepted():
    walk = [completed(value) for value in (5.0, 4.0, 5.0, 4.0, 5.0, 4.0, 3.9)]
    assert AnnealingSampler(1).accepted(walk) is walk[-1]


def test_a_much_worse_point_is_never_accepted_once_it_is_cold():
    walk = [completed(1.0 + 0.1 * (number % 2)) for number in range(60)] + [completed(1.0), completed(9.0)]
    assert first_temperature(walk) * COOLING ** (60 - MEASURING) < 0.01
    assert AnnealingSampler(1).accepted(walk) is not walk[-1]


def test_a_pruned_trial_is_a_move_that_was_not_accepted():
    kept = completed(1.0)
    assert AnnealingSampler(1).accepted([kept, create_trial(state=optuna.trial.TrialState.PRUNED)]) is kept
