"""History columns for a whole log: it is replayed in the order of time, and every impression sees what came before it.

`training.prepare` calls `replay_log`; the state after it is kept beside the model and looked at by `training.replay.past`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.spec import FeatureSpec, RawKind
from history import Answers, History, Impressions, Outcomes, Questions
from history.packed.pack import pack
from history.stores.memory import MemoryStore
from registry.manifest import HISTORY
from training.config import HistoryConfig
from training.errors import DataError
from training.log.ingest import Ingested
from training.log.split import Cuts, Slice
from training.progress import Progress
from training.replay.past import impressions_of
from training.replay.pending import Pending

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
        DataError: If more keys are counted than fit into memory.
    """
    store = MemoryStore()
    history = History(spec.history, store)
    impressions, clicked = _whole(spec, log)
    read_ms = _read_times(config, log.time_ms, cuts, np.random.default_rng([seed, 2]))
    visible_ms = log.time_ms + config.delay_ms
    columns = _HistoryColumns(spec, log.rows, work_dir)
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


class _HistoryColumns:
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
