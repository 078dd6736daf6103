"""A whole task file, ``axon.yaml``: everything that decides which model comes out of a run.

`load_config` reads and checks it; every other file of this room takes the part of it that it needs.
"""

import difflib
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Self, get_args

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from features.document import Document
from features.errors import FeatureError
from features.spec import (
    Age,
    Buckets,
    Categorical,
    ColumnFeature,
    Cross,
    FeatureSpec,
    Hashed,
    MultiValued,
    Numeric,
    Rate,
    RawKind,
    Side,
    TimeColumn,
    TimePart,
)
from training.config.data import DataConfig
from training.config.fitting import OptimizerConfig, ScheduleConfig, TrainingConfig
from training.config.history import HistoryConfig
from training.config.judging import GateConfig, ReportConfig, SplitConfig
from training.config.model import ModelConfig
from training.config.retraining import ChecksConfig, RetrainConfig
from training.config.targets import TargetConfig, check_targets
from training.errors import ConfigError

_SINGLE_VALUED_ID = Categorical | Hashed | Buckets | TimePart | Cross


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
        impression = TimeColumn(format=time.format, time_zone=time.time_zone)
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
        named = [
            feature.name for feature in self.features.features() if isinstance(feature, _SINGLE_VALUED_ID)
        ]
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
        """How the `logistic` beside the task's own family is fitted."""
        baseline = self.training.baseline
        return self.training.model_copy(
            update={
                "epochs": baseline.epochs,
                "l2": 0.0,
                "l2_embedding": 0.0,
                "l2_rare": 0.0,
                "id_dropout": 0.0,
                "ema": None,
                "loss": "binary_crossentropy",
                "label_smoothing": 0.0,
                "ranking_weight": 0.0,
                "embedding_optimizer": None,
                "distill": False,
                "optimizer": OptimizerConfig(
                    name="adamw", learning_rate=baseline.learning_rate, weight_decay=baseline.weight_decay
                ),
                "schedule": ScheduleConfig(),
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
            yield f"{side.value}.{feature.name}", _columns_of(feature)
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


def _columns_of(feature: ColumnFeature) -> tuple[str, ...]:
    match feature:
        case Rate():
            return feature.clicks, feature.impressions
        case Age():
            return feature.column, feature.at
        case Categorical() | Hashed() | MultiValued() | Numeric() | Buckets() | TimePart():
            return (feature.column,)


def load_config(path: Path) -> TaskConfig:
    """Read a task file, and the one that it `extends`, if any.

    Raises:
        ConfigError: If the file is missing, is no YAML or does not say what it should; the text names every place.
    """
    return parse_config(read_document(path), source=str(path))


def read_document(path: Path, *, before: tuple[str, ...] = ()) -> Any:
    """What a task file says; where it `extends` another of its folder, its own words win, key by key.

    Args:
        path: The task file.
        before: Names of the files that extend this one, directly or not.

    Raises:
        ConfigError: If a file is missing or is no YAML, or `extends` names none that stands on its own.
    """
    document = _read(path)
    if not isinstance(document, dict) or "extends" not in document:
        return document
    name = document.pop("extends")
    if not isinstance(name, str) or Path(name).name != name:
        raise ConfigError(
            f"{path}: extends: expected the name of a task file in the same folder, got {name!r}"
        )
    if name in (*before, path.name):
        raise ConfigError(
            f"{path}: extends: expected a file that stands on its own, but {name} extends this one"
        )
    extended = read_document(path.with_name(name), before=(*before, path.name))
    if not isinstance(extended, dict):
        raise ConfigError(f"{path}: extends: expected a task file, but {name} holds no mapping")
    return _merged(extended, document)


def _merged(extended: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    merged = dict(extended)
    for key, value in own.items():
        below = merged.get(key)
        merged[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _read(path: Path) -> object:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(
            f"expected a task file at {path}, found nothing; examples/ has some to copy"
        ) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: expected a YAML file: {error}") from error


def parse_config(document: object, *, source: str) -> TaskConfig:
    """Check a task that is already a document.

    Raises:
        ConfigError: With one line for every place that is wrong.
    """
    if not isinstance(document, dict):
        raise ConfigError(
            f"{source}: expected a mapping with name, data and features, got {type(document).__name__}"
        )
    try:
        return TaskConfig.model_validate(document)
    except ValidationError as error:
        lines = [_explained(problem) for problem in error.errors(include_url=False)]
        raise ConfigError(f"{source}: " + "\n  ".join([f"{len(lines)} thing(s) to mend:", *lines])) from error
    except FeatureError as error:
        raise ConfigError(f"{source}: features: {error}") from error


def data_root(config: TaskConfig, config_path: Path, override: Path | None) -> Path:
    """The directory of the data files: the override, or the task file's root seen from the task file."""
    return override if override is not None else (config_path.parent / config.data.root).resolve()


def _explained(problem: Any) -> str:
    """One line for one mistake: where it is, what is wrong, and the nearest known key for an unknown one."""
    place = ".".join(str(part) for part in problem["loc"])
    if problem["type"] != "extra_forbidden":
        return f"{place}: {problem['msg']} (got {problem['input']!r:.80})"
    unknown = str(problem["loc"][-1])
    known = _known_keys(problem["loc"][:-1])
    near = difflib.get_close_matches(unknown, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(sorted(known))}"
    return f"{place}: unknown key {unknown!r}; {hint}"


def _known_keys(place: tuple[int | str, ...]) -> list[str]:
    """The keys that the model at a place of the task file knows."""
    models: list[type[BaseModel]] = [TaskConfig]
    for part in place:
        if isinstance(part, int):
            continue
        inner = [found for model in models for found in _models_in(model, part)]
        models = inner or models
    return [key for model in models for key in model.model_fields]


def _models_in(model: type[BaseModel], key: str) -> list[type[BaseModel]]:
    """The models that a field may hold; a kind's name chooses among features."""
    if key in model.model_fields:
        return list(_models_of(model.model_fields[key].annotation))
    kind = model.model_fields.get("kind")
    return [model] if kind is not None and kind.default == key else []


def _models_of(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_of(inner)
