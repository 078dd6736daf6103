"""Stores of items and users by their address, ``sqlite:PATH`` or ``redis://...``; `service.app` opens one."""

from pathlib import Path

from service.catalog.sqlite import SqliteEntities
from service.catalog.store import EntityStore
from service.errors import CatalogUnavailableError

SCHEMES = ("sqlite", "redis", "rediss", "unix")
"""How the address of a store may begin, up to the colon."""


def open_entities(address: str) -> EntityStore:
    """The store at an address.

    Args:
        address: ``sqlite:PATH`` (made when something is put), or what the client of Redis understands:
            ``redis://HOST:PORT/NUMBER``, ``rediss://...``, ``unix://PATH``.

    Raises:
        CatalogUnavailableError: If the address is none, or the store cannot be opened.
    """
    scheme, _, place = address.partition(":")
    match scheme:
        case "sqlite" if place:
            return SqliteEntities(Path(place))
        case "redis" | "rediss" | "unix":
            return _redis(address)
    raise CatalogUnavailableError(f"expected sqlite:PATH or redis://HOST:PORT/NUMBER, got {address!r}")


def _redis(address: str) -> EntityStore:
    try:
        # An extra that most do not need.
        from service.catalog.redis import RedisEntities  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise CatalogUnavailableError(
            f"expected the client of Redis for {address.partition('//')[0]}//..., found none: "
            "pip install 'axon-ctr[redis]'"
        ) from error
    return RedisEntities(address)
