"""The story of a search, in order: read and encode once, run trials, confirm the best, write down what was found.

`axon.commands.tune` calls `tune`.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from training.config import ModelConfig, TaskConfig
from training.errors import ConfigError
from training.export.version import code_version
from training.models import FAMILIES, family_of
from training.progress import Progress
from training.run import RunDirectory
from training.tune.book import JOURNAL, Book, Question, claimed
from training.tune.confirm import confirm, confirm_seconds
from training.tune.course import Course
from training.tune.inner import InnerSlices, encode_once
from training.tune.limits import Limits
from training.tune.page import render_page
from training.tune.result import TuneResult, ranked
from training.tune.search import Search, search
from training.tune.space import Space

_NOT_SEARCHED = {"name", "gate", "report"}


@dataclass(frozen=True)
class Wish:
    """What somebody wants searched.

    Attributes:
        families: Names in `FAMILIES` that may be tried beside the task's own; empty for all that can share as it does.
        sampler: A name in `training.tune.samplers.SAMPLERS`.
        limits: When to stop.
        confirm: How many of the best trials get a second seed; 0 for none.
        restart: Whether an earlier search for the same task is forgotten.
    """

    families: tuple[str, ...]
    sampler: str
    limits: Limits
    confirm: int
    restart: bool = False


@dataclass(frozen=True)
class Tuned:
    """What a search found and the directory that keeps it."""

    result: TuneResult
    run: Path


def tune(
    task: TaskConfig, data_root: Path, runs: Path, wish: Wish, *, now: datetime, progress: Progress
) -> Tuned:
    """Search around a task, in ``runs/tune-NAME``; a search that is there already goes on.

    Raises:
        TrainingError: If the task, its log or an earlier search there refuses.
    """
    # Refused now rather than after the log was read.
    family_of(task.model)
    families = checked_families(wish.families, task.model)
    run = RunDirectory(runs / f"tune-{task.name}")
    with claimed(run.path):
        if wish.restart:
            (run.path / JOURNAL).unlink(missing_ok=True)
        run.drop_work()
        run.vocabularies.mkdir(parents=True)
        try:
            inner = encode_once(task, data_root, run, progress)
            found, complete = _searched(task, inner, families, wish, run, progress)
        finally:
            run.drop_work()
        result = TuneResult(
            name=task.name,
            created_at=now,
            code_version=code_version(),
            sampler=wish.sampler,
            seed=task.training.seed,
            families=families,
            rows=inner.rows(),
            complete=complete,
            first=found.book.finished()[0].number,
            trials=ranked(found, wish.confirm),
        )
        run.write("trials.csv", result.table().write_csv())
        run.write("tune.html", render_page(result, found.values()))
    return Tuned(result, run.path)


def checked_families(names: tuple[str, ...], model: ModelConfig) -> tuple[str, ...]:
    """The families to try: where none is named, all whose targets can share as the task file says.

    Raises:
        ConfigError: If there is no family of a name, or one that cannot share so is named.
    """
    unknown = sorted(set(names) - set(FAMILIES))
    if unknown:
        raise ConfigError(f"--families: expected some of {', '.join(FAMILIES)}, got {', '.join(unknown)}")
    refused = [name for name in names or FAMILIES if not _can_share(name, model)]
    if names and refused:
        raise ConfigError(
            f"--families: expected some that can share as model.sharing says, {model.sharing}, got {', '.join(refused)}"
        )
    return tuple(name for name in names or FAMILIES if name not in refused)


def _can_share(family: str, model: ModelConfig) -> bool:
    try:
        # With an activation that every family can use: another one may be found for it, another sharing is not searched.
        family_of(model.model_copy(update={"family": family, "activation": "relu"}))
    except ConfigError:
        return False
    return True


def _searched(
    task: TaskConfig,
    inner: InnerSlices,
    families: tuple[str, ...],
    wish: Wish,
    run: RunDirectory,
    progress: Progress,
) -> tuple[Search, bool]:
    """The search after its trials, and whether nobody interrupted it."""
    question = Question(
        task=task.model_dump(mode="json", exclude=_NOT_SEARCHED),
        families=families,
        sampler=wish.sampler,
        seed=task.training.seed,
        rows=inner.rows(),
        data=inner.digests(),
    )
    found = Search(Space(task, families), Course(task, inner), Book(run.path, question), wish.limits)
    interrupted = search(found, reserve_s=lambda: confirm_seconds(found, wish.confirm), progress=progress)
    return found, not (interrupted or confirm(found, wish.confirm, progress=progress))
