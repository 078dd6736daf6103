"""Reads a log chunk by chunk: typed raw inputs, joined with the tables, with times and clicks.

The task file's `DataConfig` comes in; `LogChunk`s of readable rows go out to training, evaluation and scoring, and the
other rows go, with their reasons, into the quarantine. Memory does not grow with the log.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.raw import MISSING_TIME
from features.spec import RawInput, RawKind, Side
from history import has_moment
from training.config import DataConfig, TargetConfig
from training.errors import DataError
from training.log.columns import RowsReader
from training.log.labels import read_labels
from training.log.log_plan import Join, LogPlan, Wanted, plan_log
from training.log.outcomes import read_outcomes
from training.log.quarantine import Quarantine
from training.sources import CHUNK_ROWS, SourceChunk


@dataclass(frozen=True)
class LogChunk:
    """Consecutive rows of a log; ``n`` of them are readable.

    Attributes:
        raw: A column per raw input, ``n`` rows: String (missing ``""``), Float32 (missing NaN), Int64 milliseconds
            since the epoch, UTC (missing `MISSING_TIME`) or List(String) (missing ``[]``).
        time_ms: Time of each impression, shape ``(n,)``; `MISSING_TIME` only where the log was read without labels.
            Where ``data.time`` is null, the number of each row in the log, from 0.
        clicked: 0 or 1, shape ``(n,)``; None where the log was read without labels.
        outcomes: The same for each of the further targets that were asked for, shape ``(n, targets)``.
        kept: The columns to keep, as text, ``n`` rows.
        positions: Places of the readable rows within the chunk, shape ``(n,)``, rising.
        size: Rows of the chunk in the file, the unreadable ones too.
        originals: All ``size`` rows with the file's own columns, if asked for.
        unknown_keys: For every joined table, by side, the number of readable rows whose key it lacks.
        done: Share of the log that has been read with this chunk, in [0, 1], for progress bars.
    """

    raw: pl.DataFrame
    time_ms: NDArray[np.int64]
    clicked: NDArray[np.int8] | None
    outcomes: NDArray[np.int8]
    kept: pl.DataFrame
    positions: NDArray[np.int64]
    size: int
    originals: pl.DataFrame | None
    unknown_keys: Mapping[Side, int] = field(default_factory=dict)
    done: float = 1.0


def read_log(  # noqa: PLR0913  # all but four say what is unusual about a reading
    config: DataConfig,
    raw_inputs: Sequence[RawInput],
    root: Path,
    *,
    quarantine: Quarantine,
    log: Path | None = None,
    labelled: bool = True,
    counted: bool = False,
    targets: Sequence[TargetConfig] = (),
    keep: Sequence[str] = (),
    originals: bool = False,
    noted: bool = False,
    chunk_rows: int = CHUNK_ROWS,
) -> Iterator[LogChunk]:
    """Read a log from its beginning to its end.

    A column of the log wins over the same column of a table. What the log does not have is looked up in the table of
    the raw input's side; where the key is unknown, it is missing. A row is unreadable, once and with its first reason,
    if it is not as wide as the header, its label is not 0 or 1, its time is missing or no time, or any needed column
    holds what cannot be its kind.

    Args:
        config: Where the files are and how they are read.
        raw_inputs: The typed columns, as from `FeatureSpec.raw_inputs`.
        root: Directory of the files that `config` names.
        quarantine: Takes the unreadable rows; use a new one for every reading.
        log: Read instead of ``config.log``; relative to the working directory. The tables stay.
        labelled: Whether every row must have a label and a time. If not, the label is not read, and a time that is
            missing is just missing.
        counted: Whether the past is counted. If so, a row is unreadable, labelled or not, whose time is none or none that
            history knows.
        targets: Whose labels are read too, beside the first target's.
        keep: Columns of the log or a table to keep as text, for segments and user keys.
        originals: Whether the chunks carry the rows as they came: text of CSV, TSV and JSON lines, types of Parquet.
        noted: Whether the log is what the service noted and `training.join` labelled: none of its columns is renamed, and
            integers of its time columns are milliseconds, whatever the task file says about its own log.
        chunk_rows: Rows per chunk, at most.

    Raises:
        DataError: At once, if files or columns are missing or a table cannot be read; while reading, if there is no
            row or no label of the first chunk is 0 or 1.
        TooManyBadRowsError: While reading, as soon as it is clear, or at the end.
    """
    wanted = Wanted(
        raw_inputs=tuple(raw_inputs),
        keep=tuple(dict.fromkeys(keep)),
        labelled=labelled,
        counted=counted,
        originals=originals,
        targets=tuple(targets),
        noted=noted,
    )
    plan = plan_log(config, wanted, root, log)
    return _chunks(plan, quarantine, chunk_rows)


def _chunks(plan: LogPlan, quarantine: Quarantine, chunk_rows: int) -> Iterator[LogChunk]:
    rows = clicks = 0
    for part in plan.log.chunks(chunk_rows, plan.columns):
        chunk = _read_chunk(plan, part, quarantine, before=rows)
        rows += part.size
        clicks += 0 if chunk.clicked is None else int(chunk.clicked.sum())
        quarantine.check_early(rows)
        yield chunk
    quarantine.check(rows)
    if plan.wanted.labelled and plan.data.positive and not clicks:
        raise DataError(_no_positive(plan, rows))


def _read_chunk(plan: LogPlan, part: SourceChunk, quarantine: Quarantine, *, before: int) -> LogChunk:
    rows = RowsReader(part, plan.log, plan.data)
    clicked = _read_labels(plan, part, rows, first=before == 0) if plan.wanted.labelled else None
    outcomes = np.empty((len(rows.places), 0), np.int8)
    if clicked is not None and plan.wanted.targets:
        outcomes = read_outcomes(rows, plan.data, plan.wanted.targets, clicked)
    time_ms = _read_times(plan, rows, before)
    columns = _Columns.of_log(plan, rows)
    _set_apart(part, rows, quarantine)
    readable = np.ones(len(rows.places), dtype=bool)
    readable[list(rows.reasons)] = False
    positions = rows.places[readable]
    columns = columns.filtered(readable)
    unknown = {join.side: columns.look_up(join) for join in plan.joins}
    # So many rows also where no column is asked for, so that one mask fits all parts of a chunk.
    rows_of_none = pl.DataFrame(height=len(positions))
    return LogChunk(
        raw=rows_of_none.with_columns([columns.raw[raw.column] for raw in plan.wanted.raw_inputs]),
        time_ms=time_ms[readable],
        clicked=None if clicked is None else clicked[readable],
        outcomes=outcomes[readable],
        kept=rows_of_none.with_columns([columns.kept[name] for name in plan.wanted.keep]),
        positions=positions,
        size=part.size,
        originals=part.cells.frame(list(plan.log.names.values())) if plan.wanted.originals else None,
        unknown_keys=unknown,
        done=part.done,
    )


@dataclass(frozen=True)
class _Columns:
    """Columns of the same rows, by name; what the tables have is added to what the log has."""

    raw: dict[str, pl.Series]
    kept: dict[str, pl.Series]
    keys: dict[str, pl.Series]

    @classmethod
    def of_log(cls, plan: LogPlan, rows: RowsReader) -> Self:
        return cls(
            raw={raw.column: rows.series(raw) for raw in plan.inputs},
            kept={name: rows.texts(name) for name in plan.keep},
            keys={join.table.key: rows.texts(join.table.key) for join in plan.joins},
        )

    def filtered(self, readable: NDArray[np.bool_]) -> Self:
        if readable.all():
            return self
        mask = pl.Series(readable)
        raw, kept, keys = (
            {name: series.filter(mask) for name, series in columns.items()}
            for columns in (self.raw, self.kept, self.keys)
        )
        return type(self)(raw, kept, keys)

    def look_up(self, join: Join) -> int:
        """Add the columns of a table; the number of rows whose key it lacks comes back."""
        found = join.table.look_up(self.keys[join.table.key])
        self.raw.update({series.name: series for series in found.raw.iter_columns()})
        self.kept.update({series.name: series for series in found.kept.iter_columns()})
        return found.unknown


def _read_labels(plan: LogPlan, part: SourceChunk, rows: RowsReader, *, first: bool) -> NDArray[np.int8]:
    label = plan.data.label
    values = rows.values(label)
    clicked, reasons = read_labels(values, plan.data.positive)
    if first and values and len(reasons) == len(values):
        shown = ", ".join(sorted({f"{value!r:.30}" for value in values[:1000]})[:5])
        raise DataError(
            f"{part.file}: expected 0 or 1 in the column {label!r} (data.label), got only others, such as {shown}; "
            "name a column that says clicked or not, or say in data.positive which values mean a click"
        )
    for index, reason in reasons.items():
        rows.refuse(index, f"column {label!r}: {reason}")
    return clicked


def _no_positive(plan: LogPlan, rows: int) -> str:
    label = plan.data.label
    first = next(plan.log.chunks(1000, {label}))
    values = first.cells.values(plan.log.names[label], RawKind.TEXT)
    shown = ", ".join(sorted({f"{value!r:.30}" for value in values})[:5])
    return (
        f"{plan.log.shown}: expected {' or '.join(map(repr, plan.data.positive))} (data.positive) somewhere in the column "
        f"{label!r}, got only others in {rows:,} rows, such as {shown}; write one of the column's values, in quotes"
    )


def _read_times(plan: LogPlan, rows: RowsReader, before: int) -> NDArray[np.int64]:
    if plan.data.time is None:
        # Without a clock, the order of the rows is the order of time.
        return np.asarray(before + rows.places, dtype=np.int64)
    if plan.time is None:
        return np.full(len(rows.places), MISSING_TIME, dtype=np.int64)
    if not (plan.wanted.labelled or plan.wanted.counted):
        return rows.series_or_missing(plan.time).to_numpy()
    time_ms: NDArray[np.int64] = rows.series(plan.time).to_numpy()
    for index in np.flatnonzero(time_ms == MISSING_TIME) if plan.wanted.labelled else ():
        rows.refuse(int(index), f"column {plan.time.column!r}: expected a time, got nothing")
    if plan.wanted.counted:
        for index in np.flatnonzero(~has_moment(time_ms) & (time_ms != MISSING_TIME)):
            rows.refuse(
                int(index),
                f"column {plan.time.column!r}: expected a time from 1970 to 2109 where history counts, got "
                f"{time_ms[index]} milliseconds since 1970; look whether data.time.format is right, or leave features.history out",
            )
    return time_ms


def _set_apart(part: SourceChunk, rows: RowsReader, quarantine: Quarantine) -> None:
    bad: dict[int, tuple[str, Sequence[object] | str]] = {
        fault.place: (fault.reason, fault.row) for fault in part.faults
    }
    for index, reason in rows.reasons.items():
        place = int(rows.places[index])
        bad[place] = (reason, part.cells.row(place))
    for place, (reason, row) in sorted(bad.items()):
        quarantine.add(part.file, int(part.lines[place]), reason, row)
