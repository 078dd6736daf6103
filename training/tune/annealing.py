"""Simulated annealing as a sampler of Optuna: finished trials come in, a neighbour of the accepted one goes out.

`training.tune.samplers` names it. It keeps no state: where it stands follows from the trials and the seed alone, so a
search that was killed goes on as if it had not been.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from typing_extensions import override

COOLING = 0.95
"""Factor of the temperature per trial: a tenth of it is left after 45 trials."""

MEASURING = 5
"""Moves that are all accepted, and whose typical size sets the first temperature."""

SHARE_MOVED = 0.3
"""Chance of each value to move; at least one does."""

LARGEST_STEP = 0.25
"""Standard deviation of a number's first step, as a share of its range; it shrinks with the temperature's root."""

SMALLEST_STEP = 0.08
"""What a step never falls below."""


class AnnealingSampler(BaseSampler):
    """Proposes neighbours of the accepted point; a worse one is accepted with chance ``exp(-worsening / temperature)``.

    The first temperature accepts a move of the size of the first few with chance 1/2, and every trial multiplies it by
    `COOLING`. Pruned trials are moves that were not accepted.

    Args:
        seed: Of every draw, with the number of finished trials.

    Source:
        Kirkpatrick, Gelatt and Vecchi, "Optimization by Simulated Annealing", Science 1983; acceptance: Metropolis et
        al., 1953.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    @override
    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        current = self.accepted(finished_in(study))
        return {} if current is None else dict(current.distributions)

    @override
    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        finished = finished_in(study)
        current = self.accepted(finished)
        if current is None:
            return {}
        rng = np.random.default_rng([self.seed, len(finished), 0])
        heat = COOLING ** max(0, len(finished) - MEASURING)
        return neighbour(
            current.params, search_space, max(SMALLEST_STEP, LARGEST_STEP * math.sqrt(heat)), rng
        )

    @override
    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A value that the accepted point does not have, such as the width of a network where it was `logistic`."""
        drawn = np.random.default_rng([self.seed, len(finished_in(study)), 1, *param_name.encode()])
        chance = RandomSampler(seed=int(drawn.integers(2**32)))
        return chance.sample_independent(study, trial, param_name, param_distribution)

    def accepted(self, finished: list[FrozenTrial]) -> FrozenTrial | None:
        """Where the walk stands after these trials; None before the first one that was not pruned."""
        current: FrozenTrial | None = None
        first = first_temperature(finished)
        for number, trial in enumerate(finished):
            if trial.state is not TrialState.COMPLETE:
                continue
            luck = np.random.default_rng([self.seed, number, 2]).random()
            temperature = first * COOLING ** max(0, number - MEASURING)
            if current is None or number < MEASURING or luck < _chance(current, trial, temperature):
                current = trial
        return current


def neighbour(
    point: Mapping[str, Any],
    space: Mapping[str, BaseDistribution],
    step: float,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """A point near another: some of its values are moved.

    Args:
        point: A value for every name of ``space``.
        space: The range of every value.
        step: Standard deviation of a number's move, as a share of its range, in (0, 1].
        rng: Draws which values move, and how far.
    """
    moves = rng.random(len(space)) < SHARE_MOVED
    moves[rng.integers(len(space))] = True
    return {
        name: _moved(point[name], values, step, rng) if move else point[name]
        for (name, values), move in zip(space.items(), moves, strict=True)
    }


def first_temperature(finished: list[FrozenTrial]) -> float:
    """The temperature at which a typical one of the first moves is accepted with chance 1/2."""
    values = [trial.value for trial in finished[: MEASURING + 1] if trial.state is TrialState.COMPLETE]
    moves = np.abs(np.diff(np.array(values, dtype=np.float64)))
    return max(float(np.median(moves)) / math.log(2), 1e-12) if len(moves) else 1e-12


def _chance(current: FrozenTrial, trial: FrozenTrial, temperature: float) -> float:
    worsening = (trial.value or 0.0) - (current.value or 0.0)
    return 1.0 if worsening <= 0 else math.exp(-worsening / temperature)


def _moved(value: Any, values: BaseDistribution, step: float, rng: np.random.Generator) -> Any:
    if isinstance(values, CategoricalDistribution):
        others = [place for place, choice in enumerate(values.choices) if choice != value]
        return values.choices[others[rng.integers(len(others))]] if others else value
    if isinstance(values, FloatDistribution):
        return _walked(value, values.low, values.high, step, rng, log=values.log)
    if isinstance(values, IntDistribution):
        walked = round(_walked(value, values.low, values.high, step, rng, log=values.log))
        # A step too short for a whole number still goes one further.
        far = walked if walked != value else value + int(rng.choice([-1, 1]))
        return min(values.high, max(values.low, far))
    raise TypeError(f"expected numbers or choices to anneal, got {type(values).__name__}")


def _walked(
    value: float, low: float, high: float, step: float, rng: np.random.Generator, *, log: bool
) -> float:
    """A normal step that the ends of the range reflect, on a logarithmic axis where the range has one."""
    if log:
        return min(
            high, math.exp(_walked(math.log(value), math.log(low), math.log(high), step, rng, log=False))
        )
    if high == low:
        return value
    place = abs((value - low) / (high - low) + rng.normal(scale=step)) % 2.0
    return low + (high - low) * min(place, 2.0 - place)


def finished_in(study: Study) -> list[FrozenTrial]:
    """Trials that were completed or pruned, in their order."""
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
