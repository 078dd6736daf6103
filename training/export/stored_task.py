"""The task file that a version was made from: a version comes in, its task, or which of its answers another task asks for, go out.

`training.gate.champion` and `training.scoring` compare a version's answers with labels only through it, and replay what
happened as the version learned it.
"""

import yaml

from registry.manifest import TASK
from registry.version import Version
from training.config import HistoryConfig, TargetConfig, TaskConfig, parse_config
from training.errors import ConfigError, DataError
from training.targets import PROBABILITY, PROBABILITY_OF


def stored_task(version: Version) -> TaskConfig:
    """What a version was trained for.

    Raises:
        ConfigError: If it does not say, or in words of another time.
        OSError: If the file is not there.
    """
    text = (version.directory / TASK).read_text(encoding="utf-8")
    return parse_config(yaml.safe_load(text), source=f"the task file of {version}")


def history_of(version: Version, config: TaskConfig) -> HistoryConfig:
    """When outcomes were known while a version learned; as another task has it where the version does not say."""
    try:
        return stored_task(version).history
    except (OSError, ConfigError):
        return config.history


def output_for(version: Version, config: TaskConfig) -> str:
    """Which output of a version tells the first target of a task: that of the same label, wherever it stands.

    A version that does not say what it was trained for is taken to mean its first target.

    Raises:
        DataError: If no output does.
    """
    try:
        task = stored_task(version)
    except (OSError, ConfigError):
        return PROBABILITY
    wanted, *_ = config.all_targets()
    answered = task.all_targets()
    for target in answered:
        if (target.label, target.positive) == (wanted.label, wanted.positive):
            return f"{PROBABILITY_OF}{target.name}" if task.targets else PROBABILITY
    raise DataError(
        f"{version} was trained on the label {', '.join(map(_shown, answered))}, the task file has {_shown(wanted)} "
        "(data.label, data.positive)"
    )


def _shown(target: TargetConfig) -> str:
    values = " or ".join(map(repr, target.positive))
    return f"{target.label!r} of {values}" if values else f"{target.label!r}"
