"""One run's directory: what came in, what came out, and work files that go when the run ends."""

import shutil
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path

from registry.durable import is_occupied, locked, occupied, replace_file

_STAMP = "%Y%m%dT%H%M%S"


class RunDirectory:
    """``runs/<id>/`` with the bundle, the report and the quarantine file; ids sort by time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.work = path / "work"
        self.vocabularies = self.work / "vocabularies"
        self.bundle = path / "bundle"
        self.quarantine = path / "quarantine.jsonl"
        self._occupation = ExitStack()

    @classmethod
    def create(cls, runs: Path, name: str, *, now: datetime) -> "RunDirectory":
        """Make a directory that no other run has; two runs in the same second get two.

        The work files of earlier runs of this name that were killed go: a log takes room each time.
        """
        runs.mkdir(parents=True, exist_ok=True)
        with locked(runs / f".{name}.work.lock"):
            for work in (path / "work" for path in runs_of(runs, name)):
                if not is_occupied(work):
                    shutil.rmtree(work, ignore_errors=True)
            run = cls(_made(runs, f"{name}-{now:{_STAMP}}"))
            run.vocabularies.mkdir(parents=True)
            run._occupation.enter_context(occupied(run.work))
        return run

    def vocabularies_of_the_whole(self) -> Path:
        """A directory for those of a second encoder."""
        path = self.work / "whole"
        path.mkdir()
        return path

    def write(self, name: str, text: str) -> None:
        """Write one file of the run, whole or not at all."""
        replace_file(self.path / name, text.encode())

    def drop_work(self) -> None:
        """Remove the work files, as every run does when it ends, and the directory of one that leaves nothing."""
        shutil.rmtree(self.work, ignore_errors=True)
        self._occupation.close()
        with suppress(OSError):  # it is not empty
            self.path.rmdir()

    def drop_bundle(self) -> None:
        """Remove the bundle once the registry has it."""
        shutil.rmtree(self.bundle, ignore_errors=True)


def runs_of(runs: Path, name: str) -> list[Path]:
    """The directories of all runs of a name, the oldest first."""
    # Whole stamps: the runs of "shop-2" are not those of "shop".
    return sorted(runs.glob(f"{name}-{'[0-9]' * 8}T{'[0-9]' * 6}*"))


def started_at(run: Path, name: str) -> datetime:
    """When a run of this name began, by what its directory is called."""
    stamp = run.name.removeprefix(f"{name}-")[: len("20260301T120000")]
    return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)


def _made(runs: Path, stem: str) -> Path:
    for attempt in range(1, 1000):
        path = runs / (stem if attempt == 1 else f"{stem}-{attempt}")
        try:
            path.mkdir()
        except FileExistsError:
            continue
        return path
    raise FileExistsError(f"{runs}: a thousand runs named {stem}")
