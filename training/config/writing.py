"""A task as a file again: a `TaskConfig` comes in, YAML that `parse_config` reads back goes out.

Every run and every version carries one, and `training.fitting.warm_start` rebuilds a champion's network from it.
"""

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from training.config.task import TaskConfig
from training.errors import ConfigError


def as_yaml(config: TaskConfig) -> str:
    """The task file with what differs from the defaults."""
    return yaml.safe_dump(_written(config), sort_keys=False, allow_unicode=True)


def refuse_to_overwrite(output: Path, *, force: bool) -> None:
    """Raise before long work whose result could not be written.

    Raises:
        ConfigError: If there is a file, and ``force`` does not allow to replace it.
    """
    if output.exists() and not force:
        raise ConfigError(
            f"{output}: expected no such file yet, found one; --force replaces it, --output names another"
        )


def _written(part: BaseModel) -> dict[str, Any]:
    """What differs from the defaults, and what says which kind a part is."""
    document = part.model_dump(mode="json", exclude_defaults=True)
    for name in document:
        value = getattr(part, name)
        if isinstance(value, BaseModel):
            document[name] = _written(value)
        elif isinstance(value, tuple) and any(isinstance(inner, BaseModel) for inner in value):
            document[name] = [_written(inner) for inner in value]
    kind = getattr(part, "kind", None)
    return document if kind is None else {"kind": kind, **document}
