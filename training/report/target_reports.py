"""Every target of a model apart: heads' logits and labels come in, calibrations and a `TargetReport` each go out.

`training.pipeline` asks for them where a task has several targets, `training.scoring.evaluate` judges a log by them.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from training.calibration import Calibration, Chosen
from training.fitting.trained import TrainedModel
from training.judge import Judge
from training.log.split import Slice
from training.metrics import Float64Array
from training.report.report import Curves, TargetReport
from training.targets import Targets

LOGISTIC = "logistic"


class JudgedTargets(NamedTuple):
    """Calibrations of the targets beside the first, in their order, and the report of every target by name."""

    further: tuple[Calibration, ...]
    reports: dict[str, TargetReport]


def judge_targets(
    judge: Judge,
    models: Mapping[str, TrainedModel],
    chosen: Mapping[str, Chosen],
) -> JudgedTargets:
    """Calibrate and judge every target of the task's family, beside the prior and `logistic`.

    Args:
        judge: Knows the slices.
        models: The trained models, by the names of the report.
        chosen: The calibrations of their first target.
    """
    targets = judge.slices.stores[Slice.TRAIN].targets
    if not targets.several:
        return JudgedTargets((), {})
    family = judge.config.model.family
    heads = {name: _Heads(judge, models[name], chosen[name]) for name in {LOGISTIC, family} & set(models)}
    reports = {
        name: _report(judge, {model: found.of(place) for model, found in heads.items()}, place)
        for place, name in enumerate(targets.names)
    }
    return JudgedTargets(tuple(one.calibration for one in heads[family].chosen[1:]), reports)


class _Head(NamedTuple):
    """What one model says of one target: probabilities ``(n,)`` of the held-out slice, raw too, and of validation."""

    held_out: Float64Array
    uncalibrated: Float64Array
    validation: Float64Array
    chosen: Chosen


class _Heads:
    """All heads of one model, calibrated."""

    def __init__(self, judge: Judge, model: TrainedModel, chosen: Chosen) -> None:
        self.logits = {
            part: model.predictor.target_logits(judge.slices.stores[part], judge.config.training.keep_rate)
            for part in (Slice.VALIDATION, judge.held_out)
        }
        self.held_out = judge.held_out
        further = enumerate(self.logits[Slice.VALIDATION].T[1:], start=1)
        self.chosen = (chosen, *(judge.choose(logits, target) for target, logits in further))
        targets = judge.slices.stores[Slice.TRAIN].targets
        self.calibrated = {
            part: _calibrated(judge, targets, self.chosen, logits, part)
            for part, logits in self.logits.items()
        }

    def of(self, place: int) -> _Head:
        return _Head(
            held_out=self.calibrated[self.held_out][place],
            uncalibrated=expit(self.logits[self.held_out][:, place]),
            validation=self.calibrated[Slice.VALIDATION][place],
            chosen=self.chosen[place],
        )


def _calibrated(
    judge: Judge, targets: Targets, chosen: tuple[Chosen, ...], logits: Float64Array, part: Slice
) -> list[Float64Array]:
    """Probabilities of each target, ``(n,)`` each, capped as in the export."""
    segment_ids = judge.segment_ids(part)
    curves = [one.calibration.apply(logits[:, place], segment_ids) for place, one in enumerate(chosen)]
    return [expit(capped) for capped in targets.capped(np, curves)]


def _report(judge: Judge, heads: Mapping[str, _Head], place: int) -> TargetReport:
    family, target = judge.config.model.family, judge.config.all_targets()[place]
    mine, facts = heads[family], judge.slices.facts[judge.held_out]
    prior = float(judge.labels(Slice.TRAIN, place).mean())
    compared = {"prior": np.full(facts.impressions, prior)}
    compared |= {name: head.held_out for name, head in heads.items() if name != family}
    compared |= {f"{family} before calibration": mine.uncalibrated}
    return TargetReport(
        label=target.label,
        after=target.after,
        metrics=judge.metrics(mine.held_out, judge.held_out, place),
        baselines={name: judge.metrics(chances, judge.held_out, place) for name, chances in compared.items()},
        validation_metrics=judge.metrics(mine.validation, Slice.VALIDATION, place),
        curves=Curves.of(judge.labels(judge.held_out, place), mine.held_out),
        calibration=mine.chosen.calibration,
        calibration_choice=mine.chosen.choice,
    )
