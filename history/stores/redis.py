"""History records in Redis: the store for more than one machine. Needs the extra ``redis``."""

import contextlib
import itertools
import re
from collections.abc import Iterable, Iterator
from typing import TypeVar

import redis

from history.errors import ChangedStoreError, StoreError
from history.stores.redis_client import client_of
from history.stores.store import Changes, Found, Unchanged, Wanted

_AFTER_SPACE = "\x1f"
"""Stands between a space and a key; a space has none."""

_AT_ONCE = 1000
"""Keys per command."""

_T = TypeVar("_T")


class RedisStore:
    """A string per record. How much of it survives a crash of Redis is a setting of Redis (``appendonly``).

    Args:
        url: Such as ``redis://127.0.0.1:6379/0``, ``rediss://...`` or ``unix://...``.

    Raises:
        StoreError: If the address is none, or nobody answers there.
    """

    def __init__(self, url: str) -> None:
        self._client, self._shown = client_of(url)
        with self._explained():
            self._client.ping()

    def get(self, wanted: Wanted) -> Found:
        asked = [_name(space, key) for space, keys in wanted.items() for key in keys]
        with self._explained(), self._client.pipeline(transaction=False) as pipeline:
            for some in _batches(asked):
                pipeline.mget(some)
            records = itertools.chain.from_iterable(pipeline.execute())
        return {space: list(itertools.islice(records, len(keys))) for space, keys in wanted.items()}

    def put(self, changes: Changes, only_if: Unchanged | None = None) -> None:
        named = (
            (_name(space, key), record) for space, some in changes.items() for key, record in some.items()
        )
        # MULTI and EXEC: nobody sees one half without the other.
        with self._writing(only_if) as pipeline:
            for some in _batches(named):
                pipeline.mset(dict(some))

    def records(self, space: str) -> Iterator[tuple[str, bytes]]:
        begins = _name(space, "")
        with self._explained():
            seen: set[bytes] = set()
            for some in _batches(self._names(space)):
                # A scan may name a key twice.
                fresh = [name for name in some if name not in seen]
                seen.update(fresh)
                for name, record in zip(fresh, self._client.mget(fresh) if fresh else [], strict=True):
                    if isinstance(record, bytes):  # None where somebody has deleted it since
                        yield name.decode()[len(begins) :], record

    def clear(self, space: str, only_if: Unchanged | None = None) -> None:
        with self._explained():
            for some in _batches(self._names(space)):
                with self._writing(only_if) as pipeline:
                    pipeline.unlink(*some)

    def close(self) -> None:
        self._client.close()

    def _names(self, space: str) -> Iterator[bytes]:
        """Every name of a space, some of them perhaps twice."""
        pattern = re.sub(r"([\\*?\[\]])", r"\\\1", _name(space, "")) + "*"
        return self._client.scan_iter(pattern, count=_AT_ONCE)

    @contextlib.contextmanager
    def _writing(self, only_if: Unchanged | None) -> Iterator[redis.client.Pipeline]:
        """Commands of one transaction, which is done at the end of the block, if it is still so."""
        with self._explained(), self._client.pipeline(transaction=True) as pipeline:
            if only_if is not None:
                name = _name(only_if.space, only_if.key)
                pipeline.watch(name)  # type: ignore[no-untyped-call]  # of the library
                if pipeline.get(name) != only_if.record:
                    raise self._changed()
                pipeline.multi()
            yield pipeline
            try:
                pipeline.execute()
            except redis.WatchError as error:
                # So it words a connection that broke too: nobody knows then whether it was done.
                if isinstance(error.__context__, redis.ConnectionError | redis.TimeoutError):
                    raise
                raise self._changed() from error

    def _changed(self) -> ChangedStoreError:
        return ChangedStoreError(f"expected that nobody else writes {self._shown}, but somebody has")

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except redis.RedisError as error:
            raise StoreError(f"expected a Redis that answers at {self._shown}: {error}") from error


def _batches(items: Iterable[_T]) -> Iterator[list[_T]]:
    remaining = iter(items)
    while some := list(itertools.islice(remaining, _AT_ONCE)):
        yield some


def _name(space: str, key: str) -> str:
    return f"{space}{_AFTER_SPACE}{key}"
