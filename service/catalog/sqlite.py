"""Items and users in one SQLite file: the embedded default."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from history.stores.sqlite_file import connect
from service.catalog.store import Changes, Entity
from service.errors import CatalogUnavailableError

_AT_ONCE = 500
"""Ids per query: every SQLite takes so many variables."""

_PER_PAGE = 5000
"""Entities that are read at once where all are."""

_TABLES = (
    # A deleted entity stays without features, or nobody who follows would learn of it.
    "CREATE TABLE IF NOT EXISTS entities (kind TEXT, id TEXT, features BLOB, revision INTEGER NOT NULL, "
    "PRIMARY KEY (kind, id)) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS by_revision ON entities (kind, revision)",
)
_PUT = "INSERT OR REPLACE INTO entities VALUES (?, ?, ?, ?)"
_DELETE = (
    "UPDATE entities SET features = NULL, revision = ? WHERE kind = ? AND id = ? AND features IS NOT NULL"
)
_REVISION = "SELECT coalesce(max(revision), 0) FROM entities WHERE kind = ?"


class SqliteEntities:
    """A table of entities; every change is one transaction, on disc when the method returns.

    Args:
        path: The file; it is made when something is put.

    Raises:
        CatalogUnavailableError: If the file is there and cannot be opened, or is no SQLite file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # A transaction belongs to a connection, which all threads share. Who reads has one of its own: it must not
        # stand in line behind a change that waits for another process.
        self._reader: sqlite3.Connection | None = None
        self._writer: sqlite3.Connection | None = None
        self._read_lock, self._write_lock = threading.Lock(), threading.Lock()
        with self._reading():
            pass

    def put(self, kind: Entity, entities: Mapping[str, bytes]) -> None:
        with self._writing(kind) as (database, revision):
            database.executemany(
                _PUT, ((kind, key, features, revision) for key, features in entities.items())
            )

    def delete(self, kind: Entity, ids: Sequence[str]) -> None:
        with self._writing(kind) as (database, revision):
            database.executemany(_DELETE, ((revision, kind, key) for key in ids))

    def get(self, kind: Entity, ids: Sequence[str]) -> list[bytes | None]:
        found: dict[str, bytes | None] = {}
        with self._reading() as database:
            for start in range(0, len(ids) if database else 0, _AT_ONCE):
                some = ids[start : start + _AT_ONCE]
                marks = ",".join("?" * len(some))
                query = f"SELECT id, features FROM entities WHERE kind = ? AND id IN ({marks})"  # noqa: S608  # question marks only
                found.update(database.execute(query, (kind, *some)))  # type: ignore[union-attr]  # no rounds without it
        return [found.get(key) for key in ids]

    def all(self, kind: Entity) -> Iterator[tuple[str, bytes]]:
        query = "SELECT id, features FROM entities WHERE kind = ? AND id > ? AND features IS NOT NULL ORDER BY id LIMIT ?"
        # The empty text is nobody's id, and is before every other.
        last = ""
        while page := self._rows(query, kind, last, _PER_PAGE):
            yield from page
            last = page[-1][0]

    def count(self, kind: Entity) -> int:
        rows = self._rows("SELECT count(*) FROM entities WHERE kind = ? AND features IS NOT NULL", kind)
        return int(rows[0][0]) if rows else 0

    def revision(self, kind: Entity) -> int:
        rows = self._rows(_REVISION, kind)
        return int(rows[0][0]) if rows else 0

    def changes(self, kind: Entity, since: int) -> Changes:
        query = (
            "SELECT id, features, revision FROM entities WHERE kind = ? AND revision > ? ORDER BY revision"
        )
        rows = self._rows(query, kind, since)
        return Changes(rows[-1][2] if rows else since, {key: features for key, features, _ in rows})

    def close(self) -> None:
        with self._write_lock, self._read_lock:
            for database in (self._reader, self._writer):
                if database is not None:
                    database.close()
            self._reader = self._writer = None

    def _rows(self, query: str, *values: object) -> list[Any]:
        with self._reading() as database:
            return [] if database is None else database.execute(query, values).fetchall()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """The database; None as long as nobody has put anything."""
        with self._explained(), self._read_lock:
            if self._reader is None and self._path.exists():
                self._reader = self._opened()
            yield self._reader

    @contextlib.contextmanager
    def _writing(self, kind: Entity) -> Iterator[tuple[sqlite3.Connection, int]]:
        """A transaction, and the revision of what it changes."""
        with self._explained(), self._write_lock:
            if self._writer is None:
                self._writer = self._opened()
            with self._writer:
                # At once, so that of two processes one waits for the other's revision.
                self._writer.execute("BEGIN IMMEDIATE")
                (newest,) = self._writer.execute(_REVISION, (kind,)).fetchone()
                yield self._writer, newest + 1

    def _opened(self) -> sqlite3.Connection:
        database = connect(self._path, isolation_level=None)
        for statement in _TABLES:
            database.execute(statement)
        return database

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise CatalogUnavailableError(
                f"expected a SQLite file of items and users that can be used at {self._path}: {error}"
            ) from error
