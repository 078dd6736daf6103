"""From a file to a `TaskConfig`: YAML comes in, a checked task goes out, or a line for every place that is wrong."""

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from features.errors import FeatureError
from training.config.task import TaskConfig
from training.errors import ConfigError


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
    if problem["type"] == "value_error" and isinstance(problem["input"], dict):
        # A rule about several keys names them itself; what it was asked about is a whole part of the file.
        return ": ".join(filter(None, [place, str(problem["ctx"]["error"])]))
    if problem["type"] != "extra_forbidden":
        return f"{place}: {_expected(problem)} (got {problem['input']!r:.80}){_nearest_word(problem)}"
    unknown = str(problem["loc"][-1])
    known = _known_keys(problem["loc"][:-1])
    near = difflib.get_close_matches(unknown, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(sorted(known))}"
    return f"{place}: unknown key {unknown!r}; {hint}"


def _expected(problem: Any) -> str:
    if problem["type"] in {"model_type", "model_attributes_type", "dict_type"}:
        return "expected a mapping of keys to values"
    return str(problem["msg"]).replace("Input should be", "expected", 1)


def _nearest_word(problem: Any) -> str:
    """A question for whoever misspelt one of the words that a key may have; empty for every other mistake."""
    if problem["type"] != "literal_error":
        return ""
    words = re.findall(r"'([^']*)'", problem["ctx"]["expected"])
    near = difflib.get_close_matches(str(problem["input"]), words, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


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
        return list(models_of(model.model_fields[key].annotation))
    kind = model.model_fields.get("kind")
    return [model] if kind is not None and kind.default == key else []


def models_of(annotation: object) -> Iterator[type[BaseModel]]:
    """The models that an annotation names, however deep."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models_of(inner)
