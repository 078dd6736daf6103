"""A whole task file, ``axon.yaml``: everything that decides which model comes out of a run.

`load_config` reads and checks it; every other file of this room takes the part of it that it needs.
"""

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self, get_args

import yaml
from pydantic import BaseModel, Field, ValidationError

from features.errors import FeatureError
from features.spec import FeatureSpec
from training.config.data import DataConfig
from training.config.fitting import OptimizerConfig, ScheduleConfig, TrainingConfig
from training.config.judging import GateConfig, ReportConfig, SplitConfig
from training.config.model import ModelConfig
from training.config.part import Part
from training.errors import ConfigError


class TaskConfig(Part):
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
