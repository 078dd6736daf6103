"""What is known about a log while it passes by, chunk by chunk.

`training.check` feeds it; `training.log.findings` draws the conclusions.
"""

from datetime import datetime

import polars as pl

from features.spec import Side
from training.config import TaskConfig
from training.log.ingest import kept_columns
from training.log.log_reader import LogChunk
from training.log.tallies import ColumnTally, RepeatTally, TimeTally


class Survey:
    """Counts over the readable impressions of a log.

    Attributes:
        kept_columns: Must be kept as text when the log is read.
        rows: All rows, unreadable ones too.
        readable: Impressions.
        clicks: Clicked ones among them.
        columns: A tally per raw input.
        times: When they happened; empty where the log has no clock.
        repeats: How many repeat an earlier one; empty unless the task file names users and items.
        unknown: By joined table, the number of impressions whose key it lacks.
    """

    def __init__(self, config: TaskConfig, now: datetime | None) -> None:
        user, items = config.data.user_column, config.data.items
        self._dated = config.data.time is not None
        # Without a clock nobody can tell a repeated row from a second impression.
        self._identity = (user, items.key) if user and items and self._dated else ()
        self.kept_columns = tuple(dict.fromkeys([*kept_columns(config), *self._identity]))
        self.rows = 0
        self.readable = 0
        self.clicks = 0
        self.columns = tuple(ColumnTally(raw) for raw in config.features.log_inputs())
        self.times = TimeTally(now)
        self.repeats = RepeatTally()
        self.unknown: dict[Side, int] = {}

    def add(self, chunk: LogChunk) -> None:
        """Count one chunk of a log that was read with its labels."""
        if chunk.clicked is None:
            raise ValueError("expected a chunk that was read with labelled=True")
        self.rows += chunk.size
        self.readable += len(chunk.positions)
        self.clicks += int(chunk.clicked.sum())
        if self._dated:
            self.times.add(chunk.time_ms)
        for tally in self.columns:
            tally.add(chunk.raw[tally.raw.column], chunk.clicked)
        for side, unknown in chunk.unknown_keys.items():
            self.unknown[side] = self.unknown.get(side, 0) + unknown
        if self._identity:
            user, item = (chunk.kept[name] for name in self._identity)
            time = pl.Series("time", chunk.time_ms)
            self.repeats.add([user.alias("user"), item.alias("item"), time])
