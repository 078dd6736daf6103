"""Builders of logits and of clicks whose true log-odds are known; tests of calibration use them."""

from collections.abc import Callable

import numpy as np
from scipy.special import expit

from training.calibration import Evidence
from training.metrics import Float64Array

Distortion = Callable[[Float64Array], Float64Array]
"""From the logits of a network to the true ones."""


def honest(logits: Float64Array) -> Float64Array:
    """The network is right."""
    return logits


def shallow(logits: Float64Array) -> Float64Array:
    """The network is too sure of itself: a temperature mends it."""
    return 0.6 * logits


def moved(logits: Float64Array) -> Float64Array:
    """Too sure and too hopeful: Platt's line mends it."""
    return 0.6 * logits - 0.8


def bent(logits: Float64Array) -> Float64Array:
    """Too sure of low probabilities and not sure enough of high ones: beta mends it."""
    return 0.5 * -np.logaddexp(0.0, -logits) + 1.8 * np.logaddexp(0.0, logits) - 0.6


def stairs(logits: Float64Array) -> Float64Array:
    """Up in waves: no curve of a few numbers mends it."""
    return logits + 0.5 * np.sin(2.0 * logits)


def make_evidence(
    distortion: Distortion = honest,
    *,
    impressions: int = 20_000,
    seed: int = 3,
    offsets: tuple[float, ...] = (0.0,),
) -> Evidence:
    """Impressions a second apart, in an order of their own; segment i is moved by the i-th of ``offsets``."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(-1.5, 1.5, impressions)
    segment_ids = rng.integers(0, len(offsets), impressions).astype(np.int32)
    truth = expit(distortion(logits) + np.array(offsets)[segment_ids])
    return Evidence(
        logits=logits,
        clicked=(rng.random(impressions) < truth).astype(np.int8),
        time_ms=1000 * rng.permutation(impressions),
        segment_ids=segment_ids,
    )
