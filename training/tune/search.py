"""Trials, one after the other, until the limit: a book and a course come in, the book is full of trials afterwards.

`training.tune` calls `search` and then `training.tune.confirm`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import optuna
from optuna.trial import FixedTrial, FrozenTrial, Trial

from training.config import TaskConfig
from training.errors import ConfigError, DivergedError
from training.progress import Bar, Progress
from training.report.report import LearningPoint
from training.tune.book import Book
from training.tune.course import Course
from training.tune.limits import Limits
from training.tune.space import Space, Value

STOPPED_AT = "stopped_at"
REFUSED = "refused"
"""Notes beside a trial: the lowest log loss on the stopping impressions, and why it could not be trained."""


class OutOfTime(Exception):  # noqa: N818  # no error: the trial is dropped and the search ends
    """The budget was used up in the middle of a trial."""


@dataclass(frozen=True)
class Search:
    """Everything that trials of one search share."""

    space: Space
    course: Course
    book: Book
    limits: Limits

    def task_of(self, trial: FrozenTrial) -> TaskConfig:
        """The task that a finished trial trained: the first one is the task file as it stands."""
        if trial.number == self.book.finished()[0].number:
            return self.space.task
        return self.space.suggest(FixedTrial(trial.params))

    def values(self) -> dict[str, dict[int, Value]]:
        """By knob and number of a finished trial what the trial was given; a family has only its own knobs."""
        found: dict[str, dict[int, Value]] = {}
        for trial in self.book.finished():
            for name, value in self.space.point_in(FixedTrial(trial.params)).items():
                found.setdefault(name, {})[trial.number] = value
        return found


def search(search: Search, *, reserve_s: Callable[[], float], progress: Progress) -> bool:
    """Run trials until a limit is reached; the first one always ends.

    Args:
        search: Where to search, and how long.
        reserve_s: Seconds of the budget that must be left over, asked again and again.
        progress: Told about every check and every trial.

    Returns:
        Whether somebody interrupted it; before the first trial has ended, the interrupt is passed on instead.
    """
    book, limits = search.book, search.limits
    with progress.stage("searching", unit="trials", total=limits.trials) as bar:
        bar.advance(len(book.finished()), note=_best(book).rstrip("; "))
        while not limits.reached(len(book.finished())):
            first = not book.finished()
            if not first and limits.over(reserve_s()):
                return False
            trial = book.begin(search.space.starts())
            try:
                _run(search, trial, reserve_s, bar)
            except OutOfTime:
                book.drop(trial)
                return False
            except KeyboardInterrupt:
                book.drop(trial)
                if first:
                    raise
                return True
            bar.advance(1, note=_best(book).rstrip("; "))
    return False


def _run(search: Search, trial: Trial, reserve_s: Callable[[], float], bar: Bar) -> None:
    """One trial from its proposal to its line in the book."""
    book, first = search.book, not search.book.finished()
    proposed = search.space.suggest(trial)
    task = search.space.task if first else proposed
    losses: list[float] = []

    def watch(point: LearningPoint) -> None:
        losses.append(point.validation_loss)
        trial.report(point.validation_loss, len(losses) - 1)
        bar.advance(0, note=f"{_best(book)}{task.model.family} now at {point.validation_loss:.5f}")
        if not first and search.limits.over(reserve_s()):
            raise OutOfTime
        if not first and trial.should_prune():
            raise optuna.TrialPruned

    try:
        log_loss = search.course.run(task, watch)
    except optuna.TrialPruned:
        book.close(trial, None)
    except (DivergedError, ConfigError) as refusal:
        if first:
            raise
        trial.set_user_attr(REFUSED, str(refusal))
        book.close(trial, None)
    else:
        trial.set_user_attr(STOPPED_AT, min(losses))
        book.close(trial, log_loss)


def _best(book: Book) -> str:
    completed = book.completed()
    if not completed:
        return ""
    best = min(completed, key=lambda trial: trial.value or 0.0)
    return f"best log loss {best.value:.5f} of trial {best.number}; "
