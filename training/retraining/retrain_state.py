"""What survives a run and the loop around it: how it ended, when the next one is due, and who is at work.

`training.retraining.retrain` writes how a run ended, `training.retraining.loop` when the next begins. Nothing heavy is imported: the loop waits
for hours, and its memory should not be that of a training.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Self

from pydantic import AwareDatetime, Field

from features.document import Document
from registry.durable import lock, replace_file
from training.errors import BusyError

Ending = Literal["published", "refused", "drifted", "failed", "stopped"]


class RunOutcome(Document):
    """How a run ended, as ``outcome.json`` in its directory."""

    outcome: Ending = Field(
        description="published; refused by the gate; drifted: its log was refused; failed; stopped from outside"
    )
    run: str
    started_at: AwareDatetime
    ended_at: AwareDatetime
    until: AwareDatetime | None = Field(description="impressions from here on were left out")
    version: int | None = None
    reasons: tuple[str, ...] = ()


class RetrainState(Document):
    """What the loop must remember when it is started again."""

    last: RunOutcome | None = None
    failures: int = Field(default=0, ge=0, description="in a row")
    next_at: AwareDatetime | None = None

    @classmethod
    def read(cls, path: Path) -> Self:
        """The state, empty where there is none yet."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return cls()

    def write(self, path: Path) -> None:
        """Replace the state in one step."""
        replace_file(path, self.model_dump_json(indent=1).encode())


def state_path(runs: Path, name: str) -> Path:
    """Where a task's state is."""
    return runs / f"{name}.retrain.json"


@contextmanager
def alone(runs: Path, name: str, what: str) -> Iterator[None]:
    """Hold a lock that no other process holds; the kernel lets go of it however this one ends.

    Raises:
        BusyError: If another process holds it.
    """
    runs.mkdir(parents=True, exist_ok=True)
    with (runs / f".{name}.{what}.lock").open("ab") as file:
        try:
            lock(file.fileno(), Path(file.name), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError(
                f"expected to be the only {what} of {name!r}, but another process holds {file.name}; wait for it, or name "
                "other --runs"
            ) from error
        yield
