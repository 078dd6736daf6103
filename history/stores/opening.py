"""Stores by their address: ``memory:``, ``sqlite:PATH`` or ``redis://...``; `service` and scripts that feed it open one."""

from collections.abc import Iterator
from pathlib import Path

from history.errors import StoreError
from history.stores.memory import MemoryStore
from history.stores.sqlite import SqliteStore
from history.stores.store import Changes, Found, HistoryStore, Unchanged, Wanted

SCHEMES = ("memory", "sqlite", "redis", "rediss", "unix")
"""How the address of a store may begin, up to the colon."""


class PrefixedStore:
    """Another store, in which every space begins with the same words: so models can share it.

    Args:
        store: Where the records are.
        prefix: Such as the name of a model.
    """

    def __init__(self, store: HistoryStore, prefix: str) -> None:
        self._store = store
        self._prefix = f"{prefix}:"

    def get(self, wanted: Wanted) -> Found:
        found = self._store.get({self._prefix + space: keys for space, keys in wanted.items()})
        return {space: found[self._prefix + space] for space in wanted}

    def put(self, changes: Changes, only_if: Unchanged | None = None) -> None:
        own = {self._prefix + space: records for space, records in changes.items()}
        self._store.put(own, self._own(only_if))

    def records(self, space: str) -> Iterator[tuple[str, bytes]]:
        return self._store.records(self._prefix + space)

    def clear(self, space: str, only_if: Unchanged | None = None) -> None:
        self._store.clear(self._prefix + space, self._own(only_if))

    def close(self) -> None:
        self._store.close()

    def _own(self, only_if: Unchanged | None) -> Unchanged | None:
        return None if only_if is None else only_if._replace(space=self._prefix + only_if.space)


def open_store(url: str, space_prefix: str) -> HistoryStore:
    """The store at an address.

    Args:
        url: ``memory:`` (empty, gone with the process), ``sqlite:PATH`` (made if there is none), or what the client of
            Redis understands: ``redis://HOST:PORT/NUMBER``, ``rediss://...``, ``unix://PATH``.
        space_prefix: Name of the model, so that models may share one store.

    Raises:
        StoreError: If the address is none, or the store cannot be opened.
    """
    scheme, _, place = url.partition(":")
    match scheme:
        case "memory" if not place:
            return PrefixedStore(MemoryStore(), space_prefix)
        case "sqlite" if place:
            return PrefixedStore(SqliteStore(Path(place)), space_prefix)
        case "redis" | "rediss" | "unix":
            return PrefixedStore(_redis(url), space_prefix)
    raise StoreError(f"expected memory:, sqlite:PATH or redis://HOST:PORT/NUMBER, got {url!r}")


def _redis(url: str) -> HistoryStore:
    try:
        # An extra that most do not need.
        from history.stores.redis import RedisStore  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise StoreError(
            f"expected the client of Redis for {url.partition('//')[0]}//..., found none: pip install 'axon-ctr[redis]'"
        ) from error
    return RedisStore(url)
