"""Feedback on disc, to be asked by decision: events come in, in any order and any number of times; what was done goes out.

`training.join.joining` fills it and asks it. SQLite keeps it in a file of its own that is gone when the connection is,
so that memory does not grow with the log.
"""

import contextlib
import itertools
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator

from journal.records import Decision, Feedback, FeedbackType
from training.errors import DataError

Done = dict[FeedbackType, int]
"""When something was done for the first time, milliseconds since the epoch, by what was done."""

_AT_ONCE = 10_000

_TABLES = """
CREATE TABLE events (
    event_id TEXT PRIMARY KEY, type TEXT, decision_id TEXT, user_id TEXT, item_id TEXT, at_ms INTEGER, received_ms INTEGER
) WITHOUT ROWID;
CREATE TABLE shown (user_id TEXT, item_id TEXT, at_ms INTEGER, decision_id TEXT);
"""

_ATTRIBUTE = """
UPDATE events SET decision_id = coalesce((
    SELECT decision_id FROM shown
    WHERE shown.user_id = events.user_id AND shown.item_id = events.item_id AND shown.at_ms <= events.at_ms
    ORDER BY shown.at_ms DESC LIMIT 1
), '') WHERE decision_id = '' AND at_ms <= ?
"""

_FOR_EVER_MS = 2**62
"""Later than any moment."""


class EventIndex:
    """Events by decision and item."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("")
        self._database.executescript(_TABLES)

    def add(self, events: Iterable[Feedback]) -> tuple[int, int]:
        """Take events in, each once.

        Returns:
            How many there are, and how many came again.
        """
        before, came = self._database.total_changes, 0
        rows = (
            (one.event_id, one.type, one.decision_id, one.user_id, one.item_id, one.at_ms, one.received_ms)
            for one in events
        )
        while some := list(itertools.islice(rows, _AT_ONCE)):
            came += len(some)
            self._database.executemany("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", some)
        taken = self._database.total_changes - before
        self._database.execute("CREATE INDEX IF NOT EXISTS by_decision ON events (decision_id, user_id)")
        return taken, came - taken

    @property
    def has_strays(self) -> bool:
        """Whether events name a user and no decision."""
        found = self._database.execute("SELECT 1 FROM events WHERE decision_id = '' LIMIT 1")
        return found.fetchone() is not None

    def attribute(self, decisions: Iterable[tuple[Decision, int]], until_ms: int = _FOR_EVER_MS) -> int:
        """Give each stray to the last decision before it that answered its item to its user.

        Args:
            decisions: With the time of each.
            until_ms: Later strays are left alone: their decision may still be on its way.

        Returns:
            How many found none.
        """
        self._database.execute("DELETE FROM shown")
        for decision, at_ms in decisions:
            wanted = self._database.execute(
                "SELECT DISTINCT item_id FROM events WHERE decision_id = '' AND user_id = ?",
                (decision.user.id,),
            )
            items = {item for (item,) in wanted} & {candidate.id for candidate in decision.candidates}
            self._database.executemany(
                "INSERT INTO shown VALUES (?, ?, ?, ?)",
                ((decision.user.id, item, at_ms, decision.decision_id) for item in items),
            )
        self._database.execute("CREATE INDEX IF NOT EXISTS by_user ON shown (user_id, item_id, at_ms)")
        self._database.execute(_ATTRIBUTE, (until_ms,))
        left = self._database.execute("SELECT count(*) FROM events WHERE decision_id = ''")
        return int(left.fetchone()[0])

    def done(self, decision_id: str) -> defaultdict[str, Done]:
        """What was done with the items of a decision."""
        found = self._database.execute(
            "SELECT item_id, type, min(at_ms) FROM events WHERE decision_id = ? GROUP BY item_id, type",
            (decision_id,),
        )
        done: defaultdict[str, Done] = defaultdict(dict)
        for item, kind, at_ms in found:
            done[item][kind] = at_ms
        return done

    def __contains__(self, event_id: str) -> bool:
        found = self._database.execute("SELECT 1 FROM events WHERE event_id = ?", (event_id,))
        return found.fetchone() is not None

    def decision_of(self, event_id: str) -> str:
        """The decision of an event that is here; empty for a stray."""
        found = self._database.execute("SELECT decision_id FROM events WHERE event_id = ?", (event_id,))
        return str(found.fetchone()[0])

    def users_of_strays(self, until_ms: int) -> list[str]:
        """Who did something up to a moment that belongs to no decision yet."""
        found = self._database.execute(
            "SELECT DISTINCT user_id FROM events WHERE decision_id = '' AND at_ms <= ?", (until_ms,)
        )
        return [user for (user,) in found]

    def seen(self, after_ms: int, until_ms: int, most: int) -> tuple[int, list[str]]:
        """Decisions of which something was seen in a period, with about so many sights.

        Returns:
            The last moment of the period that they cover, at most ``until_ms``, and their ids.
        """
        self._database.execute(
            "CREATE INDEX IF NOT EXISTS by_time ON events (at_ms, decision_id) WHERE type = 'impression'"
        )
        of_period = "FROM events WHERE type = 'impression' AND at_ms > ? AND at_ms <= ?"
        last = self._database.execute(
            f"SELECT at_ms {of_period} ORDER BY at_ms LIMIT 1 OFFSET ?",  # our own words
            (after_ms, until_ms, most - 1),
        ).fetchone()
        end_ms = until_ms if last is None else int(last[0])
        found = self._database.execute(
            f"SELECT DISTINCT decision_id {of_period} AND decision_id != ''",
            (after_ms, end_ms),
        )
        return end_ms, [decision for (decision,) in found]

    def forget(self, before_ms: int) -> None:
        """Let go of events that happened, and came, before a moment."""
        self._database.execute("DELETE FROM events WHERE max(at_ms, received_ms) < ?", (before_ms,))
        self._database.commit()

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()


@contextlib.contextmanager
def room_told() -> Iterator[None]:
    """Say what to do where the files of this index, or of one beside it, find no room.

    Raises:
        DataError: In the place of SQLite's own.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        raise DataError(
            f"expected room for decisions and feedback in the directory for temporary files, got: {error}; SQLITE_TMPDIR=DIR "
            "names another"
        ) from error
