"""The raw columns that a model needs: where they come from, what they hold, which part of the network they enter."""

import re
from enum import StrEnum

from pydantic import Field, field_validator

from features.document import Document
from features.spec.names import TimeZone


class Side(StrEnum):
    """Where a raw column comes from in a request."""

    USER = "user"
    ITEM = "item"
    CONTEXT = "context"


class Half(StrEnum):
    """Which part of the network a feature enters.

    The user half is computed once per request (the context belongs to it), the item half once per item, the joint
    half for every pair of the two.
    """

    USER = "user"
    ITEM = "item"
    JOINT = "joint"


class RawKind(StrEnum):
    """What a raw column holds; `features.raw` has the one table of how each is read."""

    TEXT = "text"
    NUMBER = "number"
    TIME = "time"
    TEXTS = "texts"


EPOCHS = frozenset({"epoch_s", "epoch_ms", "epoch_us"})
"""Formats of numbers since the epoch."""


class TimeColumn(Document):
    """How the text of a time column is read; integers in JSON are always milliseconds since the epoch, UTC."""

    format: str = Field(
        default="auto",
        description="auto (integers are epoch_ms, the rest iso), epoch_s, epoch_ms, epoch_us, iso, or a strptime pattern with % (%Z is UTC or GMT)",
    )
    time_zone: TimeZone = Field(default="UTC", description="of times that name no zone themselves")

    @field_validator("format")
    @classmethod
    def _format_is_known(cls, text: str) -> str:
        if text not in {"auto", "iso", *EPOCHS} and "%" not in text:
            raise ValueError(
                f"expected auto, epoch_s, epoch_ms, epoch_us, iso or a pattern such as %Y-%m-%d, got {text!r}"
            )
        return text

    def agrees_with(self, other: "TimeColumn") -> bool:
        """Whether whatever both can read is the same moment for both."""
        formats = {self.format, other.format}
        if len(formats) > 1 and formats not in ({"auto", "iso"}, {"auto", "epoch_ms"}):
            return False
        # A number since the epoch has no zone.
        return self.time_zone == other.time_zone or not formats.isdisjoint(EPOCHS)


def graph_name(column: str) -> str:
    """What the inputs of an exported graph call a column: TensorFlow knows letters, digits and ``_``."""
    return re.sub(r"\W", "_", column)


class RawInput(Document):
    """One raw column that the model needs: an input of the exported graph and a field of a request."""

    column: str
    side: Side
    kind: RawKind
    separator: str | None = None
    time: TimeColumn = TimeColumn()
    history: bool = False
    """Whether `history` fills the column: then neither a log nor a request carries it."""
