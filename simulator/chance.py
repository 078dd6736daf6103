"""Seeded chance and weighted draws: weights or logits come in, indices or probabilities go out; every drawing file here calls it."""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Float64Array = NDArray[np.float64]
Int64Array = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


class Stream(IntEnum):
    """Independent sources of chance of a world: changing one leaves the others as they were."""

    USERS = 1
    ITEMS = 2
    EXPOSURE = 3
    CLICKS = 4
    OUTCOMES = 5


def generator(seed: int, stream: Stream, block: int = 0) -> np.random.Generator:
    """The generator of one block of one stream; the same arguments always give the same numbers."""
    return np.random.default_rng([seed, int(stream), block])


def sigmoid(logits: Float64Array) -> Float64Array:
    """The probabilities of logits, same shape."""
    return np.asarray(1.0 / (1.0 + np.exp(-logits)), dtype=np.float64)


def draw(uniform: Float64Array, weights: Float64Array) -> Int64Array:
    """Indices drawn in proportion to ``weights``.

    Args:
        uniform: Numbers in [0, 1), any shape; one index is drawn per number.
        weights: At least one positive number, shape ``(n,)``; they need not sum to 1.

    Returns:
        Indices in [0, n), the shape of ``uniform``.
    """
    cumulative = np.cumsum(weights)
    return draw_cumulative(uniform, np.concatenate([[0.0], cumulative]), 0, len(weights))


def draw_cumulative(
    uniform: Float64Array,
    cumulative: Float64Array,
    first: Int64Array | int,
    end: Int64Array | int,
) -> Int64Array:
    """Indices drawn in proportion to the steps of ``cumulative``, each from its own range.

    Args:
        uniform: Numbers in [0, 1), shape ``(m,)``.
        cumulative: Sum of the weights before each index, and the total last, shape ``(n + 1,)``.
        first: First index allowed for each draw, shape ``(m,)`` or one number for all.
        end: One past the last index allowed, likewise; above ``first``.

    Returns:
        Indices, shape ``(m,)``, each in [first, end).
    """
    low, high = cumulative[first], cumulative[end]
    found = np.searchsorted(cumulative, low + uniform * (high - low), side="right") - 1
    # Rounding may carry a draw onto the edge of the next range.
    return np.clip(found, first, np.asarray(end) - 1).astype(np.int64)
