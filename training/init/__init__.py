"""``axon init``: looks at an unknown log and writes a task file that trains without edits.

`axon.commands.init` calls `write_task`; the other files of this room each make one kind of decision.
"""

import re
from pathlib import Path

import yaml

from training.config import load_config, parse_config, refuse_to_overwrite
from training.init.document import written
from training.init.plan import Draft, draft
from training.init.reading import Question
from training.progress import Progress

__all__ = ["Draft", "Question", "write_task"]


def write_task(
    question: Question, output: Path, *, name: str | None, force: bool, progress: Progress
) -> Draft:
    """Look at a log and write its task file.

    Args:
        question: The log, its tables and its label.
        output: The task file.
        name: Of the model; by default that of the log.
        force: Whether a file that is there already may be replaced.
        progress: Told about every chunk.

    Raises:
        ConfigError: If the file exists and must not be replaced.
        DataError: If the log cannot be used.
    """
    refuse_to_overwrite(output, force=force)
    decided = draft(question, progress)
    text = written(decided, question, name=name or _name_of(question.log), folder=output.absolute().parent)
    parse_config(yaml.safe_load(text), source="what axon init wants to write")
    output.write_text(text, encoding="utf-8")
    load_config(output)
    return decided


def _name_of(log: Path) -> str:
    """A model's name from that of a file."""
    stem = log.name.split(".")[0]
    return re.sub(r"[^A-Za-z0-9_\-]+", "-", stem).strip("-_")[:64] or "clicks"
