"""Replays of small real logs: a file is written, read and replayed as `axon train` does it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tests.history.plain import FEATURES, HOUR_MS, Event
from training.config import SplitConfig, TaskConfig, parse_config
from training.log.ingest import ingest
from training.log.log_reader import LogChunk, read_log
from training.log.quarantine import Quarantine
from training.log.split import cuts_of
from training.progress import Silent
from training.replay.replay import Counted, replay_log

START_MS = 1_767_225_600_000  # 2026-01-01 00:00 UTC
VALIDATION_MS = START_MS + 60 * HOUR_MS
TEST_MS = START_MS + 72 * HOUR_MS


def make_task(**history: str) -> TaskConfig:
    """A task with the features of `tests.history.plain`, its cuts at fixed moments."""
    document = {
        "name": "shop",
        "data": {"log": "log.jsonl", "label": "clicked", "time": {"column": "time_ms"}},
        "features": {
            "item": [{"kind": "hashed", "name": "item"}, {"kind": "multi", "name": "tags"}],
            "history": [
                feature.model_dump(exclude_defaults=True) | {"kind": feature.kind} for feature in FEATURES
            ],
            "keys": {"user": "user"},
        },
        "history": history,
        "split": {"validation_from": "2026-01-03T12:00:00Z", "test_from": "2026-01-04T00:00:00Z"},
    }
    return parse_config(document, source="test")


def without_clock(task: TaskConfig) -> TaskConfig:
    """The same task for a log whose order alone is known."""
    data = task.data.model_copy(update={"time": None})
    split = SplitConfig(validation_from=0.6, test_from=0.8)
    return task.model_copy(update={"data": data, "split": split})


def draw_events(count: int, *, seed: int = 5, until_ms: int = TEST_MS + 12 * HOUR_MS) -> list[Event]:
    """Impressions over some days in the order of time, some in the same millisecond, some without a user or tags."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.integers(0, (until_ms - START_MS) // HOUR_MS * 4, count)) * HOUR_MS // 4 + START_MS
    return [
        Event(
            user=str(rng.choice(["", "ann", "bob", "eve"], p=[0.1, 0.3, 0.3, 0.3])),
            item=str(rng.choice(["i1", "i2", "i3", "i4"])),
            tags=tuple(
                str(tag) for tag in rng.choice(["red", "big", "new"], rng.integers(0, 3), replace=False)
            ),
            time_ms=int(time_ms),
            visible_ms=int(time_ms),
            read_ms=int(time_ms),
            clicked=bool(rng.random() < 0.4),
        )
        for time_ms in times
    ]


@dataclass(frozen=True)
class Replayed:
    """A replayed log: every column of every impression in the order of the log, and what was counted."""

    frame: pl.DataFrame
    counted: Counted


def write_log(path: Path, events: Sequence[Event]) -> Path:
    """Events as lines of JSON."""
    lines = [
        {
            "user": event.user,
            "item": event.item,
            "tags": list(event.tags),
            "time_ms": event.time_ms,
            "clicked": int(event.clicked),
        }
        for event in events
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def replay(task: TaskConfig, events: Sequence[Event], directory: Path) -> Replayed:
    """Replay a log of events."""
    write_log(directory / "log.jsonl", events)
    spec = task.features
    how: dict[str, Any] = {"work_dir": directory, "progress": Silent()}
    with Quarantine(directory / "bad.jsonl", 0.0) as quarantine:
        log = ingest(task, spec.log_inputs(), directory, quarantine=quarantine, **how)
    log, counted = replay_log(
        spec, task.history, log, cuts_of(task.split, log.time_ms, dated=log.dated), seed=1, **how
    )
    return Replayed(pl.concat([chunk.raw for chunk in log.chunks()]), counted)


def read_chunks(task: TaskConfig, events: Sequence[Event], directory: Path, rows: int) -> list[LogChunk]:
    """A labelled log of events as `axon score --stream` reads it, so many rows at a time."""
    source = write_log(directory / "later.jsonl", events)
    with Quarantine(directory / "bad.jsonl", 0.0) as quarantine:
        return list(
            read_log(
                task.data,
                task.features.log_inputs(),
                directory,
                quarantine=quarantine,
                log=source,
                chunk_rows=rows,
            )
        )


def known_after(events: Sequence[Event], delay_ms: int) -> list[Event]:
    """The same events with outcomes that take some time to be known."""
    return [replace(event, visible_ms=event.time_ms + delay_ms) for event in events]
