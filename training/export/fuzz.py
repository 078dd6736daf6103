"""Impressions that no log holds: a fitted spec comes in, raw columns full of odd values go out.

`training.export.onnx_check` encodes them with both encoders.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.fitted import FittedEdges, FittedScale, FittedSpec, FittedVocabulary
from features.raw import MISSING_TEXT, MISSING_TIME
from features.spec import AnyFeature, MultiValued, RawInput, RawKind

_ODD_TOKENS = (
    MISSING_TEXT,
    " ",
    "never seen",
    "größe",
    "日本",
    "a\x00b",
    *("x" * size for size in (15, 16, 33, 65, 200)),
)
_ODD_NUMBERS = (np.nan, 0.0, -0.0, 1e-45, -1e-39, 1.0, -1.0, 999.0, 2.0**24, -1e30, 3e38)
_ODD_TIMES = (MISSING_TIME, 0, -1, 253_402_300_799_999, -253_402_300_799_999)
_USUAL_TIMES = (1_500_000_000_000, 2_000_000_000_000)
_TOKENS = 500
"""Of each vocabulary; the first and the last are among them."""

Random = np.random.Generator


def odd_columns(fitted: FittedSpec, rows: int, seed: int) -> dict[str, NDArray[Any]]:
    """A batch of ``rows`` impressions by raw column, as `features.raw.to_array` makes them: a half of odd values."""
    random = np.random.default_rng(seed)
    return {raw.column: _column(fitted, raw, rows, random) for raw in fitted.spec.raw_inputs()}


def _column(fitted: FittedSpec, raw: RawInput, rows: int, random: Random) -> NDArray[Any]:
    features = [feature for feature in fitted.spec.features() if raw.column in feature.columns]
    match raw.kind:
        case RawKind.TEXT:
            return random.choice(_tokens(fitted, features), rows)
        case RawKind.TEXTS:
            longest = max(feature.max_length for feature in features if isinstance(feature, MultiValued))
            tokens = random.choice(_tokens(fitted, features), (rows, longest + 2))
            tokens[random.random(tokens.shape) < 0.3] = MISSING_TEXT
            return tokens
        case RawKind.NUMBER:
            return _mixed(random.choice(_numbers(fitted, features), rows), _magnitudes(rows, random), random)
        case RawKind.TIME:
            return _mixed(
                random.choice(np.array(_ODD_TIMES), rows), random.integers(*_USUAL_TIMES, rows), random
            )


def _tokens(fitted: FittedSpec, features: list[AnyFeature]) -> NDArray[Any]:
    """Known and odd tokens, as often the one as the other."""
    known: list[str] = []
    for feature in features:
        learned = fitted.learned_for(feature)
        if isinstance(learned, FittedVocabulary) and learned.tokens:
            step = max(1, len(learned.tokens) // _TOKENS)
            known += [*learned.tokens[::step], learned.tokens[-1]]
    odd = [*_ODD_TOKENS, *(f"new {number}" for number in range(20))]
    repeated = [known[place % len(known)] for place in range(len(odd))] if known else []
    return np.array([*known, *repeated, *odd * max(1, len(known) // len(odd))], object)


def _numbers(fitted: FittedSpec, features: list[AnyFeature]) -> NDArray[np.float32]:
    """Odd numbers, what means missing, and where buckets and ranges end."""
    numbers = list(_ODD_NUMBERS)
    for feature in features:
        numbers += getattr(feature, "missing_values", ())
        match fitted.learned_for(feature):
            case FittedEdges(edges=edges):
                numbers += edges
            case FittedScale(mean=mean, low=low, high=high):
                numbers += (mean, low, high)
    return np.array(numbers, np.float32)


def _magnitudes(rows: int, random: Random) -> NDArray[np.float32]:
    numbers = np.exp(random.normal(2.0, 4.0, rows)) * random.choice([1.0, 1.0, 1.0, -1.0], rows)
    mixed: NDArray[np.float32] = np.where(random.random(rows) < 0.5, numbers.round(), numbers).astype(
        np.float32
    )
    return mixed


def _mixed(odd: NDArray[Any], usual: NDArray[Any], random: Random) -> NDArray[Any]:
    return np.where(random.random(len(odd)) < 0.5, odd, usual)
