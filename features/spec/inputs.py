"""The raw columns that a model needs: where they come from, what they hold, which part of the network they enter."""

import keyword
import re
from collections.abc import Iterable
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


class RawInput(Document):
    """One raw column that the model needs: an input of the exported graph and a field of a request."""

    column: str
    side: Side
    kind: RawKind
    separator: str | None = None
    time: TimeColumn = TimeColumn()
    history: bool = False
    """Whether `history` fills the column: then neither a log nor a request carries it."""


_TAKEN = frozenset({*keyword.kwlist, "self"})
"""What no argument of a signature can be called."""


def argument_names(inputs: Iterable[RawInput]) -> dict[str, str]:
    """What the signatures of an exported graph call each column: by its name, if they can.

    Python has words of its own, and TensorFlow takes two names for one that differ only in case, or only in their
    punctuation.

    Args:
        inputs: All columns of the model.
    """
    names: dict[str, str] = {}
    lowered, arguments = set[str](), set[str]()
    for column in sorted({raw.column for raw in inputs}):
        name, attempt = column, 2
        while name in _TAKEN or name.lower() in lowered or _argument(name) in arguments:
            name, attempt = f"{column}_{attempt}", attempt + 1
        lowered.add(name.lower())
        arguments.add(_argument(name))
        names[column] = name
    return names


def _argument(name: str) -> str:
    """What TensorFlow makes of a name."""
    plain = re.sub(r"\W", "_", name)
    return plain if plain[0].isalpha() else f"arg_{plain}"
