"""Chooses a calibration: evidence comes in, the simplest that is not beaten by more than noise goes out.

`training.judge` calls it with the validation slice; the report shows what was tried.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.special import expit

from features.document import FiniteDocument
from training.calibration.evidence import Evidence
from training.calibration.held import Held, independent_share
from training.calibration.kinds import KINDS, fit_calibration, fit_shift
from training.calibration.segments import Calibration, PerSegment, fit_per_segment
from training.config import CalibrationConfig, Kind
from training.metrics import Float64Array

MOST_BLOCKS = 5
"""Stretches of time into which the evidence is cut: each but the first judges what was fitted on those before it."""

FEWEST_IN_BLOCK = 50
"""Clicks, and non-clicks, that every stretch needs to fit or to judge; there are fewer stretches otherwise."""

THINNED_PRIOR = 0.05
"""Spread of the prior on slope and shift where non-clicks were left out: a few hundredths are usual, more must be earned."""

_WITHOUT_OFFSET = frozenset({"none", "temperature"})

_WITHOUT_SLOPE = frozenset({"isotonic"})


class TriedCalibration(FiniteDocument):
    """One calibration that was tried on later impressions than those it was fitted on."""

    kind: Kind
    per_segment: bool = False
    log_loss: float = Field(description="mean per judged impression, in nats")
    behind_best: float = Field(ge=0, description="by how much the lowest log loss of all is lower")
    standard_error: float = Field(ge=0, description="of behind_best; the simplest within one is chosen")


class CalibrationChoice(FiniteDocument):
    """How the calibration was chosen, on the validation slice alone."""

    kind: Kind
    segment: str | None = Field(
        default=None, description="feature with curves of its own; null for one curve"
    )
    segments: int = Field(default=0, ge=0, description="values of it that have a curve of their own")
    folds: int = Field(ge=0, description="times that the past was fitted and its future judged")
    judged: int = Field(ge=0, description="impressions that judged")
    tried: tuple[TriedCalibration, ...] = Field(
        default=(), description="simplest first; empty if clicks are too few"
    )


class Chosen(NamedTuple):
    """A calibration fitted on all of the evidence, and why it is this one; None where there was no choice."""

    calibration: Calibration
    choice: CalibrationChoice | None


class Contender(NamedTuple):
    """A way to calibrate that may be chosen; `segment` is the feature with curves of its own, if any."""

    kind: Kind
    segment: str | None
    min_clicks: int
    prior: float | None = None

    def fit(self, evidence: Evidence) -> Calibration:
        held = _held_by(self.prior, evidence)
        if self.segment is None:
            return fit_calibration(self.kind, evidence.logits, evidence.clicked, held)
        return fit_per_segment(self.kind, evidence, self.segment, self.min_clicks, held)


def _held_by(prior: float | None, evidence: Evidence) -> Held | None:
    """How hard such a prior holds what is fitted on the evidence; None without one."""
    return None if prior is None else Held(prior, independent_part(evidence))


def independent_part(evidence: Evidence) -> float:
    """The part of the impressions that says as much as all of them would if neighbours were not alike, in (0, 1]."""
    line = fit_calibration("platt", evidence.logits, evidence.clicked)
    probabilities = expit(line.apply(evidence.logits))
    return independent_share(probabilities, evidence.clicked, evidence.time_ms, evidence.users)


def fit_offset(evidence: Evidence, prior: float | None) -> float:
    """What to add to every logit for the lowest log loss, its slope left as it is, held near 0 by a prior if there is one.

    How often people click in a stretch of time can be asked of impressions that trained the network; how sure it may be
    of each cannot.
    """
    return fit_shift(evidence.logits, evidence.clicked, _held_by(prior, evidence))


def prior_of(config: CalibrationConfig, *, thinned: bool) -> float | None:
    """The spread of the prior on what is fitted; see `choose_calibration` for where non-clicks were left out."""
    return THINNED_PRIOR if thinned and config.kind == "auto" and config.prior is None else config.prior


def has_offset(calibration: Calibration) -> bool:
    """Whether a curve may say of all impressions together that they are clicked more often, or less."""
    curve = calibration.otherwise if isinstance(calibration, PerSegment) else calibration
    return curve.kind not in _WITHOUT_OFFSET


class Fold(NamedTuple):
    """Masks of the evidence, shape ``(n,)``: what is fitted, and what judges it, all of it later."""

    earlier: NDArray[np.bool_]
    later: NDArray[np.bool_]


def choose_calibration(config: CalibrationConfig, evidence: Evidence, *, thinned: bool = False) -> Chosen:
    """Try what the task file allows by nested validation in order of time, then fit the winner on everything.

    Every contender is fitted on the earlier part of the evidence and judged on the next, several times with a growing
    past. The simplest is taken whose mean log loss is within one standard error of the lowest, where the error is that
    of the paired differences per impression. With too few clicks to judge, the simplest is taken unseen.

    Args:
        config: What may be tried.
        evidence: The validation slice.
        thinned: Whether the network saw a part of the non-clicks only. Undoing that by the keep rate is right as far as the
            network is; what is left is a shift of some hundredths that no validation slice is large enough to prove. So an
            offset is always fitted then, held near 0 by `THINNED_PRIOR`.

    Source:
        One-standard-error rule: Breiman, Friedman, Olshen and Stone, "Classification and Regression Trees", 1984.
    """
    contenders = _contenders(config, thinned=thinned)
    if len(contenders) == 1:
        return Chosen(contenders[0].fit(evidence), None)
    folds = forward_folds(evidence)
    tried = _tried(contenders, evidence, folds) if folds else ()
    place = next((at for at, found in enumerate(tried) if found.behind_best <= found.standard_error), 0)
    calibration = contenders[place].fit(evidence)
    own = len(calibration.by_id) if isinstance(calibration, PerSegment) else 0
    choice = CalibrationChoice(
        kind=contenders[place].kind,
        segment=contenders[place].segment,
        segments=own,
        folds=len(folds),
        judged=sum(int(fold.later.sum()) for fold in folds),
        tried=tried,
    )
    return Chosen(calibration, choice)


def _contenders(config: CalibrationConfig, *, thinned: bool) -> list[Contender]:
    """From the simplest to the richest: one curve for all before curves of segments."""
    kinds, prior = _kinds(config, thinned=thinned), prior_of(config, thinned=thinned)
    for_all = [Contender(kind, None, config.min_clicks, prior) for kind in kinds]
    if config.segment is None:
        return for_all
    return for_all + [
        Contender(kind, config.segment, config.min_clicks, prior) for kind in kinds if kind != "none"
    ]


def _kinds(config: CalibrationConfig, *, thinned: bool) -> tuple[Kind, ...]:
    if config.kind != "auto":
        return (config.kind,)
    left_out = _WITHOUT_OFFSET if thinned else frozenset()
    if config.prior is not None:
        # Unheld beside curves that are held, it would win where the prior was given to hold them back.
        left_out |= _WITHOUT_SLOPE
    return tuple(kind for kind in KINDS if kind not in left_out)


def forward_folds(evidence: Evidence) -> tuple[Fold, ...]:
    """The past and the stretch of time that follows it, the past growing from fold to fold.

    Stretches hold about equally many impressions; those of one moment stay together. Empty where not even two
    stretches have `FEWEST_IN_BLOCK` clicks and non-clicks each.
    """
    in_order = np.sort(evidence.time_ms)
    for blocks in range(MOST_BLOCKS, 1, -1):
        begins = np.unique(in_order[len(in_order) * np.arange(1, blocks) // blocks])
        block = np.searchsorted(begins[begins > in_order[0]], evidence.time_ms, side="right")
        clicks = np.bincount(block, weights=evidence.clicked)
        if np.minimum(clicks, np.bincount(block) - clicks).min() >= FEWEST_IN_BLOCK:
            return tuple(Fold(block < at, block == at) for at in range(1, len(clicks)))
    return ()


def judge_on_later(contender: Contender, evidence: Evidence, fold: Fold) -> tuple[Calibration, Float64Array]:
    """What was fitted on the earlier impressions, and its log loss on each later one, shape ``(later,)``."""
    calibration = contender.fit(evidence.where(fold.earlier))
    later = evidence.where(fold.later)
    calibrated = calibration.apply(later.logits, later.segment_ids)
    return calibration, np.logaddexp(0.0, calibrated) - later.clicked * calibrated


def _tried(
    contenders: list[Contender], evidence: Evidence, folds: tuple[Fold, ...]
) -> tuple[TriedCalibration, ...]:
    losses = np.stack(
        [
            np.concatenate([judge_on_later(contender, evidence, fold)[1] for fold in folds])
            for contender in contenders
        ]
    )  # (contenders, judged)
    behind = losses - losses[losses.mean(axis=1).argmin()]
    errors = behind.std(axis=1) / np.sqrt(behind.shape[1])
    return tuple(
        TriedCalibration(
            kind=contender.kind,
            per_segment=contender.segment is not None,
            log_loss=float(losses[at].mean()),
            behind_best=max(0.0, float(behind[at].mean())),
            standard_error=float(errors[at]),
        )
        for at, contender in enumerate(contenders)
    )
