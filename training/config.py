"""The task file, ``axon.yaml``: everything that decides which model comes out of a run.

`load_config` reads and checks it; every other file of this room takes the part of it that it needs.
"""

import difflib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from features.errors import FeatureError
from features.spec import FeatureSpec, TimeColumn
from training.errors import ConfigError


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TableConfig(_Part):
    """A table of users or items, joined to the log by its key."""

    path: str = Field(description="file or glob, relative to the data root")
    key: str = Field(description="column with the id, of the same name in the log")


class TimeConfig(TimeColumn):
    """The log's time column."""

    column: str


class DataConfig(_Part):
    """Where the log and the tables are and how they are read."""

    root: str = Field(default=".", description="directory of the files, relative to the task file")
    log: str = Field(description="file or glob: .csv .tsv .parquet .jsonl, also with .gz")
    users: TableConfig | None = None
    items: TableConfig | None = None
    label: str = Field(description="column with 1 for a click and 0 for none")
    time: TimeConfig = Field(description="column with the time of the impression")
    user_key: str | None = Field(default=None, description="column that identifies a user, for GAUC")
    separator: str | None = Field(
        default=None, min_length=1, max_length=1, description="of .csv files; ',' by default"
    )
    rename: dict[str, str] = Field(default_factory=dict, description="column in the files -> name used here")
    missing_values: tuple[str, ...] = Field(
        default=("",), description="cells of text files that mean missing"
    )
    max_bad_rows: float = Field(
        default=0.01, ge=0, le=1, description="share of unreadable rows that a run accepts"
    )

    @property
    def user_column(self) -> str | None:
        """The column whose values tell users apart, if the task file names one."""
        return self.user_key or (self.users.key if self.users else None)


class ModelConfig(_Part):
    """Which network is trained."""

    family: str = Field(default="mlp", description="a name in training.models.FAMILIES")
    embedding_dim: int = Field(default=16, ge=1, le=1024)
    hidden: tuple[int, ...] = Field(default=(128, 64), description="units of each hidden layer")
    activation: str = Field(default="relu", description="linear, sigmoid, tanh, relu, or another of Keras")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="share of hidden units dropped")
    embedding_dropout: float = Field(
        default=0.0, ge=0, lt=1, description="share of embedding numbers dropped"
    )
    batch_norm: bool = False
    head: Literal["sigmoid", "softmax"] = "sigmoid"


class OptimizerConfig(_Part):
    """How the weights follow the gradient."""

    name: Literal["sgd", "momentum", "adam", "adamw", "adagrad", "rmsprop", "ftrl", "lamb"] = "adam"
    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(
        default=0.0,
        ge=0,
        description="share of every weight, times the rate, taken off at each step (decoupled)",
    )
    clip_norm: float | None = Field(default=None, gt=0, description="largest global norm of the gradient")


class ScheduleConfig(_Part):
    """How the learning rate changes over the run; steps are counted over all epochs."""

    name: Literal["constant", "exponential", "cosine", "restarts", "plateau"] = "constant"
    warmup: float = Field(
        default=0.0, ge=0, lt=1, description="share of all steps in which the rate rises to full"
    )
    decay: float = Field(default=0.5, gt=0, le=1, description="factor per epoch (exponential) or per plateau")
    floor: float = Field(default=0.01, ge=0, le=1, description="lowest rate as a share of the full one")


class EarlyStoppingConfig(_Part):
    """When to stop: the best weights on validation log loss are restored."""

    patience: int = Field(default=4, ge=1, description="validations without an improvement before stopping")
    min_delta: float = Field(default=0.0, ge=0, description="what counts as an improvement of log loss")
    checks_per_epoch: int = Field(default=2, ge=1, le=1000, description="validations within one epoch")


class BaselineConfig(_Part):
    """How `logistic` is fitted when it stands beside another family: one weight per id wants larger steps."""

    epochs: int = Field(default=12, ge=1)
    learning_rate: float = Field(default=0.01, gt=0)
    weight_decay: float = Field(default=0.0, ge=0)


class TrainingConfig(_Part):
    """How the network is fitted."""

    epochs: int = Field(default=5, ge=1)
    batch_size: int = Field(default=4096, ge=1, description="impressions per step")
    loss: Literal["binary_crossentropy", "absolute_error", "squared_error"] = "binary_crossentropy"
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    early_stopping: EarlyStoppingConfig = EarlyStoppingConfig()
    l2: float = Field(default=0.0, ge=0, description="weight of the squared dense weights in the loss")
    l2_embedding: float = Field(
        default=0.0, ge=0, description="weight of a batch's squared embeddings in the loss"
    )
    id_dropout: float = Field(default=0.0, ge=0, lt=1, description="share of vocabulary ids trained as OOV")
    keep_rate: float = Field(default=1.0, gt=0, le=1, description="share of non-clicks kept for training")
    baseline: BaselineConfig = BaselineConfig()
    calibration: Literal["platt", "temperature", "none"] = "platt"
    seed: int = Field(default=2026, ge=0, lt=2**32)


class SplitConfig(_Part):
    """Past trains, future judges: cuts in time, as moments or as shares of the impressions.

    Impressions before ``validation_from`` train, those before ``test_from`` choose, the rest judge. Where
    ``test_from`` is null there is no test slice and the report is about the validation slice.
    """

    validation_from: datetime | float = Field(
        default=0.8, description="a moment with its zone, or a share in (0, 1)"
    )
    test_from: datetime | float | None = Field(
        default=0.9, description="like validation_from; null for no test slice"
    )

    @field_validator("validation_from", "test_from")
    @classmethod
    def _is_usable(cls, cut: datetime | float | None) -> datetime | float | None:
        if isinstance(cut, datetime) and cut.tzinfo is None:
            raise ValueError(
                f"expected a moment with its time zone such as 2022-05-05T00:00:00+08:00, got {cut}"
            )
        if isinstance(cut, float) and not 0 < cut < 1:
            raise ValueError(f"expected a share between 0 and 1, got {cut}")
        return cut

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        early, late = self.validation_from, self.test_from
        if late is None:
            return self
        if type(early) is not type(late):
            raise ValueError("expected two moments or two shares, got one of each")
        if not early < late:  # type: ignore[operator]  # same type on both sides
            raise ValueError(f"expected validation_from before test_from, got {early} and {late}")
        return self


class GateConfig(_Part):
    """What a model must reach on the held-out slice before it is published; null asks for nothing."""

    beat: tuple[Literal["prior", "logistic"], ...] = Field(
        default=("prior",), description="lower log loss than these"
    )
    min_auc: float | None = Field(default=None, ge=0, le=1)
    max_log_loss: float | None = Field(default=None, gt=0)
    max_ece: float | None = Field(default=None, gt=0, le=1)
    max_calibration_error: float | None = Field(
        default=0.5, gt=0, description="largest distance of predicted over observed clicks from 1"
    )


class ReportConfig(_Part):
    """What the report shows beside the whole slice."""

    segments: tuple[str, ...] = Field(
        default=(), description="columns by whose values the metrics are repeated"
    )
    max_values: int = Field(
        default=10, ge=1, le=100, description="most frequent values of a segment column shown"
    )


class TaskConfig(_Part):
    """A whole task file."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_\-]{0,63}$", description="of the model in the registry"
    )
    data: DataConfig
    features: FeatureSpec
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    split: SplitConfig = SplitConfig()
    gate: GateConfig = GateConfig()
    report: ReportConfig = ReportConfig()

    def for_baseline(self) -> TrainingConfig:
        """How the `logistic` beside the task's own family is fitted."""
        baseline = self.training.baseline
        return self.training.model_copy(
            update={
                "epochs": baseline.epochs,
                "l2": 0.0,
                "l2_embedding": 0.0,
                "id_dropout": 0.0,
                "loss": "binary_crossentropy",
                "optimizer": OptimizerConfig(
                    name="adamw", learning_rate=baseline.learning_rate, weight_decay=baseline.weight_decay
                ),
                "schedule": ScheduleConfig(),
            }
        )

    def with_seed(self, seed: int | None) -> Self:
        """The same task with another seed; the same task when ``seed`` is None."""
        if seed is None:
            return self
        return self.model_copy(update={"training": self.training.model_copy(update={"seed": seed})})


def load_config(path: Path) -> TaskConfig:
    """Read a task file.

    Raises:
        ConfigError: If the file is missing, is no YAML or does not say what it should; the text names every place.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(
            f"expected a task file at {path}, found nothing; examples/ has some to copy"
        ) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: expected a YAML file: {error}") from error
    return parse_config(document, source=str(path))


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
