"""How far apart two ways of computing the same answers are: outputs of both come in, distances in the logit go out.

`training.export.parity` compares the states and the joint part with the whole network, `training.export.onnx_check` the
ONNX graphs with the original.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

LOGIT_TOLERANCE = 1e-5
"""How far the logits of the same impression may be apart: sums in another order."""

LARGE = 10.0
"""Log-odds of 22,000 to one."""

Outputs = Mapping[str, NDArray[np.float32]]
"""``logit``, ``probability`` and ``probability_<target>``, each ``(n,)``."""


def distances(expected: Outputs, came: Outputs) -> dict[str, NDArray[np.float64]]:
    """By output, how far apart the logits are, each ``(n,)``; NaN where either is none.

    float32 has seven digits: beyond a logit of `LARGE`, where they are short, the distance is that share of a logit of
    `LARGE`, and what the last digit of a probability may move its logit by is not counted.

    Raises:
        ValueError: If the outputs have different names.
    """
    if set(expected) != set(came):
        raise ValueError(f"expected the outputs {sorted(expected)}, got {sorted(came)}")
    scale = np.maximum(1.0, np.abs(expected["logit"].astype(float)) / LARGE)
    return {
        name: np.abs(came[name].astype(float) - one) / scale if name == "logit" else _apart(one, came[name])
        for name, one in expected.items()
    }


def _apart(expected: NDArray[np.float32], came: NDArray[np.float32]) -> NDArray[np.float64]:
    one, other = expected.astype(float), came.astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        logits = _logit(one)
        apart = np.abs(logits - _logit(other)) / np.maximum(1.0, np.abs(logits) / LARGE)
        digits = np.spacing(np.maximum(expected, came)) / (one * (1.0 - one))
        counted: NDArray[np.float64] = np.maximum(apart - digits, 0.0)
    same = np.abs(one - other) <= np.spacing(np.maximum(expected, came))
    return np.where(same, 0.0, counted)


def _logit(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    logits: NDArray[np.float64] = np.log(probabilities) - np.log1p(-probabilities)
    return logits
