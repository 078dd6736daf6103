"""The book that a search keeps on disc: trials are written as they happen, and an interrupted search is taken up again.

`training.tune.search` asks it for trials, `training.tune.confirm` notes second seeds in it. Every line is on disc
before the next trial begins, so that a killed search loses no more than the trial that was running.
"""

import fcntl
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState
from pydantic import BaseModel, ConfigDict, Field

from registry.durable import lock
from training.errors import ConfigError
from training.tune.annealing import finished_in
from training.tune.samplers import SAMPLERS, pruner
from training.tune.space import Point

JOURNAL = "study.journal"
_NAME, _QUESTION, _CONFIRMED = "search", "question", "confirmed"


class Question(BaseModel):
    """What a search asks: only the same question may go on in the same book."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: dict[str, Any] = Field(description="the task file without its name, gate and report")
    families: tuple[str, ...]
    sampler: str = Field(description="a name in training.tune.samplers.SAMPLERS")
    seed: int
    rows: dict[str, int] = Field(description="impressions that train, stop and judge")
    data: dict[str, str] = Field(description="sha256 of the encoded ones and their labels")


@contextmanager
def claimed(directory: Path) -> Iterator[None]:
    """While it is open no other process searches in the directory; the system ends the claim of a killed one.

    Raises:
        ConfigError: If another process has claimed it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as file:
        try:
            lock(file.fileno(), directory / "lock", fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(
                f"{directory}: expected no other search there, got one that is running: wait for it, or name another "
                "directory with --runs"
            ) from error
        yield


class Book:
    """A study in a journal file, of the one process that has claimed its directory.

    Args:
        directory: Where the journal is, or is begun.
        question: What is asked.

    Raises:
        ConfigError: If the journal answers another question.
    """

    def __init__(self, directory: Path, question: Question) -> None:
        self.question = question
        self._study = self._open(directory / JOURNAL)

    def _open(self, journal: Path) -> optuna.Study:
        _mend(journal)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(journal))),
            study_name=_NAME,
            pruner=pruner(),
            load_if_exists=True,
        )
        asked = study.user_attrs.get(_QUESTION)
        if asked is None:
            study.set_user_attr(_QUESTION, self.question.model_dump_json())
        else:
            _refuse_another(json.loads(asked), self.question, journal)
        # Left behind by a process that was killed; only what runs can be ended, so what waits is begun first.
        for _ in study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            study.ask()
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            study.tell(trial.number, state=TrialState.FAIL)
        return study

    def finished(self) -> list[FrozenTrial]:
        """Trials that were completed or pruned, in their order; the first is the task file as it stands."""
        return finished_in(self._study)

    def completed(self) -> list[FrozenTrial]:
        """Trials that have a log loss."""
        return [trial for trial in self.finished() if trial.state is TrialState.COMPLETE]

    def begin(self, starts: Sequence[Point]) -> Trial:
        """The next trial: one of ``starts`` until all of them are finished, then what the sampler proposes."""
        finished = len(self.finished())
        if finished < len(starts):
            self._study.enqueue_trial(starts[finished])
        self._study.sampler = SAMPLERS[self.question.sampler](self.question.seed, finished)
        return self._study.ask()

    def close(self, trial: Trial, log_loss: float | None) -> None:
        """Write down how a trial ended; None where it was pruned."""
        if log_loss is None:
            self._study.tell(trial, state=TrialState.PRUNED)
        else:
            self._study.tell(trial, log_loss)

    def drop(self, trial: Trial) -> None:
        """Forget a trial that was not allowed to end."""
        self._study.tell(trial, state=TrialState.FAIL)

    def confirm(self, number: int, log_loss: float) -> None:
        """Write down what a trial gave with another seed."""
        self._study.set_user_attr(f"{_CONFIRMED} {number}", log_loss)

    def confirmed(self) -> dict[int, float]:
        """Log loss with another seed, by the trial's number."""
        return {
            int(name.removeprefix(_CONFIRMED)): float(value)
            for name, value in self._study.user_attrs.items()
            if name.startswith(_CONFIRMED)
        }


def _mend(journal: Path) -> None:
    """Cut off a line that a killed process could not finish, and remove the lock that it held for it."""
    journal.with_name(f"{journal.name}.lock").unlink(missing_ok=True)
    if journal.exists():
        written = journal.read_bytes()
        whole = written.rfind(b"\n") + 1
        if whole < len(written):
            with journal.open("r+b") as file:
                file.truncate(whole)


def _refuse_another(asked: dict[str, Any], question: Question, journal: Path) -> None:
    now = json.loads(question.model_dump_json())
    # A journal of an older version lacks what was not noted then.
    changed = sorted(name for name in now if now[name] != asked.get(name))
    if changed:
        older = "" if now.keys() <= asked.keys() else " or one of an older version that did not note it"
        raise ConfigError(
            f"{journal.parent}: expected a search for the same {', '.join(changed)} as before, got another{older}: "
            "--restart begins anew and forgets its trials, --runs names another directory"
        )
