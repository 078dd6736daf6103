"""What a run did and when, as lines of JSON in its directory: a `Progress` comes in, the same, written down, goes out.

`training.retraining.retrain` wraps the command line's progress with it, as nobody watches a scheduled run.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from training.progress import Bar, Progress

RUN_LOG = "log.jsonl"
"""What the file is called in a run's directory."""


class RunLog:
    """Progress that is shown and written: a line when a stage begins, and one when it ends, also where it fails."""

    def __init__(self, path: Path, shown: Progress) -> None:
        self._path = path
        self._shown = shown

    def line(self, event: str, **facts: Any) -> None:
        """Append one line."""
        moment = datetime.now(UTC).isoformat(timespec="milliseconds")
        text = json.dumps({"at": moment, "event": event, **facts}, ensure_ascii=False)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")

    @contextmanager
    def stage(self, name: str, *, unit: str, total: int | None = None) -> Iterator[Bar]:
        self.line("begun", stage=name, unit=unit, total=total)
        counted = _Counted()
        started = time.monotonic()
        try:
            with self._shown.stage(name, unit=unit, total=total) as bar:
                counted.bar = bar
                yield counted
        finally:
            seconds = round(time.monotonic() - started, 3)
            self.line("ended", stage=name, done=counted.done, seconds=seconds, note=counted.note)


class _Counted:
    """A bar that remembers what it was told last."""

    bar: Bar

    def __init__(self) -> None:
        self.done, self.note = 0, ""

    def advance(self, amount: int = 1, *, note: str = "") -> None:
        self.done += amount
        self.note = note or self.note
        self.bar.advance(amount, note=note)
