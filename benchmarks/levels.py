"""Which click rate to promise after a refit: rules for it, on drawn click rates that jump, climb, wander or come back.

Every log is a row of clicks and nothing else, 20,000 of them seen, the latest fifth held out and 20,000 more to come. A line per
kind of rate, a column per rule: how far the promised rate is from that of the clicks to come, on average, in percentage points.

    python -m benchmarks.levels [--logs 60]
"""

import argparse
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from training.calibration import Evidence, fit_offset, lasting_share
from training.metrics import Float64Array

SEEN, LATEST, TO_COME = 20_000, 4_000, 20_000

PRIOR = 0.02
"""Of the offset, as `axon init` writes it."""

_STEP = 100
"""Impressions between two moves of a rate that wanders."""

_TIME = np.arange(SEEN + TO_COME) / SEEN


def _step(rng: np.random.Generator) -> Float64Array:
    return rng.normal(0.0, 0.8) * (rng.uniform(0.3, 1.0) < _TIME).astype(np.float64)


def _cycle(rng: np.random.Generator) -> Float64Array:
    log_odds: Float64Array = 0.3 * np.sin(2.0 * np.pi * (_TIME / rng.uniform(0.1, 0.6) + rng.random()))
    return log_odds


def _wandering(lasts: int) -> Callable[[np.random.Generator], Float64Array]:
    """Comes back to the mean within about so many impressions (an Ornstein-Uhlenbeck process)."""
    kept = np.exp(-_STEP / lasts)

    def draw(rng: np.random.Generator) -> Float64Array:
        moves = rng.normal(0.0, 1.0, len(_TIME) // _STEP)
        moves[1:] *= np.sqrt(1.0 - kept**2)
        for place in range(1, len(moves)):
            moves[place] += kept * moves[place - 1]
        return 0.2 * np.repeat(moves, _STEP)

    return draw


RATES: dict[str, Callable[[np.random.Generator], Float64Array]] = {
    "the same all the time": lambda _: np.zeros(len(_TIME)),
    "one step, somewhere": _step,
    "a trend": lambda rng: rng.normal(0.0, 1.0) * _TIME,
    "a cycle": _cycle,
    "back within 1,000": _wandering(1_000),
    "back within 4,000": _wandering(4_000),
    "back within 10,000": _wandering(10_000),
    "back within 30,000": _wandering(30_000),
    "a random walk": lambda rng: np.repeat(np.cumsum(rng.normal(0.0, 0.02, len(_TIME) // _STEP)), _STEP),
}
"""Log-odds around their base, ``(impressions,)``, by name."""


def promised(clicked: NDArray[np.int8]) -> dict[str, float]:
    """The rate that every rule promises after a log ``(n,)``."""
    latest = clicked[-LATEST:]
    whole = float(logit(clicked.mean()))
    evidence = Evidence(np.full(LATEST, whole), latest, np.arange(LATEST))
    held, lasting = fit_offset(evidence, PRIOR), lasting_share(clicked, LATEST)
    return {
        "of the whole log": float(expit(whole)),
        "of the latest fifth": float(latest.mean()),
        "moved as the prior lets it": float(expit(whole + held)),
        "half of that": float(expit(whole + 0.5 * held)),
        "as much as has lasted (kept)": float(expit(whole + lasting * held)),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--logs", type=int, default=60, help="drawn of every kind")
    arguments = parser.parse_args()
    for place, (name, draw) in enumerate(RATES.items()):
        off: dict[str, list[float]] = {}
        for seed in range(arguments.logs):
            rng = np.random.default_rng([seed, place])
            rates = expit(rng.uniform(-3.0, -0.5) + draw(rng))
            clicked = (rng.random(len(rates)) < rates).astype(np.int8)
            for rule, rate in promised(clicked[:SEEN]).items():
                off.setdefault(rule, []).append(100.0 * abs(rate - rates[SEEN:].mean()))
        if place == 0:
            print(f"| click rate | {' | '.join(off)} |\n|{'---|' * (1 + len(off))}")
        print(f"| {name} | {' | '.join(f'{np.mean(one):.2f}' for one in off.values())} |", flush=True)


if __name__ == "__main__":
    main()
