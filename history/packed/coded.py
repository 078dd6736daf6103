"""Key columns as codes of tokens: texts come in once, small integers go out that `history.packed.packed` asks with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Self

import numpy as np
from numpy.typing import NDArray

from history.columns import Int64Array, KeyColumn

Int32Array = NDArray[np.int32]

UNKNOWN = 0
"""The code of a text that the snapshot has never seen, and of a missing one; tokens begin at 1."""


@dataclass(frozen=True)
class Coded:
    """One key column of ``size`` impressions.

    Attributes:
        codes: One per value; a single one stands for all impressions, which costs as little as one impression.
        starts: Where the values of each impression begin, and one more, shape ``(size + 1,)``, where impressions have any
            number of values; otherwise None.
        size: Number of impressions.
    """

    codes: Int32Array
    starts: Int64Array | None
    size: int

    def take(self, places: Int64Array) -> Self:
        """The column of some of the impressions, in the order asked for."""
        if self.starts is None:
            return type(self)(self.codes_of(places), None, len(places))
        first = self.starts[places]
        lengths = self.starts[places + 1] - first
        starts = _starts(lengths)
        values = np.arange(starts[-1]) + np.repeat(first - starts[:-1], lengths)
        return type(self)(self.codes[values], starts, len(places))

    def repeated(self, size: int) -> Self:
        """The column of so many impressions like its only one."""
        if self.starts is None:
            return type(self)(self.codes, None, size)
        return self.take(np.zeros(size, np.int64))

    def codes_of(self, places: Int64Array) -> Int32Array:
        """The codes of some of the impressions, or the single one for all; only where each has one value."""
        return self.codes if len(self.codes) == 1 else self.codes[places]


@dataclass(frozen=True)
class Tokens:
    """The texts of one column, each with a code.

    Attributes:
        names: Every text once; its code is its place plus one.
    """

    names: Sequence[str]
    _codes: Mapping[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_codes", dict(zip(self.names, range(1, len(self.names) + 1), strict=True)))

    def code(self, texts: Sequence[str]) -> Int32Array:
        """Codes of texts, shape ``(texts,)``."""
        return np.fromiter(map(self._codes.get, texts, repeat(UNKNOWN)), np.int32, len(texts))

    def code_lists(self, lists: Sequence[Sequence[str]]) -> Coded:
        """The column of impressions with any number of texts each."""
        lengths = np.fromiter(map(len, lists), np.int64, len(lists))
        codes = self.code([text for texts in lists for text in texts])
        return _distinct(codes, np.repeat(np.arange(len(lists)), lengths), len(lists))

    def code_column(self, column: KeyColumn) -> Coded:
        """The same column, in the codes of these tokens."""
        return in_codes(self.code(column.names), column)


def in_codes(codes: Int32Array, column: KeyColumn) -> Coded:
    """A key column in other codes.

    Args:
        codes: The code of each of the column's names.
        column: The column.
    """
    of_values = codes[column.codes]
    return (
        Coded(of_values, None, column.size)
        if column.single
        else _distinct(of_values, column.rows, column.size)
    )


def _distinct(codes: Int32Array, rows: Int64Array, size: int) -> Coded:
    """The column without unknown values, which are not found anyway, and without a value that an impression has twice.

    Args:
        codes: Of the values.
        rows: The impression of each, rising.
        size: Number of impressions.
    """
    known = codes != UNKNOWN
    codes, rows = codes[known], rows[known]
    joined = rows * (int(codes.max(initial=0)) + 1) + codes
    if not np.diff(np.sort(joined)).all():
        first = np.unique(joined, return_index=True)[1]
        # As they came: sums are added in that order.
        first.sort()
        codes, rows = codes[first], rows[first]
    lengths = np.bincount(rows, minlength=size)
    return Coded(codes, None if (lengths == 1).all() else _starts(lengths), size)


def _starts(lengths: Int64Array) -> Int64Array:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
