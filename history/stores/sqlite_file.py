"""SQLite files that several processes use at once: a path comes in, a connection goes out; the stores of `history` and of `service.catalog` open theirs so."""

import random
import sqlite3
import time
from pathlib import Path
from typing import Literal

_WAIT_S = 10.0
"""Longest wait for another process that writes."""

_LOOK_AGAIN_S = 0.01
"""Longest pause between two tries to switch the file to a log."""


def connect(path: Path, *, isolation_level: Literal["DEFERRED"] | None) -> sqlite3.Connection:
    """A connection that any thread may use, one at a time, to a file with a write-ahead log; what is committed is on disc.

    Args:
        path: The file; made if there is none.
        isolation_level: ``DEFERRED`` where the first change begins a transaction, None where only a statement does.

    Raises:
        sqlite3.Error: If the file cannot be opened, is no SQLite file, or is in somebody's hands for 10 s.
    """
    address = f"{path.absolute().as_uri()}?mode=rwc"
    database = sqlite3.connect(
        address, timeout=_WAIT_S, uri=True, isolation_level=isolation_level, check_same_thread=False
    )
    try:
        # With a log beside the file, whoever reads never waits for the one who writes.
        _switch_to_log(database)
        database.execute("PRAGMA synchronous = FULL")
    except BaseException:
        database.close()
        raise
    return database


def _switch_to_log(database: sqlite3.Connection) -> None:
    """Wait as SQLite does for everything but this: two who open a new file at once would refuse each other."""
    give_up = time.monotonic() + _WAIT_S
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            # Reasons stand in the upper bits.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
        else:
            return
        time.sleep(random.uniform(0, _LOOK_AGAIN_S))  # noqa: S311  # chance that nobody has to guard
