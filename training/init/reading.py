"""Opens an unknown log and its tables, and turns what they hold into columns seen from the log.

Names of files come in; a `Seen` goes out to `training.init.plan`.
"""

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.raw import MISSING_TEXT
from features.spec import Side
from training.config import DataConfig
from training.errors import DataError
from training.init.column import Column, markers_in, read_values
from training.init.dialect import has_decimal_commas, renamed, separator_of
from training.init.glimpse import Glimpse, label_text, look_at
from training.init.label import LabelGuess, guess_label
from training.log.labels import read_labels
from training.progress import Progress
from training.sources import Source, open_source
from training.targets import PROBABILITY

_ALL = 2**40
"""Rows of a table that are kept: as many as it has."""


@dataclass(frozen=True)
class Question:
    """What a user asks for.

    Attributes:
        log: File or glob, absolute or seen from the working directory.
        label: Its label column, as in the file.
        positive: Values of the label that mean a click; empty to guess.
        users: Table of users, if there is one.
        items: Table of items, if there is one.
        rows: Impressions to look at, at least, where there are so many.
    """

    log: Path
    label: str
    positive: tuple[str, ...] = ()
    users: Path | None = None
    items: Path | None = None
    rows: int = 200_000

    @property
    def root(self) -> Path:
        """The directory of the log."""
        folder = self.log.absolute().parent
        while glob.has_magic(str(folder)):
            folder = folder.parent
        return folder

    def tables(self) -> dict[Side, Path]:
        """The tables that there are."""
        named = {Side.USER: self.users, Side.ITEM: self.items}
        return {side: path for side, path in named.items() if path is not None}


@dataclass(frozen=True)
class Seen:
    """A log with its tables.

    Attributes:
        data: How the files are read; its time is not decided yet.
        glimpse: The log as it came.
        label: What a click is.
        clicked: Labels of the kept impressions that have one, shape ``(n,)``.
        columns: Of the log but for the label, then of the tables, ``n`` values each.
        keys: Side -> key of its table.
    """

    data: DataConfig
    glimpse: Glimpse
    label: LabelGuess
    clicked: NDArray[np.int8]
    columns: tuple[Column, ...]
    keys: Mapping[Side, str]

    @property
    def clicks(self) -> int:
        """About so many in the whole log."""
        return round(self.glimpse.rows * self.label.rate)


def see(question: Question, progress: Progress) -> Seen:
    """Read the log once, and its tables.

    Raises:
        DataError: If a file cannot be read, there is no such label column or it does not tell two kinds apart, or a
            table has no key in common with the log.
    """
    data = _reading(question)
    log = open_source(str(question.log.absolute()), Path(), data, what="log")
    label = data.label
    log.require(label, "--label")
    if PROBABILITY in log.names:
        raise DataError(
            f"{log.shown}: expected no column {PROBABILITY!r}, as axon score adds one of that name: rename it in the files"
        )
    with progress.stage("looking", unit="rows") as bar:
        glimpse = look_at(log, rows=question.rows, label=label, bar=bar)
        tables = {
            side: look_at(table, rows=_ALL, label=None, bar=bar)
            for side, table in _opened(question, data).items()
        }
    guess = guess_label(label, glimpse.labels, glimpse.rows, question.positive, marked=glimpse.text)
    cells = glimpse.values[label]
    unmarked = [MISSING_TEXT if label_text(cell) in guess.markers else cell for cell in cells]
    clicked, unlabelled = read_labels(unmarked, guess.positive)
    labelled = np.ones(len(clicked), dtype=bool)
    labelled[list(unlabelled)] = False
    markers = _markers([glimpse, *tables.values()], guess)
    columns = tuple(
        read_values(
            name, list(compress(values, labelled)), glimpse.distinct[name], text=glimpse.text, markers=markers
        )
        for name, values in glimpse.values.items()
        if name != label
    )
    keys = {side: _key_of(side, columns, table) for side, table in tables.items()}
    for side, table in tables.items():
        columns += _joined(columns, side, keys[side], table, markers)
    data = data.model_copy(
        update={
            "positive": guess.positive,
            "missing_values": ("", *markers),
            "decimal": _decimal([glimpse, *tables.values()], label),
        }
    )
    return Seen(data, glimpse, guess, clicked[labelled], columns, keys)


def _opened(question: Question, data: DataConfig) -> dict[Side, Source]:
    """The tables, ready to be read."""
    return {
        side: open_source(str(path.absolute()), Path(), data, what=f"{side}s table")
        for side, path in question.tables().items()
    }


def _reading(question: Question) -> DataConfig:
    """How the files are read: separator and usable names."""
    paths = [question.log.absolute(), *(path.absolute() for path in question.tables().values())]
    separators = {
        path: separator_of(path) for path in map(_first, paths) if {".csv", ".txt"} & set(path.suffixes)
    }
    if len(set(separators.values())) > 1:
        shown = ", ".join(f"{path.name} {separator!r}" for path, separator in separators.items())
        raise DataError(f"expected one separator in all .csv and .txt files, got {shown}; write them alike")
    separator = next(iter(separators.values()), ",")
    plain = DataConfig(log=str(question.log), label=question.label, time=None, separator=separator)
    names: dict[str, None] = {}
    for path in paths:
        names |= dict.fromkeys(open_source(str(path), Path(), plain, what="file").names)
    rename = renamed(tuple(names))
    label = next((name for name in names if name.strip() == question.label.strip()), question.label)
    return plain.model_copy(
        update={
            "label": rename.get(label, label),
            "separator": None if separator == "," else separator,
            "rename": rename,
        }
    )


def _first(path: Path) -> Path:
    """The file itself, or the first one that a glob finds."""
    if path.exists() or not glob.has_magic(str(path)):
        return path
    found = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207  # Path.glob takes no absolute pattern
    return Path(found[0]) if found else path


def _markers(glimpses: Sequence[Glimpse], guess: LabelGuess) -> tuple[str, ...]:
    """Cells of text that mean missing, those of the label among them; what is a label is none of them."""
    cells: dict[str, Sequence[Any]] = {}
    for number, glimpse in enumerate(glimpses):
        if glimpse.text:
            cells |= {
                name if number == 0 else f"{number}:{name}": values for name, values in glimpse.values.items()
            }
    unlabelled = {cell for cell in cells.get(guess.column, ()) if label_text(cell) in guess.markers}
    found = {cell for cell in markers_in(cells, guess.column) if label_text(cell) not in guess.outcomes}
    return tuple(sorted(found | unlabelled))


def _decimal(glimpses: Sequence[Glimpse], label: str) -> str:
    """What stands before the fraction of the files' numbers; one column with a comma is enough, as points stay points."""
    columns = (
        values
        for glimpse in glimpses
        if glimpse.text
        for name, values in glimpse.values.items()
        if name != label
    )
    return "," if any(map(has_decimal_commas, columns)) else "."


def _key_of(side: Side, columns: Sequence[Column], table: Glimpse) -> str:
    """The column that the log and a table share and that differs in every row of the table."""
    shared = [column.name for column in columns if column.name in table.values]
    unique = [name for name in shared if table.distinct[name] >= 0.99 * table.rows]
    if not unique:
        raise DataError(
            f"{side}s table: expected a column that the log has too and that differs in every row, "
            f"got {', '.join(map(repr, shared)) or 'no shared column'} of {', '.join(map(repr, table.values))}; "
            "give the key the same name in both"
        )
    return unique[0]


def _joined(
    columns: Sequence[Column], side: Side, key: str, table: Glimpse, markers: Sequence[str]
) -> tuple[Column, ...]:
    """The columns of a table that nothing else has, seen from the log."""
    known = {column.name for column in columns}
    from_log = next(column for column in columns if column.name == key).texts
    ids = read_values(key, table.values[key], table.rows, text=table.text, markers=markers).texts
    places = pl.DataFrame({"key": ids, "place": np.arange(len(ids))}).unique("key", keep="first")
    found = pl.DataFrame({"key": from_log}).join(places, on="key", how="left", maintain_order="left")
    at = found["place"].fill_null(-1).to_numpy()
    return tuple(
        read_values(name, values, table.distinct[name], text=table.text, markers=markers).at(at, side)
        for name, values in table.values.items()
        if name not in known
    )
