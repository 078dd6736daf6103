"""Encoded impressions on disc: `training.encoding.encode` appends them once, `training.fitting.descent` reads them every epoch.

One file of fixed-size records, so that any run of rows is one read and memory does not grow with the log.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from features.layout import EncodedLayout
from training.targets import CLICK, Targets

PAGE_ROWS = 1024
"""Rows that stay neighbours when a store is shuffled into a pool."""

POOL_ROWS = 256 * PAGE_ROWS
"""Rows that are shuffled together in memory."""

RUN_ROWS = 8
"""Rows of the same id that stay neighbours where a loss compares them."""

Records = NDArray[np.void]
"""Encoded impressions: a structured array with ``ids``, ``values``, ``clicked``, and ``outcomes`` of further targets."""


class EncodedStore:
    """The encoded impressions of one slice, in the order of the log, with a label for each target."""

    def __init__(self, path: Path, layout: EncodedLayout, targets: Targets = CLICK) -> None:
        self.path = path
        self.layout = layout
        self.targets = targets
        self.dtype = np.dtype(
            [
                ("ids", "<i4", (layout.id_width,)),
                ("values", "<f4", (layout.value_width,)),
                ("clicked", "<f4"),
                *([("outcomes", "<f4", (len(targets.further),))] if targets.several else []),
            ]
        )

    @property
    def rows(self) -> int:
        return self.path.stat().st_size // self.dtype.itemsize if self.path.exists() else 0

    def read(self, start: int, rows: int) -> Records:
        """Up to ``rows`` records from ``start`` on."""
        return np.fromfile(self.path, dtype=self.dtype, count=rows, offset=start * self.dtype.itemsize)

    def spread(self, rows: int) -> Records:
        """Up to ``rows`` records, evenly spread over the store, in their order."""
        rows = min(rows, self.rows)
        places = np.arange(rows) * self.rows // max(1, rows)
        return np.array(self.mapped()[places])

    def mapped(self) -> Records:
        """All records, on disc until they are looked at."""
        if not self.rows:
            # Nothing cannot be mapped.
            return np.empty(0, self.dtype)
        return np.memmap(self.path, dtype=self.dtype, mode="r")

    def labels(self) -> NDArray[np.float32]:
        """The labels of all records, see `labels_of`."""
        return np.array(labels_of(self.mapped()))

    def digest(self) -> str:
        """The sha256 of all records, which no other records have."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def batches(self, batch_size: int) -> Iterator[Records]:
        """All records in order; the last batch may be short."""
        for start in range(0, self.rows, batch_size):
            yield self.read(start, batch_size)

    def shuffled_batches(
        self, batch_size: int, rng: np.random.Generator, *, together: int | None = None
    ) -> Iterator[Records]:
        """Whole batches in random order; what does not fill the last one is left out of this epoch.

        Pages of neighbours are drawn at random from the whole file into a pool, and the pool is shuffled: nearly a
        full shuffle, in the memory of one pool.

        Args:
            batch_size: Impressions of each batch.
            rng: Draws the order.
            together: Impressions with the same id in this column mostly share a batch: runs of `RUN_ROWS` of the pool
                ordered by it are shuffled instead of impressions.
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
            if together is not None:
                pool = pool[_runs(pool["ids"][:, together], rng)]
            whole = len(pool) // batch_size * batch_size
            for start in range(0, whole, batch_size):
                yield pool[start : start + batch_size]
            carry = pool[whole:]


def labels_of(records: Records) -> NDArray[np.float32]:
    """The labels of some impressions, ``(n,)``; ``(n, targets)`` where there are several."""
    if "outcomes" not in (records.dtype.names or ()):
        clicked: NDArray[np.float32] = records["clicked"]
        return clicked
    return np.column_stack([records["clicked"], records["outcomes"]])


def _runs(ids: NDArray[np.int32], rng: np.random.Generator) -> NDArray[np.int64]:
    """An order of rows in which runs of neighbours by id stand in random order."""
    by_id = np.argsort(ids, kind="stable")
    number = np.arange(len(ids)) // RUN_ROWS
    order: NDArray[np.int64] = by_id[
        np.argsort(rng.permutation(len(ids) // RUN_ROWS + 1)[number], kind="stable")
    ]
    return order


class StoreWriter:
    """Appends encoded impressions to a store."""

    def __init__(self, store: EncodedStore) -> None:
        self.store = store
        self._file: BinaryIO = store.path.open("wb")

    def append(
        self,
        ids: NDArray[Any],
        values: NDArray[Any],
        clicked: NDArray[Any],
        outcomes: NDArray[Any] | None = None,
    ) -> None:
        """Append rows: ids ``(n, id_width)``, values ``(n, value_width)``, clicked ``(n,)``, outcomes ``(n, further)``."""
        records = np.empty(len(clicked), dtype=self.store.dtype)
        records["ids"], records["values"], records["clicked"] = ids, values, clicked
        if self.store.targets.several:
            records["outcomes"] = outcomes
        records.tofile(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()
