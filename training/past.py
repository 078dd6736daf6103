"""History columns for frames of impressions: a log is replayed in the order of time, a file is scored from a kept state.

`training.pipeline` fills the columns of the whole log with `replay_log`; `training.scoring` those of one chunk at a time
with `Past`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.raw import MISSING_TIME
from features.spec import FeatureSpec, RawKind
from history import Answers, History, Impressions, KeyColumn, Outcomes, Questions
from history.packed.pack import pack
from history.packed.packed import PackedHistory
from history.stores.copy import copy_records
from history.stores.memory import MemoryStore
from registry.manifest import HISTORY
from training.config import HistoryConfig
from training.errors import DataError
from training.log.ingest import Ingested
from training.log.split import Cuts, Slice, shown
from training.pending import Pending
from training.progress import Progress

_BLOCK = 200_000
"""Questions and outcomes that are replayed together."""

Int64Array = NDArray[np.int64]


@dataclass(frozen=True)
class Counted:
    """What a replayed log leaves behind.

    Attributes:
        history: After the last outcome.
        pending: The outcomes among them that nobody knew when the log ended.
    """

    history: History
    pending: Pending


def replay_log(  # each is one thing that a replay needs
    spec: FeatureSpec,
    config: HistoryConfig,
    log: Ingested,
    cuts: Cuts,
    *,
    seed: int,
    work_dir: Path,
    progress: Progress,
) -> tuple[Ingested, Counted]:
    """Add the history columns to a log: every impression sees what was known before it, and nothing else.

    Args:
        spec: Its ``history`` says what is counted.
        config: How long outcomes take to be known, and how old the state may be where it is used.
        log: The log; its files get the columns.
        cuts: Where the held-out slices begin.
        seed: Draws the ages of a stale state for the training slice.
        work_dir: Where the columns wait until they are all there.
        progress: Told about every block.

    Returns:
        The log with its history columns, and what was counted.

    Raises:
        DataError: If an impression is older than the clock of history, or more keys are counted than fit into memory.
    """
    if log.time_ms.min() < 0:
        raise DataError(
            f"expected impressions after 1970 where history counts, got one of {shown(int(log.time_ms.min()))}; "
            "look whether data.time.format is right, or leave features.history out"
        )
    store = MemoryStore()
    history = History(spec.history, store)
    impressions, clicked = _whole(spec, log)
    read_ms = _read_times(config, log.time_ms, cuts, np.random.default_rng([seed, 2]))
    visible_ms = log.time_ms + config.delay_ms
    columns = _Columns(spec, log.rows, work_dir)
    # Nobody asks after the last impression, so that these are the last of all.
    late = np.flatnonzero(visible_ms >= log.time_ms.max())
    order = _in_order(read_ms, visible_ms)
    with progress.stage("history", unit="impressions", total=log.rows) as bar:

        def advance(events: Int64Array) -> None:
            for asked, happened in _blocks(events, log.rows):
                questions = Questions(asked, log.time_ms[asked], read_ms[asked])
                outcomes = Outcomes(happened, log.time_ms[happened], visible_ms[happened], clicked[happened])
                columns.keep(asked, history.advance(impressions, questions, outcomes))
                _refuse_too_many(history, store, config.max_keys)
                bar.advance(len(asked))

        advance(order[: len(order) - len(late)])
        pending = Pending.of(history, impressions.take(late), log.time_ms[late], clicked[late])
        advance(order[len(order) - len(late) :])
    return replace(log, files=columns.added_to(log, work_dir)), Counted(history, pending)


def _refuse_too_many(history: History, store: MemoryStore, allowed: int) -> None:
    keys = {feature.name: store.keys(feature.name) for feature in history.features}
    if sum(keys.values()) > allowed:
        most = max(keys, key=lambda name: keys[name])
        raise DataError(
            f"expected at most {allowed:,} keys to count in memory (history.max_keys), got more, {keys[most]:,} of them of "
            f"{most!r}: leave that feature out, count by something that comes back more often, or allow more where there "
            "is memory for it"
        )


def write_snapshot(counted: Counted, bundle: Path) -> None:
    """Keep the state beside an exported model."""
    history = counted.history
    pack(history.features, history.store, bundle / HISTORY)
    counted.pending.write(bundle / HISTORY)


@dataclass
class Past:
    """The state that a version was published with, for scoring files.

    Attributes:
        history: The state, in memory.
        end_ms: Time of the last impression of the training log: the time of impressions that have none. None where the
            log had no clock.
        config: How long outcomes take to be known.
        pending: To `streamed`: outcomes that the state has not counted yet. None where nothing is streamed.
    """

    history: History
    spec: FeatureSpec
    end_ms: int | None
    config: HistoryConfig
    pending: Pending | None = None

    def __post_init__(self) -> None:
        self._waiting = _Waiting.nothing()
        self._latest = self._begins = 0
        if self.pending is not None:
            self._waiting = _Waiting(self.pending.impressions, self.pending.time_ms, self.pending.clicked)
            # Without a clock a time is the number of a row, and those of a file begin anew.
            self._begins = 0 if self.end_ms is not None else int(self.pending.time_ms.max()) + 1

    @classmethod
    def open(
        cls,
        directory: Path,
        spec: FeatureSpec,
        config: HistoryConfig,
        *,
        end_ms: int | None,
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
        return cls(History(spec.history, store), spec, end_ms, config, pending)

    def filled(self, frame: pl.DataFrame, time_ms: Int64Array) -> pl.DataFrame:
        """The frame with its history columns, as the state knows them now."""
        # Without a clock nothing passes after the end of the log.
        at_ms = (
            np.zeros_like(time_ms)
            if self.end_ms is None
            else np.where(time_ms == MISSING_TIME, self.end_ms, time_ms)
        )
        questions = Questions(np.arange(len(frame)), at_ms, np.full(len(frame), np.iinfo(np.int64).max))
        answers = self.history.ask(impressions_of(self.spec, frame), questions)
        return _with_answers(self.spec, frame, answers)

    def already_counted(self, time_ms: Int64Array) -> int:
        """How many impressions are not later than the training log, so that their outcomes may be in the state."""
        if self.end_ms is None:
            return 0
        return int(np.count_nonzero((time_ms != MISSING_TIME) & (time_ms <= self.end_ms)))

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


def _whole(spec: FeatureSpec, log: Ingested) -> tuple[Impressions, NDArray[np.int8]]:
    """The key columns and the outcomes of the whole log: a few numbers per impression, whatever its texts."""
    keys = spec.key_inputs()
    columns: dict[str, list[pl.Series]] = {raw.column: [] for raw in keys}
    clicked: list[NDArray[np.int8]] = []
    for chunk in log.chunks():
        clicked.append(chunk.clicked)
        for raw in keys:
            coded = pl.List(pl.Categorical) if raw.kind is RawKind.TEXTS else pl.Categorical
            columns[raw.column].append(chunk.raw[raw.column].cast(coded))
    frame = pl.DataFrame({name: pl.concat(parts) for name, parts in columns.items()})
    return impressions_of(spec, frame), np.concatenate(clicked)


def _read_times(
    config: HistoryConfig, time_ms: Int64Array, cuts: Cuts, rng: np.random.Generator
) -> Int64Array:
    """The moment whose state each impression sees.

    Live, it is the impression's own time. A stale state has in the training slice a random age, and in a held-out slice
    it is the one at the slice's beginning, as for a version that is published there and then scores without updates.
    """
    if not config.stale_ms:
        return time_ms
    slices = cuts.slices(time_ms)
    read_ms = time_ms - rng.integers(0, config.stale_ms, len(time_ms), endpoint=True)
    for part in (Slice.VALIDATION, Slice.TEST):
        inside = slices == part
        if inside.any():
            read_ms[inside] = time_ms[inside].min()
    return read_ms


def _in_order(read_ms: Int64Array, visible_ms: Int64Array) -> Int64Array:
    """Questions, numbered from 0, and outcomes, numbered from their count on, in the order of time.

    At the same moment questions come first: nothing is seen in the moment in which it becomes known.
    """
    return np.argsort(np.concatenate([read_ms, visible_ms]), kind="stable")


def _blocks(order: Int64Array, count: int) -> Iterator[tuple[Int64Array, Int64Array]]:
    """The places of questions and of outcomes, a block of both at a time."""
    for start in range(0, len(order), _BLOCK):
        some = order[start : start + _BLOCK]
        yield some[some < count], some[some >= count] - count


class _Columns:
    """The history columns of a log on disc, filled in the order of the replay and read in the order of the log."""

    def __init__(self, spec: FeatureSpec, rows: int, work_dir: Path) -> None:
        inputs = [raw for raw in spec.raw_inputs() if raw.history]
        self._numbers = [raw.column for raw in inputs if raw.kind is RawKind.NUMBER]
        self._table = np.memmap(
            work_dir / "history.values", np.float32, "w+", shape=(max(1, rows), max(1, len(self._numbers)))
        )
        self._asked: list[Int64Array] = []
        self._parts: dict[str, list[pl.Series]] = {
            raw.column: [] for raw in inputs if raw.kind is RawKind.TEXTS
        }

    def keep(self, rows: Int64Array, answers: Answers) -> None:
        """Take in the answers about some impressions."""
        for place, column in enumerate(self._numbers):
            self._table[rows, place] = answers.numbers[column]
        self._asked.append(rows)
        for column, parts in self._parts.items():
            parts.append(pl.Series(column, answers.lists[column], dtype=pl.List(pl.Categorical)))

    def added_to(self, log: Ingested, work_dir: Path) -> tuple[Path, ...]:
        """New files of the log with the columns."""
        order = np.argsort(np.concatenate(self._asked))
        lists = {column: pl.concat(parts)[order] for column, parts in self._parts.items()}
        files: list[Path] = []
        start = 0
        for file in log.files:
            frame = pl.read_ipc(file)
            stop = start + len(frame)
            numbers = (
                pl.Series(name, self._table[start:stop, place]) for place, name in enumerate(self._numbers)
            )
            texts = (series[start:stop].cast(pl.List(pl.String)) for series in lists.values())
            path = work_dir / f"past-{len(files):06d}.arrow"
            frame.with_columns(*numbers, *texts).write_ipc(path, compression="lz4")
            file.unlink()
            files.append(path)
            start = stop
        return tuple(files)


def _with_answers(spec: FeatureSpec, frame: pl.DataFrame, answers: Answers) -> pl.DataFrame:
    columns = [pl.Series(name, values) for name, values in answers.numbers.items()]
    columns += [pl.Series(name, texts, dtype=pl.List(pl.String)) for name, texts in answers.lists.items()]
    return frame.with_columns(columns).select([raw.column for raw in spec.raw_inputs()])
