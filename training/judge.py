"""Every model of a run on the same impressions: encoded slices and trained models come in, a `Report` goes out.

`training.pipeline` judges what it has trained; calibration is chosen here, too.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit

from training.calibration import (
    Calibration,
    Chosen,
    Evidence,
    choose_calibration,
    segment_column,
    undo_downsampling,
)
from training.config import TaskConfig
from training.encoding.slices import SliceFacts, Slices
from training.export.version import code_version
from training.fitting.trained import Judged, TrainedModel
from training.gate.bootstrap import units_of
from training.log.ingest import Ingested
from training.log.split import Slice
from training.metrics import SliceMetrics, all_metrics
from training.report.report import Curves, DataSummary, Period, Report, SliceName, build_slice


class Judge:
    """Measures models on the slices of one run, all on the same impressions."""

    def __init__(self, config: TaskConfig, slices: Slices, held_out: Slice) -> None:
        self.config = config
        self.slices = slices
        self.held_out = held_out
        train = slices.facts[Slice.TRAIN]
        self.prior = float(train.clicked.mean())

    def logits(self, model: Judged, part: Slice) -> NDArray[np.float64]:
        """Logits on the full log ``(n,)``, before calibration."""
        logits = model.predictor.logits(self.slices.stores[part])
        return undo_downsampling(logits.astype(np.float64), self.config.training.keep_rate)

    def calibrate(self, model: Judged) -> Chosen:
        """The calibration that the validation slice speaks for."""
        return self.choose(self.logits(model, Slice.VALIDATION))

    def choose(self, logits: NDArray[np.float64], target: int = 0) -> Chosen:
        """The calibration for logits ``(n,)`` of the validation slice, of the first target or of one after it."""
        facts = self.slices.facts[Slice.VALIDATION]
        evidence = Evidence(
            logits=logits,
            clicked=self.labels(Slice.VALIDATION, target),
            time_ms=facts.time_ms,
            segment_ids=self.segment_ids(Slice.VALIDATION),
            users=user_codes(self.config, facts.kept),
        )
        training = self.config.training
        return choose_calibration(training.calibration, evidence, thinned=training.keep_rate < 1)

    def probabilities(
        self, calibration: Calibration, logits: NDArray[np.float64], part: Slice
    ) -> NDArray[np.float64]:
        """Calibrated probabilities ``(n,)`` of a slice's logits."""
        probabilities: NDArray[np.float64] = expit(calibration.apply(logits, self.segment_ids(part)))
        return probabilities

    def segment_ids(self, part: Slice) -> NDArray[np.int32] | None:
        """Encoded ids ``(n,)`` of the feature whose values may have curves of their own, if the task names one."""
        segment, store = self.config.training.calibration.segment, self.slices.stores[part]
        if segment is None:
            return None
        return np.array(store.mapped()["ids"][:, segment_column(store.layout, segment)])

    def metrics(self, probabilities: NDArray[np.float64], part: Slice, target: int = 0) -> SliceMetrics:
        users = users_of(self.config, self.slices.facts[part].kept)
        return all_metrics(self.labels(part, target), probabilities, users)

    def labels(self, part: Slice, target: int) -> NDArray[np.int8]:
        """The labels ``(n,)`` of a slice's impressions, of the first target or of one after it."""
        return self.slices.facts[part].labels(target)

    def report(  # each is one thing that a report shows
        self,
        models: Mapping[str, TrainedModel],
        chosen: Mapping[str, Chosen],
        *,
        ingested: Ingested,
        seconds: Mapping[str, float],
        now: datetime,
        configuration: str,
    ) -> Report:
        """The report of the task's family, beside the prior and every other model that was trained."""
        family = self.config.model.family
        facts = self.slices.facts[self.held_out]
        logits = {name: self.logits(model, self.held_out) for name, model in models.items()}
        calibrated = {
            name: self.probabilities(chosen[name].calibration, logits[name], self.held_out) for name in models
        }
        final = calibrated[family]
        metrics, segments = build_slice(
            facts.clicked,
            final,
            users_of(self.config, facts.kept),
            self._segments(facts),
            self.config.report.max_values,
        )
        validation = self.probabilities(
            chosen[family].calibration, self.logits(models[family], Slice.VALIDATION), Slice.VALIDATION
        )
        return Report(
            name=self.config.name,
            family=family,
            created_at=now,
            code_version=code_version(),
            seed=self.config.training.seed,
            slice=_slice_name(self.held_out),
            data=self._data(ingested),
            metrics=metrics,
            baselines=self._baselines(calibrated, expit(logits[family])),
            validation_metrics=self.metrics(validation, Slice.VALIDATION),
            segments=segments,
            learning_curves={
                curve: points
                for name, model in models.items()
                for curve, points in model.learning_curves(name).items()
            },
            curves=Curves.of(facts.clicked, final),
            calibration=chosen[family].calibration,
            calibration_choice=chosen[family].choice,
            keep_rate=self.config.training.keep_rate,
            seconds=dict(seconds),
            parameters=models[family].parameters,
            ensemble=models[family].cost,
            notes=self._notes(),
            configuration=configuration,
        )

    def _baselines(
        self, calibrated: Mapping[str, NDArray[np.float64]], uncalibrated: NDArray[np.float64]
    ) -> dict[str, SliceMetrics]:
        family = self.config.model.family
        prior = np.full(self.slices.facts[self.held_out].impressions, self.prior)
        baselines = {"prior": self.metrics(prior, self.held_out)}
        for name, probabilities in calibrated.items():
            if name != family:
                baselines[name] = self.metrics(probabilities, self.held_out)
        baselines[f"{family} before calibration"] = self.metrics(uncalibrated, self.held_out)
        return baselines

    def _segments(self, facts: SliceFacts) -> dict[str, NDArray[Any]]:
        return {column: texts_of(facts.kept[column]) for column in self.config.report.segments}

    def _data(self, ingested: Ingested) -> DataSummary:
        periods = {_slice_name(part): _period(facts) for part, facts in self.slices.facts.items()}
        return DataSummary(
            impressions_read=ingested.rows + ingested.bad_rows, bad_rows=ingested.bad_rows, slices=periods
        )

    def _notes(self) -> tuple[str, ...]:
        if self.held_out is Slice.TEST:
            return ()
        return (
            "There is no test slice: the figures are of the validation slice, which also chose the weights and the "
            "calibration, so they flatter the model. Set split.test_from to judge on impressions that chose nothing.",
        )


def users_of(config: TaskConfig, kept: pl.DataFrame) -> NDArray[Any] | None:
    """Who saw each impression, if the task names a user column; empty where nobody knows."""
    column = config.data.user_column
    return None if column is None or column not in kept.columns else texts_of(kept[column])


def user_codes(config: TaskConfig, kept: pl.DataFrame) -> NDArray[np.int64] | None:
    """A number per user, shape ``(n,)``; whoever is unknown is somebody else each time. None without a user column."""
    users = users_of(config, kept)
    return None if users is None else units_of(users, len(users))


def texts_of(column: pl.Series) -> NDArray[np.object_]:
    """The texts of a column, shape ``(n,)``; equal texts are one object, so that a long log stays small."""
    coded = column.cast(pl.Categorical)
    codes, distinct = coded.to_physical().to_numpy(), coded.unique()
    names = np.empty(int(codes.max(initial=0)) + 1, dtype=object)
    names[distinct.to_physical().to_numpy()] = distinct.cast(pl.String).to_list()
    texts: NDArray[np.object_] = names[codes]
    return texts


def _slice_name(part: Slice) -> SliceName:
    names: dict[Slice, SliceName] = {Slice.TRAIN: "train", Slice.VALIDATION: "validation", Slice.TEST: "test"}
    return names[part]


def _period(facts: SliceFacts) -> Period:
    return Period(impressions=facts.impressions, first=facts.first, last=facts.last)
