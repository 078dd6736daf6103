"""What every part of a spec is, and which names and time zones it may use."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict
from typing_extensions import override

# TensorFlow accepts just these as names of a signature's inputs.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]*")


class Part(BaseModel):
    """Frozen, and without room for keys that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @override
    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        copied = super().model_copy(update=update, deep=deep)
        # What was worked out once and kept follows from the fields, and these are others now.
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied


def usable_name(name: str) -> str:
    """The name itself.

    Raises:
        ValueError: If a model's input cannot carry it.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"expected letters, digits, '_', '.' and '-', starting with a letter or a digit, got {name!r}; "
            "data.rename gives a column another name"
        )
    return name


def known_time_zone(name: str) -> str:
    """The name itself.

    Raises:
        ValueError: If the time zone database has no such zone.
    """
    if name not in _zones():
        raise ValueError(
            f"expected a name of the time zone database such as Europe/Berlin or UTC, got {name!r}"
        )
    ZoneInfo(name)
    return name


@cache
def _zones() -> frozenset[str]:
    """Looked for once: the database is a tree of files."""
    return frozenset(available_timezones())
