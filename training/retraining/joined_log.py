"""Decisions and feedback as the newest part of a log: journals come in, files of labelled impressions that stay go out.

`training.retraining.gather` lets it grow before each run and reads all of it. A file covers a period that no other file
covers, so that an impression is in one of them alone, and stays when the journals have long forgotten it.
"""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from features.moments import epoch_ms
from journal import JournalError
from training.config import TaskConfig, TimeConfig
from training.errors import ConfigError, DataError, NothingJoinedError
from training.join import JoinRules, join
from training.join.labelling import TIME, label_column


class JoinedLog:
    """The labelled decisions of one task.

    Args:
        directory: Of its files alone; each is called after its first and its last moment, milliseconds since the epoch.
        now: The time of the run.
    """

    def __init__(self, directory: Path, now: datetime) -> None:
        self._directory = directory
        self._now = now

    @property
    def files(self) -> list[Path]:
        """The oldest first."""
        return sorted(self._directory.glob("*.jsonl"))

    @property
    def until_ms(self) -> int:
        """The last moment that a file covers: what was shown up to then is there; -1 where there is no file."""
        return max((int(path.stem.partition("-")[2]) for path in self.files), default=-1)

    def grow(self, config: TaskConfig, until: datetime | None) -> dict[str, Any]:
        """Join what has come since the last time.

        Args:
            config: The task; it must name a place of decisions.
            until: Impressions from here on are left out, and all that may still be clicked.

        Returns:
            Counts by name, as `Joined` has them; empty where there was nothing new.

        Raises:
            ConfigError: If the log has no clock.
            DataError: If the journals cannot be read.
        """
        how, since_ms = config.retrain.join, self.until_ms + 1
        last_ms = _last_ms(config, until, self._now)
        if last_ms < since_ms or how.decisions is None:
            return {}
        for left in self._directory.glob(".*.jsonl.*"):  # by a run that was killed
            left.unlink()
        rules = JoinRules.of_task(
            config, window_ms=how.window_ms, since_ms=since_ms, until_ms=last_ms + how.window_ms
        )
        try:
            return asdict(
                join(how.decisions, rules, self._directory / f"{since_ms:013d}-{last_ms:013d}.jsonl")
            )
        except NothingJoinedError:
            return {}
        except JournalError as error:
            raise DataError(f"retrain.join.decisions: {error}") from error

    def task(self, config: TaskConfig) -> TaskConfig:
        """The task as if these files were its log: labels and time are in the columns that the join gives them."""
        data = config.data.model_copy(
            update={
                "log": str(self._directory.resolve() / "*.jsonl"),
                "label": label_column(config.data.target, config.data.label),
                "positive": (),
                "time": TimeConfig(column=TIME),
            }
        )
        targets = tuple(
            target.model_copy(update={"label": label_column(target.name, target.label), "positive": ()})
            for target in config.targets
        )
        return config.model_copy(update={"data": data, "targets": targets})


def _last_ms(config: TaskConfig, until: datetime | None, now: datetime) -> int:
    """The last moment of an impression that can be labelled, milliseconds since the epoch.

    It has waited for its window and for `retrain.attribution`, whatever cut somebody has asked for: a file is written once.
    """
    if until is None:
        raise ConfigError(
            "retrain.join.decisions: expected a log with data.time, got one without a clock: nobody could tell which of its "
            "impressions came after which decision; name the column"
        )
    waits_ms = max(config.retrain.join.window_ms, config.retrain.attribution_ms)
    return min(epoch_ms(until), epoch_ms(now) - waits_ms) - 1
