"""The curves from a logit to the calibrated one: parameters come in, one formula serves NumPy and the graph alike.

`training.calibration.kinds` fits them, `training.judge` applies them in memory, `training.export.export` in the graph.
Every curve rises strictly, so that the order of candidates, and with it every AUC, is kept.
"""

from abc import ABC, abstractmethod
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from typing_extensions import override

from features.document import FiniteDocument
from training.metrics import Float64Array

BLOCK = 16_384
"""Impressions that `apply` takes at once: isotonic needs room for every piece of its curve beside every logit."""


class AnyCalibration(FiniteDocument, ABC):
    """From logits to calibrated logits, in memory and in the graph by the same lines.

    What computes them is passed in: `numpy`, or `keras.ops`, whose functions have the same names and meaning.
    """

    def apply(
        self, logits: NDArray[np.floating], segment_ids: NDArray[np.integer] | None = None
    ) -> Float64Array:
        """Calibrated logits, shape ``(n,)``, in float64.

        Args:
            logits: On the full log, shape ``(n,)``.
            segment_ids: Encoded ids of the segment feature, shape ``(n,)``, for a calibration per segment.
        """
        blocks = [slice(start, start + BLOCK) for start in range(0, len(logits), BLOCK)]
        calibrated = [
            self.compute(
                np,
                logits[rows].astype(np.float64),
                None if segment_ids is None else segment_ids[rows].astype(np.int32),
            )
            for rows in blocks
        ]
        return np.concatenate(calibrated) if calibrated else np.empty(0)

    @abstractmethod
    def compute(self, ops: Any, logits: Any, segment_ids: Any) -> Any:
        """Calibrated logits, float64 ``(n,)``, of arrays or tensors.

        Args:
            ops: `numpy` or `keras.ops`.
            logits: float64 ``(n,)``; less precise numbers would turn near ties of the curves around.
            segment_ids: int32 ``(n,)``, or None where no segment is asked for.
        """


class AnyCurve(AnyCalibration):
    """One curve for every impression it is given."""

    @abstractmethod
    def parameters(self) -> Float64Array:
        """What `formula` needs, shape ``(p,)``."""

    @staticmethod
    @abstractmethod
    def formula(ops: Any, logits: Any, parameters: Any) -> Any:
        """Calibrated logits ``(n,)``; parameters are ``(p,)``, or ``(n, p)`` where each logit has its own."""

    @override
    def compute(self, ops: Any, logits: Any, segment_ids: Any) -> Any:
        return self.formula(ops, logits, ops.array(self.parameters()))


class Linear(AnyCurve):
    """``slope * logit + offset``; the default changes nothing."""

    kind: Literal["none", "temperature", "platt"] = "none"
    slope: float = Field(default=1.0, gt=0)
    offset: float = 0.0

    @override
    def parameters(self) -> Float64Array:
        return np.array([self.slope, self.offset])

    @staticmethod
    @override
    def formula(ops: Any, logits: Any, parameters: Any) -> Any:
        return parameters[..., 0] * logits + parameters[..., 1]


IDENTITY = Linear()


class Beta(AnyCurve):
    """``low * log(p) - high * log(1 - p) + offset`` of the uncalibrated probability p.

    Low probabilities are stretched by ``low``, high ones by ``high``; where both are equal it is Platt's line.

    Source:
        Kull, Silva Filho and Flach, "Beta calibration", AISTATS 2017.
    """

    kind: Literal["beta"] = "beta"
    low: float = Field(gt=0)
    high: float = Field(gt=0)
    offset: float

    @override
    def parameters(self) -> Float64Array:
        return np.array([self.low, self.high, self.offset])

    @staticmethod
    @override
    def formula(ops: Any, logits: Any, parameters: Any) -> Any:
        # log(p) = -log(1 + exp(-logit)) and -log(1 - p) = log(1 + exp(logit)), without ever computing p.
        of_low, of_high = -ops.logaddexp(0.0, -logits), ops.logaddexp(0.0, logits)
        return parameters[..., 0] * of_low + parameters[..., 1] * of_high + parameters[..., 2]


class Isotonic(AnyCurve):
    """A line from knot to knot, of slope 1 before the first and after the last.

    A step function, as isotonic regression leaves it, would make ties of most candidates and promise 0 and 1; the
    line through the centres of its steps does neither.

    Attributes:
        logits: Where the knots are, strictly increasing, shape ``(k,)``.
        calibrated: The calibrated logits there, strictly increasing, shape ``(k,)``.
    """

    kind: Literal["isotonic"] = "isotonic"
    logits: tuple[float, ...] = Field(min_length=1)
    calibrated: tuple[float, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if len(self.logits) != len(self.calibrated):
            raise ValueError(
                f"expected one calibrated logit per knot, got {len(self.calibrated)} for {len(self.logits)}"
            )
        if not (np.diff(self.logits) > 0).all() or not (np.diff(self.calibrated) > 0).all():
            raise ValueError("expected knots that rise strictly: fit them with training.calibration")
        return self

    @override
    def parameters(self) -> Float64Array:
        """The height of the first knot, then four numbers a piece: start, least and greatest run, slope."""
        logits, calibrated = np.array(self.logits), np.array(self.calibrated)
        runs = np.diff(logits)
        pieces = np.stack(
            [
                [logits[0], *logits],
                [-np.inf, *np.zeros_like(logits)],
                [0.0, *runs, np.inf],
                [1.0, *(np.diff(calibrated) / runs), 1.0],
            ],
            axis=1,
        )
        return np.concatenate([calibrated[:1], pieces.ravel()])

    @staticmethod
    @override
    def formula(ops: Any, logits: Any, parameters: Any) -> Any:
        # What a logit climbs on each piece: no search, so that pieces may differ from impression to impression.
        starts, least, greatest, slopes = (parameters[..., 1 + part :: 4] for part in range(4))
        runs = ops.minimum(ops.maximum(logits[:, None] - starts, least), greatest)  # (n, pieces)
        return parameters[..., 0] + ops.sum(slopes * runs, axis=-1)


Curve = Annotated[Linear | Beta | Isotonic, Field(discriminator="kind")]
"""Any of the curves; their JSON tells them apart by ``kind``."""
