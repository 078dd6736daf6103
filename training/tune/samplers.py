"""Who proposes the next trial, by name, and who ends a hopeless one: `training.tune.book` takes them from here."""

from collections.abc import Callable

from optuna.pruners import BasePruner, MedianPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from training.tune.annealing import AnnealingSampler

SAMPLERS: dict[str, Callable[[int, int], BaseSampler]] = {
    "tpe": lambda seed, finished: TPESampler(
        # One parameter at a time: together, 100 trials on a bowl of seven came six times less close to its minimum.
        multivariate=False,
        n_startup_trials=12,
        seed=_seed(seed, finished),
    ),
    "random": lambda seed, finished: RandomSampler(seed=_seed(seed, finished)),
    "annealing": lambda seed, _: AnnealingSampler(seed),
}
"""A sampler from the seed of the search and the number of finished trials, made anew for every trial.

What a sampler draws then depends on the study alone, and a resumed search draws what an unbroken one would have drawn.

Source:
    tpe: Bergstra, Bardenet, Bengio and Kegl, "Algorithms for Hyper-Parameter Optimization", NIPS 2011.
"""


def pruner() -> BasePruner:
    """Ends a trial whose best validation so far is worse than the median of the others at the same check.

    Source:
        The median rule: Golovin et al., "Google Vizier: A Service for Black-Box Optimization", KDD 2017.
    """
    return MedianPruner(n_startup_trials=4, n_warmup_steps=1, n_min_trials=3)


def _seed(seed: int, finished: int) -> int:
    # Far apart, so that the seeds of two searches do not meet.
    return (seed * 1_000_003 + finished * 7919) % 2**32
