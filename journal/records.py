"""What the records of the journals say: decisions, feedback and a shadow's answers as objects, and as JSON.

`service.decisions` writes them, `training.join` reads them.
"""

import secrets
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from journal.journal import Record

FeedbackType = Literal["impression", "click", "play", "purchase", "dislike"]

Features = dict[str, Any]
"""Values by column, as JSON has them; null is missing."""


# Not frozen: a request makes a thousand of them, and that takes a quarter of the time.
@dataclass(slots=True)
class Described:
    """A user or a candidate: id (empty for a user without one) and features as the model saw them, None where they are not kept."""

    id: str
    features: Features | None = None


@dataclass(frozen=True)
class Columns:
    """What the columns of a log are called that requests name otherwise; None where the model knows none.

    Attributes:
        user: Holds the id of the user.
        item: Holds the id of the item.
        time: Holds the time of the impression.
    """

    user: str | None = None
    item: str | None = None
    time: str | None = None


@dataclass(frozen=True)
class Decision:
    """One answer of the service.

    Attributes:
        decision_id: Made by `new_decision_id`.
        at_ms: When it was answered, milliseconds since the epoch.
        model: Its name.
        version: Its version.
        columns: Names for the log.
        user: Who asked.
        context: Features of the moment.
        candidates: The answered ones, best first; those far down may come without features.
        probabilities: Of a click, one per candidate.
        positions: Ranks, from 1.
        targets: Other probabilities by name, where the model has several targets.
    """

    decision_id: str
    at_ms: int
    model: str
    version: int
    columns: Columns
    user: Described
    context: Features
    candidates: list[Described]
    probabilities: list[float]
    positions: list[int]
    targets: dict[str, list[float]] = field(default_factory=dict)

    def record(self) -> Record:
        """As it is written."""
        return Record(self.decision_id, orjson.dumps(self, option=orjson.OPT_SERIALIZE_NUMPY))

    @classmethod
    def read(cls, record: Record) -> "Decision":
        """From what was written."""
        document = orjson.loads(record.body)
        document["columns"] = Columns(**document["columns"])
        document["user"] = Described(**document["user"])
        document["candidates"] = [Described(**candidate) for candidate in document["candidates"]]
        return cls(**document)


@dataclass(frozen=True)
class Feedback:
    """One thing that somebody did.

    Attributes:
        event_id: Chosen by the client; the same event sent again has the same.
        type: What was done.
        at_ms: When, by the client's clock, milliseconds since the epoch.
        item_id: With what.
        decision_id: Of the answer that showed the item; empty where the client does not know it.
        user_id: Who did it; needed where there is no decision.
        received_ms: When it came, by the service's clock.
    """

    event_id: str
    type: FeedbackType
    at_ms: int
    item_id: str
    decision_id: str = ""
    user_id: str = ""
    received_ms: int = 0

    def record(self) -> Record:
        """As it is written."""
        return Record(self.event_id, orjson.dumps(self))

    @classmethod
    def read(cls, record: Record) -> "Feedback":
        """From what was written."""
        return cls(**orjson.loads(record.body))


@dataclass(frozen=True)
class ShadowAnswer:
    """What a version would have answered in the place of another.

    Attributes:
        decision_id: Of the answer that was given.
        at_ms: When the shadow answered, milliseconds since the epoch.
        model: Its name.
        version: Its version.
        items: Ids, as they were answered; empty for a scored row, whose decision has but one.
        probabilities: Of a click, one per item, or of the row.
    """

    decision_id: str
    at_ms: int
    model: str
    version: int
    items: list[str]
    probabilities: list[float]

    def record(self) -> Record:
        """As it is written."""
        return Record(self.decision_id, orjson.dumps(self))

    @classmethod
    def read(cls, record: Record) -> "ShadowAnswer":
        """From what was written."""
        return cls(**orjson.loads(record.body))


def new_decision_id(at_ms: int) -> str:
    """32 hexadecimal digits that rise with time, laid out like version 7 of RFC 9562."""
    noise = secrets.randbits(74)
    whole = (at_ms & (1 << 48) - 1) << 80 | 7 << 76 | (noise >> 62) << 64 | 2 << 62 | noise & (1 << 62) - 1
    return f"{whole:032x}"
