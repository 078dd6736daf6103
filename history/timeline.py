"""The common mathematics of counters and sequences: what every key had seen before a moment."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from history.columns import Int64Array

MOMENTS = 2**42
"""Milliseconds since the epoch are below this until the year 2109; key and moment share one int64, so history knows no later one."""


@dataclass(frozen=True)
class Timeline:
    """What each key had before, and then its events, key by key in the order in which they become visible.

    Attributes:
        order: For every entry its place in ``[the keys' beginnings..., the events...]``.
        starts: Place of the beginning of each entry's key.
        moments: Key and visibility of every entry as one rising number.
    """

    order: Int64Array
    starts: Int64Array
    moments: Int64Array

    @classmethod
    def of(cls, before: Int64Array, codes: Int64Array, visible_ms: Int64Array) -> "Timeline":
        """Order events of keys.

        Args:
            before: The key of every beginning, rising; a key has one or more.
            codes: The key of every event, shape ``(events,)``.
            visible_ms: From when on each event is known.
        """
        key = np.concatenate([before, codes])
        moment = np.concatenate([np.zeros(len(before), np.int64), _after_beginning(visible_ms)])
        together = key * MOMENTS + moment
        order = np.argsort(together, kind="stable")
        together = together[order]
        keys = together // MOMENTS
        first = np.flatnonzero(np.diff(keys, prepend=-1))
        starts = np.repeat(first, np.diff(first, append=len(keys)))
        return cls(order, starts, together)

    def last_before(self, codes: Int64Array, read_ms: Int64Array) -> Int64Array:
        """Place of the last entry of each key that was visible strictly before a moment, shape of ``codes``."""
        asked = codes * MOMENTS + _after_beginning(read_ms)
        return np.searchsorted(self.moments, asked, side="left") - 1

    def ends(self) -> Int64Array:
        """Place of the last entry of each key, in the order of the keys."""
        return np.flatnonzero(np.diff(self.moments // MOMENTS, append=-1))

    def running_latest(self, moments: Int64Array) -> Int64Array:
        """The latest of a key's moments up to each entry; 0 stands for none.

        Args:
            moments: Of every entry, in ``[0, MOMENTS)``, shape ``(entries,)``.
        """
        keys = self.moments // MOMENTS * MOMENTS
        return np.maximum.accumulate(keys + moments) - keys

    def decayed_sums(self, factors: NDArray[np.float64], amounts: NDArray[np.float64]) -> NDArray[np.float64]:
        """``sum[i] = amount[i] + factor[i] * sum[i - 1]`` within each key, all keys at once.

        A segmented scan by doubling (Hillis and Steele, "Data Parallel Algorithms", 1986): stable whatever the length of
        the history and the half-life, because no factor above 1 ever appears.

        Args:
            factors: In [0, 1], shape ``(horizons, entries)``; ignored at the beginning of a key.
            amounts: Shape ``(..., horizons, entries)``.
        """
        factors, sums = factors.copy(), amounts.copy()
        behind = np.arange(len(self.starts)) - self.starts
        step = 1
        active = np.flatnonzero(behind >= step)
        while active.size:
            sums[..., active] += factors[..., active] * sums[..., active - step]
            factors[..., active] *= factors[..., active - step]
            step *= 2
            active = active[behind[active] >= step]
        return sums


def _after_beginning(time_ms: Int64Array) -> Int64Array:
    """Times as moments; 0 is that of a key's beginning."""
    return np.clip(time_ms, 0, MOMENTS - 2) + 1
