"""A curve for every segment with enough clicks: evidence comes in, one calibration for all segments goes out.

`training.calibration.choice` decides whether it beats a single curve; the graph finds the segment by its encoded id.
"""

from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator
from typing_extensions import override

from features.layout import EncodedLayout
from training.calibration.curves import AnyCalibration, Beta, Curve, Isotonic, Linear
from training.calibration.evidence import Evidence
from training.calibration.held import Held
from training.calibration.kinds import fit_calibration
from training.config import Kind
from training.metrics import Float64Array


class PerSegment(AnyCalibration):
    """Its own curve for every segment that has one; the order is kept within a segment, not between two.

    Attributes:
        feature: Whose encoded ids tell segments apart.
        otherwise: The curve of every other segment, among them those that validation never saw.
        by_id: Encoded id -> curve, all of one class.
    """

    kind: Literal["per_segment"] = "per_segment"
    feature: str
    otherwise: Curve
    by_id: dict[int, Curve] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_one_class(self) -> Self:
        classes = {type(curve).__name__ for curve in self.by_id.values()}
        if len(classes) > 1:
            raise ValueError(f"expected curves of one class in every segment, got {sorted(classes)}")
        return self

    @override
    def compute(self, ops: Any, logits: Any, segment_ids: Any) -> Any:
        if segment_ids is None:
            raise ValueError(f"expected the ids of {self.feature!r} beside the logits, got none: pass them")
        ids = sorted(self.by_id)
        known = ops.array(np.array(ids, np.int32))
        parameters = ops.array(_padded([self.by_id[segment].parameters() for segment in ids]))
        place = ops.minimum(ops.searchsorted(known, segment_ids), len(ids) - 1)
        own = self.by_id[ids[0]].formula(ops, logits, ops.take(parameters, place, axis=0))
        is_known = ops.equal(ops.take(known, place, axis=0), segment_ids)
        return ops.where(is_known, own, self.otherwise.compute(ops, logits, segment_ids))


Calibration = Annotated[Linear | Beta | Isotonic | PerSegment, Field(discriminator="kind")]
"""A curve for all, or curves for segments; their JSON tells them apart by ``kind``."""


def fit_per_segment(
    kind: Kind, evidence: Evidence, feature: str, min_clicks: int, held: Held | None = None
) -> Calibration:
    """A curve of one kind for every segment with enough clicks, and one for the rest, fitted on all.

    Args:
        kind: Of every curve.
        evidence: With segment ids.
        feature: Whose ids they are.
        min_clicks: Clicks, and non-clicks, that a segment needs for a curve of its own; at least `FEWEST`.
        held: Of every curve, see `fit_calibration`.

    Returns:
        The one curve for all where no segment has enough.
    """
    otherwise = fit_calibration(kind, evidence.logits, evidence.clicked, held)
    ids = np.asarray(evidence.segment_ids)
    segments, place = np.unique(ids, return_inverse=True)
    clicks = np.bincount(place, weights=evidence.clicked)
    enough = np.minimum(clicks, np.bincount(place) - clicks) >= min_clicks
    by_id = {
        int(segment): fit_calibration(
            kind, evidence.logits[ids == segment], evidence.clicked[ids == segment], held
        )
        for segment in segments[enough]
    }
    return PerSegment(feature=feature, otherwise=otherwise, by_id=by_id) if by_id else otherwise


def segment_column(layout: EncodedLayout, feature: str) -> int:
    """The column of the encoded ids that tells segments apart; the task file has been checked to name one."""
    return next(field.start for field in layout.ids if field.name == feature)


def _padded(rows: list[Float64Array]) -> Float64Array:
    """The rows as one matrix; the zeros behind a short isotonic one are pieces that climb nothing."""
    padded = np.zeros((len(rows), max(map(len, rows))))
    for place, row in enumerate(rows):
        padded[place, : len(row)] = row
    return padded
