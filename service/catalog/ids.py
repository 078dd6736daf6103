"""Rows by id: many ids come in at once, their rows go out. `service.catalog.table` keeps one.

A dictionary of a million ids waits for memory several times per id, one id after the other: 0.8 ms per thousand. Here
every id has its place within one cache line, and NumPy asks for all of them at once: 0.1 ms.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]

_SLOTS = 8
"""Hashes per bucket: 64 bytes, a cache line."""

_USUAL = 4
"""Ids per bucket for which there is room on average; about one in a hundred finds its bucket full."""

_SMALLEST = 64


class IdIndex:
    """Buckets of hashes, and a dictionary for the few ids whose bucket is full.

    Ids are told apart by 64-bit hashes, which Python makes anew in every process: an id that is not here is taken for one of
    a million that are once in 10^13 times.
    """

    def __init__(self) -> None:
        self._capacity = 0
        self._hashes = np.zeros(0, np.int64)  # (buckets * slots,); 0 where nothing is
        self._rows = np.zeros(0, np.int64)  # the same shape
        self._taken = np.zeros(0, np.int64)  # slots of each bucket that were given away, shape (buckets,)
        self._overflow: dict[int, int] = {}
        self._make(_SMALLEST)

    def find(self, ids: Sequence[str]) -> Rows:
        """The row of each id, shape ``(n,)``; -1 for an id that is not here."""
        hashes = _hashes(ids)
        places = self._places(hashes)
        rows = np.where(self._hashes.take(places) == hashes, self._rows.take(places), -1)
        if self._overflow:
            for place in np.flatnonzero(rows < 0).tolist():
                rows[place] = self._overflow.get(int(hashes[place]), -1)
        return rows

    def add(self, ids: Sequence[str], rows: Rows) -> None:
        """Give rows to ids that differ and are not here yet."""
        self._put(_hashes(ids), rows)
        if len(self._overflow) > self._capacity // 16 + _SMALLEST:
            self._make(self._capacity)

    def remove(self, ids: Sequence[str]) -> None:
        """Forget ids that are here."""
        hashes = _hashes(ids)
        places = self._places(hashes)
        self._hashes[places[self._hashes[places] == hashes]] = 0
        for value in hashes.tolist():
            self._overflow.pop(value, None)

    def reserve(self, ids: int) -> None:
        """Make room for so many."""
        if ids > self._capacity:
            self._make(ids)

    def _make(self, capacity: int) -> None:
        """Buckets for so many ids; those that were here are put anew, and the places of removed ones are free again."""
        used = np.flatnonzero(self._hashes)
        hashes = np.concatenate([self._hashes[used], np.array(list(self._overflow), np.int64)])
        rows = np.concatenate([self._rows[used], np.array(list(self._overflow.values()), np.int64)])
        buckets = 1 << (max(capacity, _SMALLEST) // _USUAL - 1).bit_length()
        self._capacity = capacity
        self._hashes = np.zeros(buckets * _SLOTS, np.int64)
        self._rows = np.zeros(buckets * _SLOTS, np.int64)
        self._taken = np.zeros(buckets, np.int64)
        self._overflow = {}
        self._put(hashes, rows)

    def _put(self, hashes: Rows, rows: Rows) -> None:
        buckets = self._buckets(hashes)
        order = np.argsort(buckets, kind="stable")
        hashes, rows, buckets = hashes[order], rows[order], buckets[order]
        # Behind what the bucket has, and behind those that come into it now.
        slots = self._taken[buckets] + np.arange(len(buckets)) - np.searchsorted(buckets, buckets)
        fits = slots < _SLOTS
        places = buckets[fits] * _SLOTS + slots[fits]
        self._hashes[places], self._rows[places] = hashes[fits], rows[fits]
        np.add.at(self._taken, buckets[fits], 1)
        self._overflow.update(zip(hashes[~fits].tolist(), rows[~fits].tolist(), strict=True))

    def _buckets(self, hashes: Rows) -> Rows:
        return hashes & (len(self._taken) - 1)

    def _places(self, hashes: Rows) -> Rows:
        """Where each hash is, or the first place of its bucket if it is nowhere."""
        buckets = self._buckets(hashes)
        slots = self._hashes.reshape(-1, _SLOTS).take(buckets, axis=0) == hashes[:, None]
        places: Rows = buckets * _SLOTS + slots.argmax(axis=1)
        return places


def _hashes(ids: Sequence[str]) -> Rows:
    hashes = np.fromiter(map(hash, ids), np.int64, len(ids))
    hashes[hashes == 0] = 1  # 0 is an empty place
    return hashes
