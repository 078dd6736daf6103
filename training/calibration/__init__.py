"""Probabilities that mean what they say: validation logits and labels come in, a calibration for the graph goes out.

`training.pipeline` asks for it once per model, `training.export.export` builds it into the graph, after the correction for
downsampled non-clicks.
"""

from training.calibration.choice import (
    CalibrationChoice,
    Chosen,
    TriedCalibration,
    choose_calibration,
    fit_offset,
    has_offset,
    prior_of,
)
from training.calibration.curves import IDENTITY, Beta, Curve, Isotonic, Linear
from training.calibration.downsampling import undo_downsampling
from training.calibration.evidence import Evidence
from training.calibration.kinds import FEWEST, KINDS, fit_calibration
from training.calibration.lasting import lasting_share
from training.calibration.segments import Calibration, PerSegment, fit_per_segment, segment_column
from training.calibration.sureness import fit_sureness

__all__ = [
    "FEWEST",
    "IDENTITY",
    "KINDS",
    "Beta",
    "Calibration",
    "CalibrationChoice",
    "Chosen",
    "Curve",
    "Evidence",
    "Isotonic",
    "Linear",
    "PerSegment",
    "TriedCalibration",
    "choose_calibration",
    "fit_calibration",
    "fit_offset",
    "fit_per_segment",
    "fit_sureness",
    "has_offset",
    "lasting_share",
    "prior_of",
    "segment_column",
    "undo_downsampling",
]
