"""What a search found: a book comes in, ranked trials and the winner go out, for the terminal, the page and the winner's file.

`training.tune.tuning` writes it into the run's directory.
"""

import math
from datetime import datetime
from typing import Any

import polars as pl
from optuna.trial import FrozenTrial, TrialState
from pydantic import BaseModel, ConfigDict, Field

from training.config import TaskConfig
from training.tune.confirm import shortlist, winner
from training.tune.search import REFUSED, STOPPED_AT, Search

SEARCHED = ("model", "training")
"""The parts of a task file that a search changes."""


class TunedTrial(BaseModel):
    """One trial; without a log loss where it was pruned or could not be trained."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    number: int
    rank: int | None = Field(description="1 is the winner; null without a log loss")
    family: str
    log_loss: float | None = Field(
        description="after calibration, on the judging impressions, in nats per impression"
    )
    confirmed: float | None = Field(description="the same with another seed; null where it was not tried")
    stopped_at: float | None = Field(description="lowest log loss on the stopping impressions")
    seconds: float
    changes: dict[str, Any] = Field(description="what differs from the task file: its key, and the value")
    refused: str | None = Field(description="why it could not be trained")

    @property
    def mean(self) -> float | None:
        """The mean of both seeds; of one where there is one."""
        if self.log_loss is None or self.confirmed is None:
            return self.log_loss
        return (self.log_loss + self.confirmed) / 2

    @property
    def without(self) -> str:
        """Why it has no log loss, in short."""
        return "not trained" if self.refused else "pruned"

    @property
    def changed(self) -> str:
        """The changes in one line."""
        return ", ".join(
            f"{key.partition('.')[2]} {_shown(value)}"
            for key, value in self.changes.items()
            if key != "model.family"
        )


class TuneResult(BaseModel):
    """A search and its trials, the winner first, the pruned ones last."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    created_at: datetime
    code_version: str
    sampler: str
    seed: int
    families: tuple[str, ...]
    rows: dict[str, int] = Field(description="impressions that train, stop and judge")
    complete: bool = Field(description="false where it was interrupted; the same command goes on")
    first: int = Field(description="number of the trial that is the task file as it stands")
    trials: tuple[TunedTrial, ...]

    @property
    def winner(self) -> TunedTrial:
        """The trial that the new task file is made of."""
        return self.trials[0]

    @property
    def baseline(self) -> TunedTrial:
        """The task file as it stands."""
        return next(trial for trial in self.trials if trial.number == self.first)

    def table(self) -> pl.DataFrame:
        """One row per trial and one column per key that any of them changed; empty where it was not changed."""
        keys = sorted({key for trial in self.trials for key in trial.changes})
        return pl.DataFrame(
            [
                trial.model_dump(exclude={"changes"})
                | {key: _shown(trial.changes[key]) if key in trial.changes else None for key in keys}
                for trial in self.trials
            ],
            infer_schema_length=None,
        )


def ranked(search: Search, best: int) -> tuple[TunedTrial, ...]:
    """Every trial: the winner, the others that were confirmed, those with a log loss, those without."""
    confirmed = search.book.confirmed()
    won = winner(search, best).number
    listed = {trial.number for trial in shortlist(search, best)} & set(confirmed)

    def place(trial: FrozenTrial) -> tuple[bool, bool, bool, float, int]:
        log_loss = _log_loss(trial)
        value = math.inf if log_loss is None else log_loss
        mean = (value + confirmed[trial.number]) / 2 if trial.number in listed else value
        return (trial.number != won, log_loss is None, trial.number not in listed, mean, trial.number)

    in_order = sorted(search.book.finished(), key=place)
    return tuple(_tuned(search, trial, rank) for rank, trial in enumerate(in_order, 1))


def differences(task: TaskConfig, other: TaskConfig) -> dict[str, Any]:
    """The values of the searched parts that differ from those of ``task``, by their keys in the task file."""
    before, after = _leaves(task), _leaves(other)
    # A part that is new, such as the embeddings' optimizer, is null where it is not named.
    return {key: value for key, value in after.items() if before.get(key) != value}


def _tuned(search: Search, trial: FrozenTrial, rank: int) -> TunedTrial:
    task = search.task_of(trial)
    log_loss, confirmed = _log_loss(trial), search.book.confirmed().get(trial.number)
    return TunedTrial(
        number=trial.number,
        rank=None if log_loss is None else rank,
        family=task.model.family,
        log_loss=log_loss,
        confirmed=confirmed if confirmed is not None and math.isfinite(confirmed) else None,
        stopped_at=trial.user_attrs.get(STOPPED_AT),
        seconds=round(trial.duration.total_seconds(), 1) if trial.duration else 0.0,
        changes=differences(search.space.task, task),
        refused=trial.user_attrs.get(REFUSED),
    )


def _log_loss(trial: FrozenTrial) -> float | None:
    # Of a pruned trial Optuna keeps as its value what it reported last, on the stopping impressions.
    return trial.value if trial.state is TrialState.COMPLETE else None


def _leaves(task: TaskConfig) -> dict[str, Any]:
    found: dict[str, Any] = {}
    waiting = [(part, getattr(task, part).model_dump(mode="json")) for part in SEARCHED]
    while waiting:
        key, value = waiting.pop(0)
        if isinstance(value, dict):
            waiting[:0] = [(f"{key}.{name}", inner) for name, inner in value.items()]
        else:
            found[key] = value
    return found


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    return "-".join(map(str, value)) if isinstance(value, list) else f"{value}"
