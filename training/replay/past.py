"""History columns for a file that is scored: chunks of impressions come in, and go out as a kept state knows them.

`training.scoring.scoring` asks `Past` for one chunk at a time; `training.replay.replay` makes the state.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.raw import MISSING_TIME
from features.spec import FeatureSpec
from history import Answers, History, Impressions, KeyColumn, Outcomes, Questions
from history.packed.packed import PackedHistory
from history.stores.copy import copy_records
from history.stores.memory import MemoryStore
from registry.manifest import HISTORY
from training.config import HistoryConfig
from training.errors import DataError
from training.replay.pending import Pending

Int64Array = NDArray[np.int64]


@dataclass
class Past:
    """The state that a version was published with, for scoring files.

    Attributes:
        history: The state, in memory.
        end_ms: When the training log ended: the time of its last impression, which those have that say none. Where it had
            no clock, the number of the row after its last, which is the time of every row.
        config: How long outcomes take to be known.
        dated: Whether the log had a clock.
        pending: To `streamed`: outcomes that the state has not counted yet. None where nothing is streamed.
    """

    history: History
    spec: FeatureSpec
    end_ms: int
    config: HistoryConfig
    dated: bool = True
    pending: Pending | None = None

    def __post_init__(self) -> None:
        self._waiting = _Waiting.nothing()
        self._latest = self._begins = 0
        if self.pending is not None:
            self._waiting = _Waiting(self.pending.impressions, self.pending.time_ms, self.pending.clicked)
            # Without a clock a time is the number of a row, and those of a file begin anew.
            self._begins = 0 if self.dated else int(self.pending.time_ms.max()) + 1

    @classmethod
    def open(
        cls,
        directory: Path,
        spec: FeatureSpec,
        config: HistoryConfig,
        *,
        end_ms: int,
        dated: bool = True,
        stream: bool = False,
    ) -> Self:
        """Load the state of a version into memory: to stream, as it was when the training log ended.

        Raises:
            DataError: If an older version is to be streamed.
            StoreError: If the state is damaged, or of other features.
        """
        snapshot, store = PackedHistory.open(directory / HISTORY, spec.history), MemoryStore()
        copy_records(snapshot, store, [feature.name for feature in spec.history])
        pending = Pending.open(directory / HISTORY) if stream else None
        if pending is not None:
            store.put(pending.earlier)
        return cls(History(spec.history, store), spec, end_ms, config, dated, pending)

    def filled(self, frame: pl.DataFrame, time_ms: Int64Array) -> pl.DataFrame:
        """The frame with its history columns, as the state knows them now."""
        # Without a clock nothing passes after the end of the log.
        at_ms = (
            np.where(time_ms == MISSING_TIME, self.end_ms, time_ms)
            if self.dated
            else np.full_like(time_ms, self.end_ms)
        )
        questions = Questions(np.arange(len(frame)), at_ms, np.full(len(frame), np.iinfo(np.int64).max))
        answers = self.history.ask(impressions_of(self.spec, frame), questions)
        return _with_answers(self.spec, frame, answers)

    def already_counted(self, time_ms: Int64Array) -> int:
        """How many impressions are not later than the training log, so that their outcomes may be in the state."""
        if not self.dated:
            return 0
        return int(np.count_nonzero((time_ms != MISSING_TIME) & (time_ms <= self.end_ms)))

    def untimed(self, time_ms: Int64Array) -> int:
        """How many impressions say nothing of their time, where the log had a clock."""
        return int(np.count_nonzero(time_ms == MISSING_TIME))

    def streamed(self, frame: pl.DataFrame, time_ms: Int64Array, clicked: NDArray[np.int8]) -> pl.DataFrame:
        """The frame with its history columns, each row from the state before it; its outcomes are fed in.

        Raises:
            DataError: If the rows are not in the order of time.
        """
        time_ms = time_ms + self._begins
        if len(time_ms) and (time_ms[0] < self._latest or (np.diff(time_ms) < 0).any()):
            raise DataError(
                "--stream replays a log as it happened: expected rows in the order of their time, got an earlier one after "
                "a later one; sort the file by its time column"
            )
        self._latest = int(time_ms[-1]) if len(time_ms) else self._latest
        new = impressions_of(self.spec, frame)
        waiting = self._waiting.followed_by(_Waiting(new, time_ms, clicked))
        visible_ms = waiting.time_ms + self.config.delay_ms
        known = visible_ms < self._latest
        questions = Questions(
            np.arange(waiting.impressions.size - new.size, waiting.impressions.size), time_ms, time_ms
        )
        places = np.flatnonzero(known)
        outcomes = Outcomes(places, waiting.time_ms[places], visible_ms[places], waiting.clicked[places])
        answers = self.history.advance(waiting.impressions, questions, outcomes)
        self._waiting = waiting.take(np.flatnonzero(~known))
        return _with_answers(self.spec, frame, answers)


@dataclass(frozen=True)
class _Waiting:
    """Impressions whose outcomes are not known yet."""

    impressions: Impressions
    time_ms: Int64Array
    clicked: NDArray[np.int8]

    @classmethod
    def nothing(cls) -> Self:
        return cls(Impressions({}, 0), np.empty(0, np.int64), np.empty(0, np.int8))

    def take(self, places: Int64Array) -> "_Waiting":
        return _Waiting(self.impressions.take(places), self.time_ms[places], self.clicked[places])

    def followed_by(self, other: "_Waiting") -> "_Waiting":
        if not self.impressions.size:
            return other
        return _Waiting(
            self.impressions.followed_by(other.impressions),
            np.concatenate([self.time_ms, other.time_ms]),
            np.concatenate([self.clicked, other.clicked]),
        )


def impressions_of(spec: FeatureSpec, frame: pl.DataFrame) -> Impressions:
    """The key columns of a typed frame."""
    return Impressions({raw.column: _key_column(frame[raw.column]) for raw in spec.key_inputs()}, len(frame))


def _key_column(column: pl.Series) -> KeyColumn:
    size = len(column)
    rows = np.arange(size)
    if column.dtype == pl.List:
        lengths = column.list.len().to_numpy()
        rows = np.repeat(rows, lengths)
        column = column.filter(pl.Series(lengths > 0)).explode()
    coded = column.cast(pl.Categorical)
    physical, codes = np.unique(coded.to_physical().to_numpy(), return_inverse=True)
    distinct = coded.unique()
    by_code = dict(zip(distinct.to_physical().to_list(), distinct.cast(pl.String).to_list(), strict=True))
    return KeyColumn(codes.astype(np.int64), [by_code[int(code)] for code in physical], rows, size)


def _with_answers(spec: FeatureSpec, frame: pl.DataFrame, answers: Answers) -> pl.DataFrame:
    columns = [pl.Series(name, values) for name, values in answers.numbers.items()]
    columns += [pl.Series(name, texts, dtype=pl.List(pl.String)) for name, texts in answers.lists.items()]
    return frame.with_columns(columns).select([raw.column for raw in spec.raw_inputs()])
