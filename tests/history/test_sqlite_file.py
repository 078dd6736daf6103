"""One SQLite file, opened by many at once."""

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from history.stores import sqlite_file
from history.stores.opening import open_store
from history.stores.sqlite_file import connect
from history.stores.store import HistoryStore
from service.catalog.opening import open_entities
from service.catalog.store import EntityStore

OPENERS: dict[str, Callable[[Path], HistoryStore | EntityStore]] = {
    "history": lambda path: open_store(f"sqlite:{path}", "m"),
    "catalog": lambda path: open_entities(f"sqlite:{path}"),
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "records.sqlite"


@pytest.fixture
def writer(path):
    """Somebody who has a transaction open on a file that has no log yet."""
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    database.execute("CREATE TABLE theirs (a)")
    database.execute("BEGIN IMMEDIATE")
    yield database
    database.close()


@pytest.mark.parametrize("store", OPENERS)
def test_who_opens_a_file_that_another_is_about_to_change_waits(writer, path, store):
    began = time.monotonic()
    timer = threading.Timer(0.3, writer.execute, ["COMMIT"])
    timer.start()
    OPENERS[store](path).close()
    assert time.monotonic() - began >= 0.3
    timer.join()


@pytest.mark.usefixtures("writer")
def test_but_not_for_ever(path, monkeypatch):
    monkeypatch.setattr(sqlite_file, "_WAIT_S", 0.1)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        connect(path, isolation_level=None)


def test_a_file_that_is_no_database_is_refused_at_once(path):
    path.write_text("no database " * 100)
    began = time.monotonic()
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        connect(path, isolation_level=None)
    assert time.monotonic() - began < 5


def test_what_is_committed_is_on_disc_and_who_reads_waits_for_nobody(path):
    database = connect(path, isolation_level=None)
    assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert database.execute("PRAGMA synchronous").fetchone() == (2,)
    database.close()


def test_of_many_who_open_a_new_file_at_once_nobody_is_refused(tmp_path):
    for number in range(30):
        refused: list[Exception] = []
        together = threading.Barrier(6)

        def opening(
            number: int = number, together: threading.Barrier = together, refused: list = refused
        ) -> None:
            together.wait()
            try:
                open_store(f"sqlite:{tmp_path / str(number)}", "m").close()
            except Exception as error:  # noqa: BLE001  # whatever it is, none is expected
                refused.append(error)

        threads = [threading.Thread(target=opening) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert refused == []
