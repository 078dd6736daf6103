"""Where every column that a model needs comes from: the log, or a table found by the log's key.

The task file and the wanted columns come in; the log reader follows the `LogPlan` chunk by chunk. Whatever is missing
is refused here, before the first row is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from features.spec import RawInput, Side
from training.config import DataConfig, TableConfig, TargetConfig
from training.errors import DataError
from training.log.tables import Table, open_table, read_table
from training.sources import Source, open_source


@dataclass(frozen=True)
class Wanted:
    """What a caller asks of a log.

    Attributes:
        raw_inputs: Typed columns.
        keep: Columns kept as text.
        labelled: Whether label and time are demanded of every row.
        counted: Whether the past is counted: a time must be readable where there is one, and one that history knows.
        originals: Whether all columns of the file are wanted too, as they came.
        targets: Whose labels are demanded of every row, beside the first target's.
        noted: Whether the log is what the service noted.
    """

    raw_inputs: tuple[RawInput, ...]
    keep: tuple[str, ...]
    labelled: bool
    originals: bool
    counted: bool = False
    targets: tuple[TargetConfig, ...] = ()
    noted: bool = False


@dataclass(frozen=True)
class Join:
    """A table, the side that it belongs to and what of it is needed."""

    side: Side
    table: Table


@dataclass(frozen=True)
class LogPlan:
    """How a log is read.

    Attributes:
        log: Its files.
        data: The part of the task file about them.
        wanted: What was asked for.
        inputs: Those raw inputs that are in the log itself.
        keep: Those kept columns that are in the log itself.
        joins: Where the others are.
        time: The time of the impression; None where it is not asked for and not there.
    """

    log: Source
    data: DataConfig
    wanted: Wanted
    inputs: tuple[RawInput, ...]
    keep: tuple[str, ...]
    joins: tuple[Join, ...]
    time: RawInput | None

    @property
    def columns(self) -> set[str] | None:
        """The log's columns that are read, as named here; None for all of them."""
        if self.wanted.originals:
            return None
        columns = (
            {raw.column for raw in self.inputs} | set(self.keep) | {join.table.key for join in self.joins}
        )
        if self.wanted.labelled:
            columns |= {self.data.label, *(target.label for target in self.wanted.targets)}
        return columns if self.time is None else columns | {self.time.column}


def plan_log(data: DataConfig, wanted: Wanted, root: Path, log: Path | None) -> LogPlan:
    """Open the log, find every wanted column and read the tables that have some.

    Args:
        data: Names the files.
        wanted: The columns.
        root: Directory of the files in `data`.
        log: Read instead of ``data.log``; relative to the working directory.

    Raises:
        DataError: If a file cannot be used or a column is nowhere.
    """
    # Another log is named from where the command runs.
    pattern, below = (data.log, root) if log is None else (str(log), Path())
    source = open_source(pattern, below, data, what="log", noted=wanted.noted)
    if wanted.labelled:
        source.require(data.label, "data.label")
        for target in wanted.targets:
            source.require(target.label, f"the label of {target.name!r} in targets")
        if data.time is not None:
            source.require(data.time.column, "data.time.column")
    inputs = tuple(raw for raw in wanted.raw_inputs if raw.column in source.names)
    keep = tuple(name for name in wanted.keep if name in source.names)
    tables = _Tables(data, root, source)
    tables.share_out([raw for raw in wanted.raw_inputs if raw not in inputs])
    tables.share_out_kept([name for name in wanted.keep if name not in keep])
    return LogPlan(
        log=source,
        data=data,
        wanted=wanted,
        inputs=inputs,
        keep=keep,
        joins=tables.joins(),
        time=None if data.time is None or data.time.column not in source.names else data.time.raw_input(),
    )


@dataclass
class _Share:
    """What one table has to deliver."""

    config: TableConfig
    source: Source
    raw_inputs: list[RawInput]
    keep: list[str]


class _Tables:
    """Shares the columns that the log lacks out among the tables, and reads those that got some."""

    def __init__(self, data: DataConfig, root: Path, log: Source) -> None:
        self._data = data
        self._log = log
        self._shares: dict[Side, _Share] = {}
        for side, table in ((Side.USER, data.users), (Side.ITEM, data.items)):
            if table is not None:
                source = open_table(table, data, root, what=f"{side}s table")
                self._shares[side] = _Share(table, source, [], [])

    def share_out(self, raw_inputs: Sequence[RawInput]) -> None:
        """Find typed columns: each in the table of its side."""
        for raw in raw_inputs:
            share = self._shares.get(raw.side)
            if share is None or raw.column not in share.source.names:
                raise DataError(self._nowhere(raw, share))
            share.raw_inputs.append(raw)

    def share_out_kept(self, names: Sequence[str]) -> None:
        """Find columns kept as text: in the users' table or else in the items'."""
        for name in names:
            share = next((share for share in self._shares.values() if name in share.source.names), None)
            if share is None:
                self._log.require(name, "a segment or key of the report, in the log or a table")
            else:
                share.keep.append(name)

    def joins(self) -> tuple[Join, ...]:
        """The tables that have something to deliver, read."""
        joins: list[Join] = []
        for side, share in self._shares.items():
            if share.raw_inputs or share.keep:
                key = share.config.key
                self._log.require(key, f"the key of the {share.source.what}")
                table = read_table(share.source, key, share.raw_inputs, share.keep, self._data)
                joins.append(Join(side, table))
        return tuple(joins)

    def _nowhere(self, raw: RawInput, share: _Share | None) -> str:
        text = f"feature column {raw.column!r} ({raw.side}): expected in the {self._log.shown} "
        if share is not None:
            lacking = share.source.lacking(raw.column)
            return f"{text}or in the {share.source.shown}, found in neither; in the table, {lacking}"
        if raw.side is not Side.CONTEXT:
            text = f"{text}(the task file names no data.{raw.side}s) "
        return f"{text}and not found there; {self._log.lacking(raw.column)}"
