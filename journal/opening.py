"""Journals by their address, ``file:DIR`` or ``redis://...``: `service` opens them to write and `training` to read."""

from pathlib import Path

from journal.errors import JournalAddressError
from journal.files import FileJournal, Rotation
from journal.journal import Journal
from journal.retention import FOREVER, Retention

SCHEMES = ("file", "redis", "rediss", "unix")
"""How the address of a journal may begin, up to the colon."""


def open_journal(
    address: str, name: str, rotation: Rotation | None = None, retention: Retention = FOREVER
) -> Journal:
    """The journal of a name at an address.

    Args:
        address: ``file:DIR``, where each journal has a folder, or what the client of Redis understands:
            ``redis://HOST:PORT/NUMBER``, ``rediss://...``, ``unix://PATH``.
        name: Such as ``decisions``.
        rotation: When a file is closed and the next one begun.
        retention: What may be forgotten; nothing by default in files, what is seven days old in Redis.

    Raises:
        JournalAddressError: If the address is none, or nobody answers there.
    """
    scheme, _, place = address.partition(":")
    match scheme:
        case "file" if place:
            return FileJournal(Path(place) / name, rotation, retention)
        case "redis" | "rediss" | "unix":
            return _redis(address, name, retention)
    raise JournalAddressError(f"expected file:DIR or redis://HOST:PORT/NUMBER, got {address!r}")


def _redis(address: str, name: str, retention: Retention) -> Journal:
    try:
        # An extra that most do not need.
        from journal.redis import RedisJournal  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise JournalAddressError(
            f"expected the client of Redis for {address.partition('//')[0]}//..., found none: pip install 'axon-ctr[redis]'"
        ) from error
    return RedisJournal(address, name, retention)
