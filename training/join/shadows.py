"""What a shadow would have answered, on disc, to be asked by decision: its answers come in, columns of the labelled log go out.

`training.join.joining` fills it and asks it, and ``axon compare`` reads the columns. SQLite keeps it in a file of its own
that is gone when the connection is.
"""

import sqlite3
from collections.abc import Iterable

import orjson

from journal.records import Decision, ShadowAnswer

VERSION, PROBABILITY = "shadow_version", "shadow_probability"
"""The columns; a row about which no shadow said anything has neither."""

ShadowColumns = dict[str, int | float]

_TABLE = "CREATE TABLE shadows (decision_id TEXT PRIMARY KEY, version INTEGER, answer BLOB) WITHOUT ROWID"


class ShadowIndex:
    """Shadows' answers by decision; of several to one decision the last counts."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("")
        self._database.execute(_TABLE)

    def add(self, answers: Iterable[ShadowAnswer]) -> None:
        """Take answers in."""
        rows = (
            (one.decision_id, one.version, orjson.dumps([one.items, one.probabilities])) for one in answers
        )
        self._database.executemany("INSERT OR REPLACE INTO shadows VALUES (?, ?, ?)", rows)

    def of(self, decision: Decision) -> dict[str, ShadowColumns]:
        """The columns of each item of a decision that a shadow answered about."""
        found = self._database.execute(
            "SELECT version, answer FROM shadows WHERE decision_id = ?", (decision.decision_id,)
        ).fetchone()
        if found is None:
            return {}
        version, answer = found
        items, probabilities = orjson.loads(answer)
        # A scored row has but one item, which the shadow does not name.
        named = items or [candidate.id for candidate in decision.candidates]
        return {
            item: {VERSION: version, PROBABILITY: probability}
            for item, probability in zip(named, probabilities, strict=True)
        }

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()
