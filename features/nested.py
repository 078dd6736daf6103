"""Objects within a record: a record comes in, one without any goes out, under names such as ``user.id``.

Training's files and the service's catalog read them so.
"""

from typing import Any


def flattened(record: dict[str, Any]) -> dict[str, Any]:
    """The record with each object in it taken apart: ``{"user": {"id": 1}}`` becomes ``{"user.id": 1}``; lists stay."""
    while dict in map(type, record.values()):
        apart: dict[str, Any] = {}
        for name, value in record.items():
            apart |= (
                {f"{name}.{inner}": v for inner, v in value.items()} if type(value) is dict else {name: value}
            )
        record = apart
    return record
