"""One column of a table of items: read values of some rows come in; masks, arrays and keys go out.

`service.catalog.table` holds one per column. Which rows are in use only the table knows.
"""

import itertools
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from features.raw import MISSING_TEXT, Value, to_array
from features.spec import RawInput
from history import KeyColumn
from service.catalog.ids import IdIndex, Rows

Mask = NDArray[np.bool_]
_Scalar = TypeVar("_Scalar", bound=np.generic)

_FEW = 8
"""Up to this many wanted texts, a comparison each is quicker than looking every code up."""

_WORTH_COMPACTING = 4096
"""Fewer values than these that nobody owns any more are not worth moving the others."""


class Column(Protocol):
    """Values by row; a row that was never written has a missing value."""

    def grow(self, capacity: int) -> None:
        """Make room for rows below `capacity`."""

    def write(self, rows: Rows, values: Sequence[Value]) -> None:
        """Put read values into rows that all differ."""

    def holds(self, wanted: Sequence[Value], size: int) -> Mask:
        """Which of the first `size` rows have one of the wanted values (of a list: among theirs), shape ``(size,)``."""

    def array(self, rows: Rows) -> NDArray[Any]:
        """The encoder's input for some rows: shape ``(n,)``, or ``(n, longest)`` for lists."""

    def keys(self, rows: Rows) -> KeyColumn:
        """The texts of some rows as `history` takes them."""


class PlainColumn:
    """Numbers as float32, or times as int64 milliseconds since the epoch.

    Args:
        raw: What the column holds.
        missing: What stands for a missing value.
    """

    def __init__(self, raw: RawInput, missing: Value) -> None:
        self._raw = raw
        self._missing = to_array(raw, [missing])[0]
        self._values = to_array(raw, [])

    def grow(self, capacity: int) -> None:
        self._values = grown(self._values, capacity, self._missing)

    def write(self, rows: Rows, values: Sequence[Value]) -> None:
        self._values[rows] = to_array(self._raw, values)

    def holds(self, wanted: Sequence[Value], size: int) -> Mask:
        values = self._values[:size]
        found = np.zeros(size, bool)
        for one in to_array(self._raw, wanted):
            found |= np.isnan(values) if np.isnan(one) else values == one
        return found

    def array(self, rows: Rows) -> NDArray[Any]:
        return self._values.take(rows)

    def keys(self, rows: Rows) -> KeyColumn:
        raise AssertionError(f"{self._raw.column}: expected texts for {len(rows)} keys, as the spec demands")


class Names:
    """The distinct texts of a column, numbered as they come; a name keeps its number, and 0 is a missing text."""

    def __init__(self) -> None:
        self._places = {MISSING_TEXT: 0}
        self.texts = [MISSING_TEXT]

    def codes(self, texts: Sequence[str]) -> NDArray[np.int32]:
        """Numbers of the texts, shape ``(n,)``; a new text gets the next one."""
        codes = np.fromiter(map(self._places.get, texts, itertools.repeat(-1)), np.int32, len(texts))
        for place in np.flatnonzero(codes < 0).tolist():
            code = self._places.setdefault(texts[place], len(self.texts))
            if code == len(self.texts):
                self.texts.append(texts[place])
            codes[place] = code
        return codes

    def matches(self, codes: NDArray[np.int32], wanted: Sequence[str]) -> Mask:
        """Which of the codes stand for a wanted text, shape of `codes`."""
        known = [self._places[text] for text in dict.fromkeys(wanted) if text in self._places]
        if len(known) > _FEW:
            chosen = np.zeros(len(self.texts), bool)
            chosen[known] = True
            return chosen.take(codes)
        found = np.zeros(len(codes), bool)
        for code in known:
            found |= codes == code
        return found

    def array(self, codes: NDArray[np.int32]) -> NDArray[np.object_]:
        """The texts of the codes, shape ``(n,)``."""
        return np.array([self.texts[code] for code in codes.tolist()], dtype=object)


class TextColumn:
    """One text per row, kept as the number of its name."""

    def __init__(self) -> None:
        self.names = Names()
        self.codes = np.zeros(0, np.int32)

    def grow(self, capacity: int) -> None:
        self.codes = grown(self.codes, capacity, 0)

    def write(self, rows: Rows, values: Sequence[Value]) -> None:
        self.codes[rows] = self.names.codes(values)  # type: ignore[arg-type]  # read as texts

    def holds(self, wanted: Sequence[Value], size: int) -> Mask:
        return self.names.matches(self.codes[:size], wanted)  # type: ignore[arg-type]  # read as texts

    def array(self, rows: Rows) -> NDArray[Any]:
        return self.names.array(self.codes.take(rows))

    def keys(self, rows: Rows) -> KeyColumn:
        codes = self.codes.take(rows).astype(np.int64)
        return KeyColumn(codes, self.names.texts, np.arange(len(rows)), len(rows))


class ListColumn:
    """Any number of texts per row, one behind the other: each with the number of its name and the row that owns it.

    Args:
        longest: Most texts of a row that the encoder reads; None for all.
    """

    def __init__(self, longest: int | None = None) -> None:
        self._longest = longest
        self._names = Names()
        self._codes = np.zeros(0, np.int32)
        self._owners = np.zeros(0, np.int32)
        self._used = 0
        self._unowned = 0
        self._starts = np.zeros(0, np.int64)
        self._lengths = np.zeros(0, np.int64)

    @classmethod
    def of(cls, column: TextColumn) -> "ListColumn":
        """The same texts, one or none per row."""
        lists = cls()
        lists._names = column.names
        lists.grow(len(column.codes))
        rows = np.flatnonzero(column.codes)
        lists._append(rows, np.ones(len(rows), np.int64), column.codes[rows])
        return lists

    def grow(self, capacity: int) -> None:
        self._starts, self._lengths = grown(self._starts, capacity, 0), grown(self._lengths, capacity, 0)

    def write(self, rows: Rows, values: Sequence[Value]) -> None:
        old = self._places(rows)
        self._owners[old] = -1
        self._unowned += len(old)
        lengths = np.fromiter((len(tokens) for tokens in values), np.int64, len(values))  # type: ignore[arg-type]  # read as lists
        texts = list(itertools.chain.from_iterable(values))  # type: ignore[arg-type]  # read as lists
        self._append(rows, lengths, self._names.codes(texts))
        self._compact()

    def holds(self, wanted: Sequence[Value], size: int) -> Mask:
        hits = self._names.matches(self._codes[: self._used], wanted)  # type: ignore[arg-type]  # read as texts
        # The last place is the one of all values that nobody owns any more: their owner is -1.
        found = np.zeros(size + 1, bool)
        found[self._owners[: self._used][hits]] = True
        if MISSING_TEXT in wanted:
            found[:size] |= self._lengths[:size] == 0
        return found[:size]

    def array(self, rows: Rows) -> NDArray[Any]:
        lengths = self._lengths.take(rows)
        shown = lengths if self._longest is None else np.minimum(lengths, self._longest)
        padded = np.full((len(rows), int(shown.max(initial=0))), MISSING_TEXT, dtype=object)
        places = _ranges(self._starts.take(rows), shown)
        padded[np.arange(padded.shape[1]) < shown[:, None]] = self._names.array(self._codes[places])
        return padded

    def keys(self, rows: Rows) -> KeyColumn:
        lengths = self._lengths.take(rows)
        codes = self._codes[self._places(rows)].astype(np.int64)
        return KeyColumn(codes, self._names.texts, np.repeat(np.arange(len(rows)), lengths), len(rows))

    def _places(self, rows: Rows) -> Rows:
        return _ranges(self._starts.take(rows), self._lengths.take(rows))

    def _append(self, rows: Rows, lengths: Rows, codes: NDArray[np.int32]) -> None:
        end = self._used + len(codes)
        if end > len(self._codes):
            capacity = max(end, 2 * len(self._codes))
            self._codes, self._owners = grown(self._codes, capacity, 0), grown(self._owners, capacity, -1)
        self._codes[self._used : end] = codes
        self._owners[self._used : end] = np.repeat(rows, lengths)
        self._starts[rows] = self._used + np.cumsum(lengths) - lengths
        self._lengths[rows] = lengths
        self._used = end

    def _compact(self) -> None:
        """Leave out what nobody owns, once it is more than the rest."""
        if self._unowned <= max(self._used - self._unowned, _WORTH_COMPACTING):
            return
        rows = np.flatnonzero(self._lengths)
        lengths, codes = self._lengths[rows], self._codes[self._places(rows)]
        self._codes, self._owners = codes[:0], self._owners[:0]
        self._used = self._unowned = 0
        self._append(rows, lengths, codes)


class IdColumn:
    """The column that the items' ids fill; the table itself keeps them.

    Args:
        index: Row by id.
        ids: Id by row.
    """

    def __init__(self, index: IdIndex, ids: Sequence[str]) -> None:
        self._index = index
        self._ids = ids

    def grow(self, capacity: int) -> None:
        """Nothing to do: the table's ids grow by themselves."""

    def write(self, rows: Rows, values: Sequence[Value]) -> None:
        """Nothing to do: the table has the ids already."""

    def holds(self, wanted: Sequence[Value], size: int) -> Mask:
        found = np.zeros(size, bool)
        rows = self._index.find(wanted)  # type: ignore[arg-type]  # read as texts
        found[rows[rows >= 0]] = True
        return found

    def array(self, rows: Rows) -> NDArray[Any]:
        return np.array([self._ids[row] for row in rows.tolist()], dtype=object)

    def keys(self, rows: Rows) -> KeyColumn:
        return KeyColumn(rows, self._ids, np.arange(len(rows)), len(rows))


def grown(array: NDArray[_Scalar], capacity: int, filling: Any = None) -> NDArray[_Scalar]:
    """The array with room for `capacity` rows; memory of new ones is touched only if something fills them."""
    larger = np.empty((capacity, *array.shape[1:]), array.dtype)
    larger[: len(array)] = array
    if filling is not None:
        larger[len(array) :] = filling
    return larger


def _ranges(starts: Rows, lengths: Rows) -> Rows:
    """All places of some ranges, one range behind the other."""
    places: Rows = np.arange(lengths.sum()) + np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)
    return places
