"""Encoded impressions on disc: `training.encode` appends them once, `training.fit` reads them every epoch.

One file of fixed-size records, so that any run of rows is one read and memory does not grow with the log.
"""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from features.layout import EncodedLayout

PAGE_ROWS = 1024
"""Rows that stay neighbours when a store is shuffled into a pool."""

POOL_ROWS = 256 * PAGE_ROWS
"""Rows that are shuffled together in memory."""

Records = NDArray[np.void]
"""Encoded impressions: a structured array with ``ids``, ``values`` and ``clicked``."""


class EncodedStore:
    """The encoded impressions of one slice, in the order of the log."""

    def __init__(self, path: Path, layout: EncodedLayout) -> None:
        self.path = path
        self.dtype = np.dtype(
            [
                ("ids", "<i4", (layout.id_width,)),
                ("values", "<f4", (layout.value_width,)),
                ("clicked", "<f4"),
            ]
        )

    @property
    def rows(self) -> int:
        return self.path.stat().st_size // self.dtype.itemsize if self.path.exists() else 0

    def read(self, start: int, rows: int) -> Records:
        """Up to ``rows`` records from ``start`` on."""
        return np.fromfile(self.path, dtype=self.dtype, count=rows, offset=start * self.dtype.itemsize)

    def batches(self, batch_size: int) -> Iterator[Records]:
        """All records in order; the last batch may be short."""
        for start in range(0, self.rows, batch_size):
            yield self.read(start, batch_size)

    def shuffled_batches(self, batch_size: int, rng: np.random.Generator) -> Iterator[Records]:
        """Whole batches in random order; what does not fill the last one is left out of this epoch.

        Pages of neighbours are drawn at random from the whole file into a pool, and the pool is shuffled: nearly a
        full shuffle, in the memory of one pool.
        """
        pages = rng.permutation(-(-self.rows // PAGE_ROWS))
        carry = np.empty(0, dtype=self.dtype)
        for first in range(0, len(pages), POOL_ROWS // PAGE_ROWS):
            drawn = [
                self.read(int(page) * PAGE_ROWS, PAGE_ROWS)
                for page in pages[first : first + POOL_ROWS // PAGE_ROWS]
            ]
            pool = np.concatenate([carry, *drawn])
            pool = pool[rng.permutation(len(pool))]
            whole = len(pool) // batch_size * batch_size
            for start in range(0, whole, batch_size):
                yield pool[start : start + batch_size]
            carry = pool[whole:]


class StoreWriter:
    """Appends encoded impressions to a store."""

    def __init__(self, store: EncodedStore) -> None:
        self.store = store
        self._file: BinaryIO = store.path.open("wb")

    def append(self, ids: NDArray[Any], values: NDArray[Any], clicked: NDArray[Any]) -> None:
        """Append rows: ids ``(n, id_width)``, values ``(n, value_width)``, clicked ``(n,)``."""
        records = np.empty(len(clicked), dtype=self.store.dtype)
        records["ids"], records["values"], records["clicked"] = ids, values, clicked
        records.tofile(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
