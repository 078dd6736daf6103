"""Decisions on disc while something of theirs may still be shown: they come in as they are read, and are asked for by id or time.

`training.remembering.following` fills and asks it. SQLite keeps it in a file of its own that is gone when the connection is,
so that memory does not grow with the traffic.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence

from journal import Record
from journal.records import Decision
from training.join.labelling import decided_ms

_AT_ONCE = 500
_TABLE = """
CREATE TABLE decisions (decision_id TEXT PRIMARY KEY, at_ms INTEGER, moment_ms INTEGER, user_id TEXT, body BLOB);
CREATE INDEX by_moment ON decisions (moment_ms, decision_id);
CREATE INDEX by_user ON decisions (user_id);
"""


class DecisionIndex:
    """Decisions by id, user and moment."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("")
        self._database.executescript(_TABLE)

    def add(self, decisions: Iterable[tuple[Decision, Record]]) -> None:
        """Take decisions in, each once, with the record that each was read from."""
        rows = (
            (one.decision_id, one.at_ms, decided_ms(one), one.user.id, record.body)
            for one, record in decisions
        )
        self._database.executemany("INSERT OR IGNORE INTO decisions VALUES (?, ?, ?, ?, ?)", rows)

    def get(self, decision_ids: Sequence[str]) -> Iterator[Decision]:
        """Those of some decisions that are here."""
        return self._found("decision_id", decision_ids)

    def of_users(self, users: Sequence[str]) -> Iterator[tuple[Decision, int]]:
        """The decisions about some users, with the moment of each."""
        return ((decision, decided_ms(decision)) for decision in self._found("user_id", users))

    def decided(self, after_ms: int, until_ms: int, most: int) -> tuple[int, list[str]]:
        """About so many decisions of a period.

        Returns:
            The last moment of the period that they cover, at most ``until_ms``, and their ids.
        """
        of_period = "FROM decisions WHERE moment_ms > ? AND moment_ms <= ?"
        last = self._database.execute(
            f"SELECT moment_ms {of_period} ORDER BY moment_ms LIMIT 1 OFFSET ?",  # our own words
            (after_ms, until_ms, most - 1),
        ).fetchone()
        end_ms = until_ms if last is None else int(last[0])
        found = self._database.execute(f"SELECT decision_id {of_period}", (after_ms, end_ms))
        return end_ms, [decision for (decision,) in found]

    def forget(self, before_ms: int) -> None:
        """Let go of what was answered before a moment."""
        self._database.execute("DELETE FROM decisions WHERE at_ms < ?", (before_ms,))
        self._database.commit()

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def _found(self, column: str, values: Sequence[str]) -> Iterator[Decision]:
        for start in range(0, len(values), _AT_ONCE):
            some = values[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            query = f"SELECT decision_id, body FROM decisions WHERE {column} IN ({marks})"  # noqa: S608  # question marks only
            for key, body in self._database.execute(query, some).fetchall():
                yield Decision.read(Record(key, body))
