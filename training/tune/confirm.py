"""A second seed for the best few: trials come in, the one that is good with both seeds goes out.

The lowest of many log losses is partly luck, and a search picks the luckiest. Networks are trained once more with
another seed, and the mean of both decides. `training.tune` calls `confirm` when the trials are over.
"""

import math

from optuna.trial import FrozenTrial

from training.errors import DivergedError
from training.progress import Progress
from training.report.report import LearningPoint
from training.tune.search import OutOfTime, Search

SEED_STEP = 1_000
"""From the search's seed to the confirming one: beyond the seeds of an ensemble's members."""

SPARE = 1.25
"""Trials that are trained again hardly ever take exactly as long: without more, the last is often cut off."""


def shortlist(search: Search, best: int) -> list[FrozenTrial]:
    """The task file as it stands and the few best trials beside it."""
    completed = search.book.completed()
    if not (completed and best):
        return []
    return [completed[0], *sorted(completed[1:], key=log_loss_of)[:best]]


def confirm_seconds(search: Search, best: int) -> float:
    """About how long `confirm` will take: as long as its trials took the first time, and `SPARE` for a slower moment."""
    durations = (trial.duration for trial in _unconfirmed(search, best))
    return SPARE * sum(duration.total_seconds() for duration in durations if duration is not None)


def confirm(search: Search, best: int, *, progress: Progress) -> bool:
    """Train the shortlist once more, each with another seed, and write it into the book.

    Returns:
        Whether somebody interrupted it, or the time was up.
    """

    def watch(_: LearningPoint) -> None:
        if search.limits.over():
            raise OutOfTime

    waiting = _unconfirmed(search, best)
    if not waiting:
        return False
    with progress.stage("confirming", unit="trials", total=len(waiting)) as bar:
        for trial in waiting:
            task = search.task_of(trial)
            again = task.with_seed((task.training.seed + SEED_STEP) % 2**32)
            try:
                log_loss = search.course.run(again, watch)
            except DivergedError:
                log_loss = math.inf
            except (KeyboardInterrupt, OutOfTime):
                return True
            search.book.confirm(trial.number, log_loss)
            bar.advance(1)
    return False


def winner(search: Search, best: int) -> FrozenTrial:
    """The trial with the lowest mean of both seeds of those that have two; of all, where the task file alone has."""
    completed, confirmed = search.book.completed(), search.book.confirmed()
    twice = [trial for trial in shortlist(search, best) if trial.number in confirmed]

    def mean(trial: FrozenTrial) -> float:
        # What the task file's other seed made of it is its figure, beside which the winner's is told.
        return (log_loss_of(trial) + confirmed.get(trial.number, log_loss_of(trial))) / 2

    return min(twice if len(twice) > 1 else completed, key=mean)


def log_loss_of(trial: FrozenTrial) -> float:
    """The log loss of a completed trial."""
    assert trial.value is not None  # noqa: S101  # completed trials have one
    return trial.value


def _unconfirmed(search: Search, best: int) -> list[FrozenTrial]:
    confirmed = search.book.confirmed()
    return [trial for trial in shortlist(search, best) if trial.number not in confirmed]
