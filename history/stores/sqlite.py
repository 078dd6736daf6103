"""History records in one SQLite file: the embedded store that moves on."""

import contextlib
import sqlite3
import threading
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
        with contextlib.ExitStack() as opened, self._explained():
            # Python lets two threads fill in the same query, so that each has to wait for its turn. Who reads has a
            # connection of its own: it must not stand in line behind a change that waits for another process.
            self._writer = opened.enter_context(contextlib.closing(self._connected()))
            self._make_table()
            self._reader = opened.enter_context(contextlib.closing(self._connected()))
            opened.pop_all()
        self._read_lock, self._write_lock = threading.Lock(), threading.Lock()

    def get(self, wanted: Wanted) -> Found:
        with self._explained(), self._read_lock:
            return {space: _records_of(self._reader, space, list(keys)) for space, keys in wanted.items()}

    def put(self, changes: Changes, only_if: Unchanged | None = None) -> None:
        rows = ((space, key, record) for space, records in changes.items() for key, record in records.items())
        with self._writing(only_if) as database:
            database.executemany("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", rows)

    def records(self, space: str) -> Iterator[tuple[str, bytes]]:
        # As of one moment, however long somebody takes to read them: nobody else may use the connection meanwhile.
        with self._explained(), contextlib.closing(self._connected()) as database:
            yield from database.execute("SELECT key, record FROM records WHERE space = ?", (space,))

    def clear(self, space: str, only_if: Unchanged | None = None) -> None:
        with self._writing(only_if) as database:
            database.execute("DELETE FROM records WHERE space = ?", (space,))

    def close(self) -> None:
        with self._write_lock, self._read_lock:
            self._reader.close()
            self._writer.close()

    def _connected(self) -> sqlite3.Connection:
        return connect(self._path, isolation_level="DEFERRED")

    def _make_table(self) -> None:
        with self._writer:
            self._writer.execute(
                "CREATE TABLE IF NOT EXISTS records "
                "(space TEXT, key TEXT, record BLOB NOT NULL, PRIMARY KEY (space, key)) WITHOUT ROWID"
            )

    @contextlib.contextmanager
    def _writing(self, only_if: Unchanged | None) -> Iterator[sqlite3.Connection]:
        """A transaction, if it is still so; from there to its end nobody else writes."""
        with self._explained(), self._write_lock, self._writer:
            if only_if is not None:
                self._writer.execute("BEGIN IMMEDIATE")
                if _records_of(self._writer, only_if.space, [only_if.key]) != [only_if.record]:
                    raise ChangedStoreError(
                        f"expected that nobody else writes {self._path}, but somebody has"
                    )
            yield self._writer

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(
                f"expected a SQLite file of history records that can be used at {self._path}: {error}"
            ) from error


def _records_of(database: sqlite3.Connection, space: str, keys: list[str]) -> list[bytes | None]:
    found: dict[str, bytes] = {}
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        marks = ",".join("?" * len(some))
        query = f"SELECT key, record FROM records WHERE space = ? AND key IN ({marks})"  # noqa: S608  # question marks only
        found.update(database.execute(query, (space, *some)).fetchall())
    return [found.get(key) for key in keys]
