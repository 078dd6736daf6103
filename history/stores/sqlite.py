"""History records in one SQLite file: the embedded store that moves on."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from history.errors import ChangedStoreError, StoreError
from history.stores.sqlite_file import connect
from history.stores.store import Changes, Found, Unchanged, Wanted

_AT_ONCE = 500
"""Keys per query: every SQLite takes so many variables."""


class SqliteStore:
    """A table of records; every `put` is one transaction, on disc when it returns.

    Args:
        path: The file; made if there is none.

    Raises:
        StoreError: If the file cannot be opened, or is no SQLite file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._explained():
            # SQLite itself lets one thread after the other in.
            self._database = connect(path, isolation_level="DEFERRED")
            self._make_table()

    def get(self, wanted: Wanted) -> Found:
        with self._explained():
            return {space: self._records_of(space, list(keys)) for space, keys in wanted.items()}

    def put(self, changes: Changes, only_if: Unchanged | None = None) -> None:
        rows = ((space, key, record) for space, records in changes.items() for key, record in records.items())
        with self._explained(), self._database:
            self._check(only_if)
            self._database.executemany("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", rows)

    def records(self, space: str) -> Iterator[tuple[str, bytes]]:
        with self._explained():
            yield from self._database.execute("SELECT key, record FROM records WHERE space = ?", (space,))

    def clear(self, space: str, only_if: Unchanged | None = None) -> None:
        with self._explained(), self._database:
            self._check(only_if)
            self._database.execute("DELETE FROM records WHERE space = ?", (space,))

    def close(self) -> None:
        self._database.close()

    def _check(self, only_if: Unchanged | None) -> None:
        """Begin to write, if it is still so; from here to the end of the transaction nobody else writes."""
        if only_if is not None:
            self._database.execute("BEGIN IMMEDIATE")
            if self._records_of(only_if.space, [only_if.key]) != [only_if.record]:
                raise ChangedStoreError(f"expected that nobody else writes {self._path}, but somebody has")

    def _make_table(self) -> None:
        with self._database:
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS records "
                "(space TEXT, key TEXT, record BLOB NOT NULL, PRIMARY KEY (space, key)) WITHOUT ROWID"
            )

    def _records_of(self, space: str, keys: list[str]) -> list[bytes | None]:
        found: dict[str, bytes] = {}
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            query = f"SELECT key, record FROM records WHERE space = ? AND key IN ({marks})"  # noqa: S608  # question marks only
            found.update(self._database.execute(query, (space, *some)).fetchall())
        return [found.get(key) for key in keys]

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(
                f"expected a SQLite file of history records that can be used at {self._path}: {error}"
            ) from error
