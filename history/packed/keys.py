"""Where the record of a key lies: codes of its columns come in, places come out; `history.packed` files and asks by them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from history.columns import Int64Array
from history.packed.coded import Int32Array

_ABOVE_ALL = np.iinfo(np.int64).max
_FEW = 64
"""So many searches are not worth a look at how near each other they are."""


@dataclass(frozen=True)
class KeyIndex:
    """The keys of one feature. The place of a key begins at 1; 0 stands for none.

    A key of one column lies where its code says. Otherwise every further column joins its code to the place that was
    found so far, ``place * (tokens + 1) + code``: below 2**62 whatever the number of columns.

    Attributes:
        levels: Of every further column the joined numbers that exist, rising, and one above all.
        tokens: How many tokens each further column has.
    """

    levels: tuple[Int64Array, ...]
    tokens: tuple[int, ...]

    @classmethod
    def of(cls, codes: Sequence[Int32Array], tokens: Sequence[int]) -> tuple[Self, Int64Array]:
        """The index of some keys, and their places in it.

        Args:
            codes: Of every column one code per key.
            tokens: How many tokens every column has.
        """
        places = codes[0].astype(np.int64)
        levels: list[Int64Array] = []
        for further, size in zip(codes[1:], tokens[1:], strict=True):
            joined, inverse = np.unique(places * (size + 1) + further, return_inverse=True)
            levels.append(np.append(joined, _ABOVE_ALL))
            places = inverse.astype(np.int64) + 1
        return cls(tuple(levels), tuple(tokens[1:])), places

    def places(self, codes: Sequence[Int32Array]) -> Int64Array:
        """The place of keys; of every column one code per key, or a single code for all."""
        # An unknown code, 0, leads between the joined numbers that exist, and so to no place.
        places = codes[0].astype(np.int64)
        for joined, size, further in zip(self.levels, self.tokens, codes[1:], strict=True):
            places = _places(joined, places * (size + 1) + further)
        return places

    def keys(self, places: Int64Array) -> list[Int64Array]:
        """Of every column the codes of the keys at some places: the way back."""
        codes: list[Int64Array] = []
        for joined, size in zip(self.levels[::-1], self.tokens[::-1], strict=True):
            places, further = np.divmod(joined[places - 1], size + 1)
            codes.append(further)
        return [places, *codes[::-1]]


def _places(joined: Int64Array, wanted: Int64Array) -> Int64Array:
    low, high = 0, len(joined)
    if len(wanted) > _FEW:
        # The keys of one user lie beside each other: a search among them stays in the cache.
        low = int(np.searchsorted(joined, wanted.min()))
        high = int(np.searchsorted(joined, wanted.max(), side="right"))
    places: Int64Array = np.searchsorted(joined[low:high], wanted) + low
    return np.where(joined[places] == wanted, places + 1, 0)
