"""Which names and time zones a spec may use."""

import re
from functools import cache
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator

# TensorFlow accepts just these as names of a signature's inputs.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]*")


def _usable(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"expected letters, digits, '_', '.' and '-', starting with a letter or a digit, got {name!r}; "
            "data.rename gives a column another name"
        )
    return name


def _known(time_zone: str) -> str:
    if time_zone not in _zones():
        raise ValueError(
            f"expected a name of the time zone database such as Europe/Berlin or UTC, got {time_zone!r}"
        )
    ZoneInfo(time_zone)
    return time_zone


@cache
def _zones() -> frozenset[str]:
    """Looked for once: the database is a tree of files."""
    return frozenset(available_timezones())


Name = Annotated[str, AfterValidator(_usable)]
"""Of a feature or a column; a model's input can carry it."""

TimeZone = Annotated[str, AfterValidator(_known)]
"""A name of the time zone database."""
