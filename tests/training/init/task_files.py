"""What `axon init` writes for a log, and what stands in it."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from tests.training.init.logs import LOGS
from training.config import TaskConfig, load_config
from training.init import Question, write_task
from training.progress import Silent


@cache
def written(name: str) -> Path:
    """The task file of one of the logs, written once."""
    folder = Path(mkdtemp())
    write, label = LOGS[name]
    output = folder / "axon.yaml"
    write_task(Question(write(folder), label), output, name=None, force=False, progress=Silent())
    return output


def task(name: str) -> TaskConfig:
    return load_config(written(name))


def kinds(config: TaskConfig) -> dict[str, str]:
    """Feature -> its kind."""
    return {feature.name: feature.kind for feature in config.features.features()}


def feature(config: TaskConfig, name: str) -> Any:
    """One feature, whatever its kind."""
    return next(feature for feature in config.features.features() if feature.name == name)


def sides(config: TaskConfig) -> dict[str, str]:
    """Column -> its side."""
    return {raw.column: str(raw.side) for raw in config.features.log_inputs()}


def left_out(name: str) -> dict[str, str]:
    """Column that was left out -> the reason."""
    lines = [line[6:] for line in written(name).read_text().splitlines() if line.startswith("  #   ")]
    return dict(line.split(": ", 1) for line in lines)


def init(log: Path, label: str = "clicked", **question: Any) -> TaskConfig:
    output = log.parent / "axon.yaml"
    write_task(Question(log, label, **question), output, name=None, force=True, progress=Silent())
    return load_config(output)
