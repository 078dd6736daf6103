"""What a calibration is learned from: `training.judge` gathers it, every file of this package takes it."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from training.metrics import Float64Array


@dataclass(frozen=True)
class Evidence:
    """Impressions of the validation slice, which did not train the network, in any order.

    They are not quite fresh: the same impressions stopped training and chose the weights, so that the fitted
    calibration believes the network a little more than the future will.

    Attributes:
        logits: Of the uncalibrated model, with downsampling already undone, shape ``(n,)``, finite.
        clicked: Labels 0 or 1, shape ``(n,)``.
        time_ms: When each was shown, milliseconds since the epoch or another count that grows, shape ``(n,)``.
        segment_ids: Encoded id of the segment feature, shape ``(n,)``; None where no segment is asked for.
        users: Code of who saw each, shape ``(n,)``, from 0; None where nobody knows.
    """

    logits: Float64Array
    clicked: NDArray[np.integer]
    time_ms: NDArray[np.int64]
    segment_ids: NDArray[np.integer] | None = None
    users: NDArray[np.integer] | None = None

    def where(self, mask: NDArray[np.bool_]) -> Self:
        """Those impressions for which the mask is true."""
        ids, users = (None if one is None else one[mask] for one in (self.segment_ids, self.users))
        return type(self)(self.logits[mask], self.clicked[mask], self.time_ms[mask], ids, users)
