"""All items of one live model in memory: features by id come in; rows, states, raw columns and filters' matches go out.

`service.catalog.building` fills one from the store before a version goes live. One thread changes it and reads it; another one that reads holds `changing`.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from features.errors import UnreadableValueError
from features.raw import MISSING_TEXT, Value, from_json, missing, read_column, to_array
from features.spec import FeatureSpec, Half, RawInput, RawKind, Side
from history import KeyColumn
from service.catalog.columns import (
    Column,
    IdColumn,
    ListColumn,
    Mask,
    PlainColumn,
    TextColumn,
    grown,
)
from service.catalog.ids import IdIndex, Rows
from service.catalog.kept import kept_value
from service.errors import InvalidRequestError
from service.models.states import States
from service.scoring.column_reader import longest_lists
from service.scoring.rows import nearest, pointer_token

Features = Mapping[str, object]
"""Values of an entity by column, as JSON has them."""

Filter = Mapping[str, object]
"""Wanted value, or list of them, by column: of every column an item has one of them."""

Compute = Callable[[Mapping[str, NDArray[Any]]], States]
"""The item half of a model: the raw columns of some items to their states."""

_FILTER = "/candidates/filter"
"""Where a rank request has its filter."""

BATCH = 1024
"""Items whose states are computed at once: no more, because whoever loads a version answers requests meanwhile."""

_TEXTUAL = {RawKind.TEXT, RawKind.TEXTS}

_SMALLEST = 64
"""Rows that there is room for from the beginning."""

_T = TypeVar("_T")


class ItemTable:
    """Items by row, columnar; one that is removed leaves a row that a new one takes.

    Args:
        spec: Of the model.
        key: Column that an item's id fills, whatever its features say; None if none does.
        compute: The model's item half.

    Attributes:
        changing: Held while items change, and by whoever reads them on another thread than the one that changes them.
        edition: Another number once a row has got another id; until then, names of `keys_of` are only added.
        revision: Of the store, as far as its changes are in; whoever brings them in sets it.
        unreadable: How many values are not what the model takes, by column; they count as missing.
    """

    def __init__(self, spec: FeatureSpec, key: str | None, compute: Compute) -> None:
        self.changing = threading.Lock()
        self._key = key
        self._compute = compute
        self._half = spec.half_inputs(Half.ITEM)
        self._inputs = {raw.column: raw for raw in spec.log_inputs() if raw.side is Side.ITEM}
        self._known = frozenset((*self._inputs, *([] if key is None else [key])))
        self._longest = longest_lists(spec)
        self._index = IdIndex()
        self._ids: list[str] = []
        self._free: list[int] = []
        self._columns = {column: self._column_of(raw) for column, raw in self._inputs.items()}
        if key is not None:
            self._columns.setdefault(key, IdColumn(self._index, self._ids))
        # One item about which nothing is known tells how wide the states are.
        unknown = compute(self._arrays({raw.column: [missing(raw)] for raw in self._half}))
        self._numbers, self._crossed = unknown.numbers[:0], unknown.ids[:0]
        self._live = np.zeros(0, bool)
        self.edition = 0
        self.revision = 0
        self.unreadable: dict[str, int] = {}
        self.reserve(_SMALLEST)

    def __len__(self) -> int:
        return len(self._ids) - len(self._free)

    def rows_of(self, ids: Sequence[str]) -> Rows:
        """The row of each id, shape ``(n,)``; -1 for an id that the catalog lacks."""
        return self._index.find(ids)

    def ids_of(self, rows: Rows) -> list[str]:
        """The id of each row."""
        return [self._ids[row] for row in rows.tolist()]

    def states_of(self, rows: Rows) -> States:
        """What the item half computed for each row."""
        return States(self._numbers.take(rows, axis=0), self._crossed.take(rows, axis=0))

    def arrays_of(self, rows: Rows, columns: Sequence[RawInput]) -> dict[str, NDArray[Any]]:
        """The raw arrays of some rows by column; of the item's columns, without those that history fills."""
        return {raw.column: self._columns[raw.column].array(rows) for raw in columns}

    def keys_of(self, column: str, rows: Rows) -> KeyColumn:
        """The texts of some rows as history takes them."""
        return self._columns[column].keys(rows)

    def lacking(self) -> list[str]:
        """Columns that the model reads and none of the items has; none without items."""
        live = self._live[: len(self._ids)]
        nothing = {
            column: MISSING_TEXT if raw.kind in _TEXTUAL else missing(raw)
            for column, raw in self._inputs.items()
        }
        return [
            column
            for column, value in nothing.items()
            if live.any() and self._columns[column].holds([value], len(live))[live].all()
        ]

    def matching(self, wanted: Filter) -> Rows:
        """The rows, rising, that have in every named column the wanted value, or one of the wanted values.

        Raises:
            InvalidRequestError: If no item has such a column, or a value can be in none.
        """
        found = self._live[: len(self._ids)].copy()
        for column, values in wanted.items():
            found &= self._holding(column, values if isinstance(values, list) else [values])
        return np.flatnonzero(found)

    def upsert(self, items: Mapping[str, Features]) -> None:
        """Add items, or replace all their features; states are computed a batch at a time.

        Raises:
            ScoringError: If the model cannot compute; the batches before are in.
        """
        for some in batches(items.items(), BATCH):
            self._write(dict(some))

    def remove(self, ids: Sequence[str]) -> None:
        """Forget items; ids that the catalog lacks are passed over."""
        asked = list(dict.fromkeys(ids))
        found = self._index.find(asked)
        known, rows = [asked[place] for place in np.flatnonzero(found >= 0)], found[found >= 0]
        self._index.remove(known)
        self._live[rows] = False
        for row in rows.tolist():
            self._ids[row] = ""
            self._free.append(row)

    def reserve(self, items: int) -> None:
        """Make room for so many items: growing step by step takes twice the memory for a moment."""
        if items <= len(self._live):
            return
        self._numbers, self._crossed = grown(self._numbers, items), grown(self._crossed, items)
        self._live = grown(self._live, items, filling=False)
        self._index.reserve(items)
        for column in self._columns.values():
            column.grow(items)

    def _write(self, items: Mapping[str, Features]) -> None:
        values = {raw.column: self._read(raw, items) for raw in self._inputs.values()}
        states = self._compute(self._arrays({raw.column: values[raw.column] for raw in self._half}))
        rows = self._take_rows(items)
        self._numbers[rows], self._crossed[rows] = states.numbers, states.ids
        values |= self._read_others(items)
        for column, read in values.items():
            self._columns[column].write(rows, read)

    def _take_rows(self, items: Mapping[str, Features]) -> Rows:
        """The rows of known items, and new rows for new ones."""
        ids = list(items)
        rows = self._index.find(ids)
        new = np.flatnonzero(rows < 0)
        if len(self) + len(new) > len(self._live):
            self.reserve(max(2 * len(self._live), len(self) + len(new)))
        rows[new] = [self._row_for(ids[place]) for place in new.tolist()]
        self._index.add([ids[place] for place in new.tolist()], rows[new])
        self._live[rows] = True
        return rows

    def _row_for(self, item: str) -> int:
        """A row for a new item."""
        if not self._free:
            self._ids.append(item)
            return len(self._ids) - 1
        row = self._free.pop()
        self._ids[row] = item
        self.edition += 1
        return row

    def _read(self, raw: RawInput, items: Mapping[str, Features]) -> list[Value]:
        if raw.column == self._key:
            values, problems = read_column(raw, list(items), text=True)
        else:
            cells = [kept_value(raw, features.get(raw.column)) for features in items.values()]
            values, problems = read_column(raw, cells, text=False)
        self._count_unreadable(raw.column, len(problems))
        return values

    def _read_others(self, items: Mapping[str, Features]) -> dict[str, list[Value]]:
        """Values of the columns that the model does not know: texts, or lists of texts once an item had a list."""
        names = dict.fromkeys(name for name in self._columns if name not in self._known)
        names |= dict.fromkeys(sorted(set().union(*items.values()) - self._known))
        cells = {name: [features.get(name) for features in items.values()] for name in names}
        return {name: self._read_other(name, values) for name, values in cells.items()}

    def _read_other(self, name: str, cells: list[Any]) -> list[Value]:
        column = self._columns.get(name)
        if column is None:
            column = self._columns[name] = TextColumn()
            column.grow(len(self._live))
        if isinstance(column, TextColumn) and any(isinstance(cell, list) for cell in cells):
            column = self._columns[name] = ListColumn.of(column)
        if isinstance(column, ListColumn):
            cells = [cell if isinstance(cell, list) or cell in (None, "") else [cell] for cell in cells]
        values, problems = read_column(
            other_input(name, several=isinstance(column, ListColumn)), cells, text=False
        )
        self._count_unreadable(name, len(problems))
        return values

    def _count_unreadable(self, column: str, values: int) -> None:
        if values:
            self.unreadable[column] = self.unreadable.get(column, 0) + values

    def _arrays(self, values: Mapping[str, list[Value]]) -> dict[str, NDArray[Any]]:
        """What the item half takes; lists without the tokens that the encoder drops anyway."""
        arrays: dict[str, NDArray[Any]] = {}
        for raw in self._half:
            column = values[raw.column]
            if raw.kind is RawKind.TEXTS:
                column = [tokens[: self._longest[raw.column]] for tokens in column]  # type: ignore[index]  # read as lists
            arrays[raw.column] = to_array(raw, column)
        return arrays

    def _column_of(self, raw: RawInput) -> Column:
        match raw.kind:
            case RawKind.TEXT if raw.column == self._key:
                return IdColumn(self._index, self._ids)
            case RawKind.TEXT:
                return TextColumn()
            case RawKind.TEXTS:
                return ListColumn(self._longest.get(raw.column))
            case _:
                return PlainColumn(raw, missing(raw))

    def _holding(self, column: str, values: Sequence[object]) -> Mask:
        pointer = f"{_FILTER}/{pointer_token(column)}"
        if column not in self._columns:
            known = ", ".join(sorted(self._columns)) or "none"
            raise InvalidRequestError.at(
                pointer,
                f"no item has such a feature: the catalog has {known}{nearest(column, self._columns)}",
            )
        known_as = self._inputs.get(column)
        raw = other_input(column) if known_as is None or known_as.kind in _TEXTUAL else known_as
        try:
            wanted = [from_json(raw, value) for value in values]
        except UnreadableValueError as error:
            raise InvalidRequestError.at(pointer, str(error)) from error
        return self._columns[column].holds(wanted, len(self._ids))


@lru_cache(1024)
def other_input(column: str, *, several: bool = False) -> RawInput:
    """How a column is read that the model does not know: as text, or as a list of texts."""
    return RawInput(column=column, side=Side.ITEM, kind=RawKind.TEXTS if several else RawKind.TEXT)


def batches(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """The items, at most `size` at a time."""
    remaining = iter(items)
    while some := list(islice(remaining, size)):
        yield some
