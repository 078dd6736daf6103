"""Impressions as columns of keys: text columns come in as codes and names, the keys of a feature go out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

SEPARATOR = "\x1f"
"""Stands between the parts of a key that is made of several columns: a control character that no id holds."""

Int64Array = NDArray[np.int64]


@dataclass(frozen=True)
class KeyColumn:
    """One text column of ``n`` impressions.

    Attributes:
        codes: Place of every value in ``names``, shape ``(values,)``.
        names: The distinct texts; the empty text means missing.
        rows: The impression of each value, rising, shape ``(values,)``: a multi-valued column has any number of values
            per impression, every other exactly one.
        size: Number of impressions ``n``.
    """

    codes: Int64Array
    names: Sequence[str]
    rows: Int64Array
    size: int

    @classmethod
    def of(cls, values: Sequence[str] | Sequence[Sequence[str]]) -> Self:
        """A column of texts, or of lists of texts."""
        places: dict[str, int] = {}
        flat: list[str] = []
        rows: list[int] = []
        for row, value in enumerate(values):
            tokens = [value] if isinstance(value, str) else value
            flat.extend(tokens)
            rows.extend([row] * len(tokens))
        codes = np.fromiter((places.setdefault(text, len(places)) for text in flat), np.int64, len(flat))
        return cls(codes, list(places), np.asarray(rows, np.int64), len(values))

    @property
    def single(self) -> bool:
        """Whether every impression has exactly one value."""
        return len(self.rows) == self.size and bool((self.rows == np.arange(self.size)).all())

    def take(self, places: Int64Array) -> Self:
        """The column of some of the impressions, in the order asked for."""
        starts, stops = np.searchsorted(self.rows, places), np.searchsorted(self.rows, places, side="right")
        lengths = stops - starts
        values = np.arange(lengths.sum()) + np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)
        return type(self)(
            self.codes[values], self.names, np.repeat(np.arange(len(places)), lengths), len(places)
        )

    def repeated(self, size: int) -> Self:
        """The column of so many impressions like its only one."""
        return self.take(np.zeros(size, np.int64))

    def compact(self) -> Self:
        """The same column with no other names than those in use: what is taken from a large one keeps all of its names."""
        used, codes = np.unique(self.codes, return_inverse=True)
        return type(self)(codes, [self.names[code] for code in used.tolist()], self.rows, self.size)

    def followed_by(self, other: "KeyColumn") -> Self:
        """This column's impressions and then the other's."""
        places = {name: place for place, name in enumerate(self.names)}
        moved = np.fromiter(
            (places.setdefault(name, len(places)) for name in other.names), np.int64, len(other.names)
        )
        codes = np.concatenate([self.codes, moved[other.codes] if len(other.codes) else other.codes])
        rows = np.concatenate([self.rows, other.rows + self.size])
        return type(self)(codes, list(places), rows, self.size + other.size)


@dataclass(frozen=True)
class Impressions:
    """The key columns of ``size`` impressions, by name."""

    columns: Mapping[str, KeyColumn]
    size: int

    def take(self, places: Int64Array) -> "Impressions":
        """Some of the impressions, in the order asked for."""
        return Impressions({name: column.take(places) for name, column in self.columns.items()}, len(places))

    def followed_by(self, other: "Impressions") -> "Impressions":
        """These impressions and then the other ones."""
        columns = {name: column.followed_by(other.columns[name]) for name, column in self.columns.items()}
        return Impressions(columns, self.size + other.size)

    def keys(self, names: Iterable[str]) -> "Keys":
        """The keys made of some columns; an impression that lacks a part has no key."""
        return Keys.of([self.columns[name] for name in names])


@dataclass(frozen=True)
class Keys:
    """The keys of one feature for some impressions.

    Attributes:
        rows: The impression of each key, rising, shape ``(keys,)``; more than one key where a column is multi-valued.
        codes: Place of each key in ``texts``, shape ``(keys,)``.
        texts: The distinct keys.
    """

    rows: Int64Array
    codes: Int64Array
    texts: list[str]

    @classmethod
    def of(cls, columns: Sequence[KeyColumn]) -> Self:
        """Join columns, of which one at most may be multi-valued; a value that an impression has twice counts once."""
        wide = next((column for column in columns if not column.single), columns[0])
        rows = wide.rows
        parts = [column.codes if column is wide else column.codes[rows] for column in columns]
        known = np.ones(len(rows), bool)
        for column, codes in zip(columns, parts, strict=True):
            missing = np.fromiter((not name for name in column.names), bool, len(column.names))
            if len(missing):
                known &= ~missing[codes]
        joined = np.zeros(len(rows), np.int64)
        for column, codes in zip(columns, parts, strict=True):
            # Dense again after every part, so that the product never leaves int64.
            _, joined = np.unique(joined * max(1, len(column.names)) + codes, return_inverse=True)
        if not wide.single:
            known &= _first_of_its_row(rows, joined)
        _, first, codes = np.unique(joined[known], return_index=True, return_inverse=True)
        parts = [part[known][first] for part in parts]
        texts = [
            SEPARATOR.join(column.names[code] for column, code in zip(columns, key, strict=True))
            for key in zip(*parts, strict=True)
        ]
        return cls(rows[known], codes, texts)


def _first_of_its_row(rows: Int64Array, codes: Int64Array) -> NDArray[np.bool_]:
    """Whether no earlier value of the same impression is the same, shape ``(values,)``."""
    first = np.zeros(len(rows), bool)
    if len(rows):
        first[np.unique(rows * (codes.max() + 1) + codes, return_index=True)[1]] = True
    return first
