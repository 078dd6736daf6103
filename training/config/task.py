"""A whole task file, ``axon.yaml``: everything that decides which model comes out of a run.

`training.config.reading` reads it; every other file of this room takes the part of it that it needs.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Self

import yaml
from pydantic import Field, model_validator

from features.document import Document
from features.spec import (
    FeatureSpec,
    RawKind,
    Side,
    TimeColumn,
)
from training.config.data import DataConfig
from training.config.fitting import TrainingConfig
from training.config.history import HistoryConfig
from training.config.judging import GateConfig, ReportConfig, SplitConfig
from training.config.model import ModelConfig
from training.config.retraining import ChecksConfig, RetrainConfig
from training.config.targets import TargetConfig, check_targets


class TaskConfig(Document):
    """A whole task file."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_\-]{0,63}$", description="of the model in the registry"
    )
    data: DataConfig
    targets: tuple[TargetConfig, ...] = Field(
        default=(), description="what else is predicted, beside the label of `data`"
    )
    features: FeatureSpec
    history: HistoryConfig = HistoryConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    split: SplitConfig = SplitConfig()
    gate: GateConfig = GateConfig()
    report: ReportConfig = ReportConfig()
    checks: ChecksConfig = ChecksConfig()
    retrain: RetrainConfig = RetrainConfig()

    @model_validator(mode="after")
    def _cuts_are_possible(self) -> Self:
        if self.data.time is None and isinstance(self.split.validation_from, datetime):
            raise ValueError(
                "split names moments, but data.time is null; expected shares of the rows such as 0.8 and 0.9"
            )
        return self

    @model_validator(mode="after")
    def _a_column_is_read_in_one_way(self) -> Self:
        time = self.data.time
        if time is None:
            return self
        impression = time.how()
        for raw in self.features.raw_inputs():
            same = raw.column == time.column and raw.kind is RawKind.TIME
            if same and not impression.agrees_with(raw.time):
                raise ValueError(_read_in_two_ways(time.column, impression, raw.time))
        return self

    @model_validator(mode="after")
    def _features_are_known_before_the_click(self) -> Self:
        labels = {target.label for target in self.all_targets()}
        for place, columns in _columns_by_place(self.features):
            for column in columns:
                if column in labels:
                    raise ValueError(
                        f"features.{place}: expected a column that is known before the click, got the label {column!r}"
                    )
        return self

    @model_validator(mode="after")
    def _outcomes_count_once_they_are_known(self) -> Self:
        join, delay = self.retrain.join, self.history.delay
        if self.features.history and join.decisions is not None and self.history.delay_ms < join.window_ms:
            raise ValueError(
                f"history.delay: expected at least retrain.join.window ({join.window}), as until then nobody knows that an "
                f"impression gets no click, got {delay}"
            )
        if self.features.history and self.history.delay_ms < self.retrain.attribution_ms:
            raise ValueError(
                f"history.delay: expected at least retrain.attribution ({self.retrain.attribution}), as until then a click "
                f"may still come, got {delay}"
            )
        return self

    @model_validator(mode="after")
    def _segments_have_one_id(self) -> Self:
        segment = self.training.calibration.segment
        named = [feature.name for feature in self.features.features() if feature.is_one_id]
        if segment is not None and segment not in named:
            raise ValueError(
                f"training.calibration.segment names {segment!r}, which is no single-valued id feature; expected one of "
                f"{sorted(named)}"
            )
        return self

    @model_validator(mode="after")
    def _has_a_teacher(self) -> Self:
        if self.training.distill and self.model.ensemble == 1:
            raise ValueError(
                "training.distill: expected model.ensemble above 1, whose answers a network can learn, got 1"
            )
        return self

    @model_validator(mode="after")
    def _targets_fit(self) -> Self:
        check_targets(self.data.target, self.targets)
        alone = [target.name for target in self.targets if target.after is None]
        if alone and self.training.keep_rate < 1:
            # Only what cannot happen without the first target is sure to be kept whole.
            raise ValueError(
                f"training.keep_rate: expected 1, or targets after {self.data.target!r}; got {self.training.keep_rate}, and "
                f"{alone} may happen in an impression that is left out"
            )
        if self.model.sharing == "mmoe" and not self.targets:
            raise ValueError(
                "model.sharing: expected targets to share for mmoe, got none; name them in targets"
            )
        return self

    def all_targets(self) -> tuple[TargetConfig, ...]:
        """The target of `data.label`, and those of `targets`."""
        data = self.data
        return (TargetConfig(name=data.target, label=data.label, positive=data.positive), *self.targets)

    def for_baseline(self) -> TrainingConfig:
        """How the `logistic` beside the task's own family is fitted: nothing holds its weights, and nothing averages them."""
        return self.training.for_linear().model_copy(
            update={
                "l2_rare": 0.0,
                "ema": None,
                "loss": "binary_crossentropy",
                "label_smoothing": 0.0,
                "ranking_weight": 0.0,
                "distill": False,
            }
        )

    def compared_with(self, names: Sequence[str]) -> Self:
        """The same task with more models beside it in the report."""
        compare = tuple(dict.fromkeys([*self.report.compare, *names]))
        return self.model_copy(update={"report": self.report.model_copy(update={"compare": compare})})

    def with_seed(self, seed: int | None) -> Self:
        """The same task with another seed; the same task when ``seed`` is None."""
        if seed is None:
            return self
        return self.model_copy(update={"training": self.training.model_copy(update={"seed": seed})})


def _columns_by_place(spec: FeatureSpec) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Where a feature stands in the task file, and the columns of the log that it reads."""
    for side in Side:
        for feature in getattr(spec, side.value):
            yield f"{side.value}.{feature.name}", feature.columns
    for counted in spec.history:
        yield f"history.{counted.name}", counted.of


def _read_in_two_ways(column: str, impression: TimeColumn, feature: TimeColumn) -> str:
    # Whoever wrote nothing at one place meant what stands at the other.
    meant = feature if impression == TimeColumn() else impression
    written = meant.model_dump(exclude_defaults=True)
    return (
        f"data.time reads the column {column!r} as {_flow(impression.model_dump())}, features.time_columns as "
        f"{_flow(feature.model_dump())}; expected one way for one column: write "
        f"data.time: {_flow({'column': column, **written})} and features.time_columns: {_flow({column: written})}"
    )


def _flow(values: dict[str, Any]) -> str:
    return yaml.safe_dump(values, default_flow_style=True, sort_keys=False, width=1000).strip()
