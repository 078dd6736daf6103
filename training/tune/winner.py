"""The winner as a task file: the file that was searched around and a result come in, a new ``axon.yaml`` is written.

It says what the old file says, and the files that this one extends, but for comments and for what the winner changes.
"""

import os
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from training.config import parse_config
from training.config.reading import read_document
from training.tune.result import TunedTrial, TuneResult


def refuse_unwritable(source: Path, data_root: Path, output: Path) -> None:
    """Raise before a long search around a task file that cannot be written again.

    Raises:
        ConfigError: If what would be written, where nothing better is found, is no task file.
    """
    _winner_text({}, source, data_root, output)


def write_winner(result: TuneResult, source: Path, data_root: Path, output: Path) -> None:
    """Write the task file of the winner.

    Args:
        result: What was found.
        source: The task file that was searched around.
        data_root: Where its data are; the new file names the place as seen from its own.
        output: The new file.

    Raises:
        ConfigError: If what would be written is no task file.
    """
    text = _header(result, source) + _winner_text(result.winner.changes, source, data_root, output)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text, encoding="utf-8")


def with_changes(document: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A task file as a document, with some keys, such as ``training.optimizer.learning_rate``, set to new values."""
    changed = deepcopy(document)
    for key, value in changes.items():
        *path, last = key.split(".")
        part = changed
        for name in path:
            # A part may be missing or null: its defaults hold, beside what is set here.
            part[name] = part.get(name) or {}
            part = part[name]
        part[last] = value
    return changed


def _winner_text(changes: dict[str, Any], source: Path, data_root: Path, output: Path) -> str:
    """The new file without its comments; it has been parsed."""
    document = read_document(source)
    if any(key.startswith(("training.optimizer.", "training.embedding_optimizer.")) for key in changes):
        document = _with_optimizers(document, source)
    tuned = with_changes(document, changes)
    tuned["data"] = tuned["data"] | {"root": _seen_from(output.absolute().parent, data_root, document)}
    text = yaml.safe_dump(tuned, sort_keys=False, allow_unicode=True)
    parse_config(yaml.safe_load(text), source="what axon tune wants to write")
    return text


def _with_optimizers(document: dict[str, Any], source: Path) -> dict[str, Any]:
    """The document with both optimisers in full: where a task file names one in part, the other keys are not those of a file without."""
    training = parse_config(document, source=source.name).training
    said = training.model_dump(mode="json", include={"optimizer", "embedding_optimizer"})
    return document | {"training": (document.get("training") or {}) | said}


def _seen_from(folder: Path, data_root: Path, document: dict[str, Any]) -> str:
    """The data's directory: absolute where it was absolute, else relative to the new file."""
    if Path(document["data"].get("root", ".")).is_absolute():
        return str(data_root)
    return Path(os.path.relpath(data_root.resolve(), folder.resolve())).as_posix()


def _header(result: TuneResult, source: Path) -> str:
    winner, baseline = result.winner, result.baseline
    completed = sum(trial.log_loss is not None for trial in result.trials)
    lines = [
        f"Written by axon tune from {source.name} on {result.created_at:%Y-%m-%d}: trial {winner.number} of "
        f"{len(result.trials)} ({completed} not pruned), sampler {result.sampler}, seed {result.seed}.",
        f"Log loss on {result.rows['judge']:,} impressions of the validation slice: {_figures(winner)}.",
        f"The task file as it stood: {_figures(baseline)}.",
        "These impressions chose among the trials, so the figures flatter the winner; the test slice was not looked at.",
    ]
    if winner.number == baseline.number:
        lines.append("Nothing better was found: this is the same task.")
    return "".join(f"# {line}\n" for line in lines) + "\n"


def _figures(trial: TunedTrial) -> str:
    if trial.confirmed is None:
        return f"{trial.log_loss:.5f}"
    return f"{trial.mean:.5f} (mean of {trial.log_loss:.5f} and, with another seed, {trial.confirmed:.5f})"
