"""Items and users in Redis: for more than one machine. Needs the extra ``redis``."""

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from service.catalog.store import Changes, Entity
from service.errors import CatalogUnavailableError

_SPACE = "axon:catalog"

_AT_ONCE = 1000
"""Entities per command."""

_TIMEOUT_S = 5.0
"""Longest wait for an answer."""

_PUT = """
local revision = redis.call('INCR', KEYS[3])
for place = 1, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[place], ARGV[place + 1])
  redis.call('ZADD', KEYS[2], revision, ARGV[place])
end
"""
_DELETE = """
local revision = redis.call('INCR', KEYS[3])
for _, id in ipairs(ARGV) do
  if redis.call('HDEL', KEYS[1], id) == 1 then redis.call('ZADD', KEYS[2], revision, id) end
end
"""
"""Scripts run alone: nobody sees one half of a change, and no two changes have one revision."""


class RedisEntities:
    """A hash of features per kind, and the revision of every id beside it.

    How much of it survives a crash of Redis is a setting of Redis (``appendonly``).

    Args:
        url: Such as ``redis://127.0.0.1:6379/0``, ``rediss://...`` or ``unix://...``.

    Raises:
        CatalogUnavailableError: If the address is none, or nobody answers there.
    """

    def __init__(self, url: str) -> None:
        # Without the part that may hold a password.
        self._shown = re.sub(r"//.*@", "//...@", url)
        try:
            self._client = redis.Redis.from_url(
                url,
                socket_timeout=_TIMEOUT_S,
                socket_connect_timeout=_TIMEOUT_S,
                retry=Retry(NoBackoff(), 1),  # a connection that died unused is opened again
            )
        except ValueError as error:
            raise CatalogUnavailableError(
                f"expected the address of a Redis, got {self._shown!r}: {error}"
            ) from error
        with self._explained():
            self._client.ping()

    def put(self, kind: Entity, entities: Mapping[str, bytes]) -> None:
        self._run(_PUT, kind, [part for pair in entities.items() for part in pair])

    def delete(self, kind: Entity, ids: Sequence[str]) -> None:
        self._run(_DELETE, kind, list(ids))

    def get(self, kind: Entity, ids: Sequence[str]) -> list[bytes | None]:
        found: list[bytes | None] = []
        with self._explained():
            for start in range(0, len(ids), _AT_ONCE):
                found += self._client.hmget(_features(kind), list(ids[start : start + _AT_ONCE]))  # type: ignore[arg-type]  # no text: answers are not decoded
        return found

    def all(self, kind: Entity) -> Iterator[tuple[str, bytes]]:
        with self._explained():
            for key, features in self._client.hscan_iter(_features(kind), count=_AT_ONCE):
                yield key.decode(), features

    def count(self, kind: Entity) -> int:
        with self._explained():
            return int(self._client.hlen(_features(kind)))

    def revision(self, kind: Entity) -> int:
        with self._explained():
            return int(self._client.get(_revision(kind)) or 0)

    def changes(self, kind: Entity, since: int) -> Changes:
        # What changes after this line has a higher revision, and is told again next time.
        revision = self.revision(kind)
        with self._explained():
            changed: list[Any] = self._client.zrangebyscore(_changed(kind), f"({since}", revision)
        ids = [key.decode() for key in changed]
        return Changes(max(revision, since), dict(zip(ids, self.get(kind, ids), strict=True)))

    def close(self) -> None:
        self._client.close()

    def _run(self, script: str, kind: Entity, values: list[Any]) -> None:
        keys = (_features(kind), _changed(kind), _revision(kind))
        with self._explained():
            self._client.eval(script, len(keys), *keys, *values)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except redis.RedisError as error:
            raise CatalogUnavailableError(
                f"expected a Redis that answers at {self._shown}: {error}"
            ) from error


def _features(kind: Entity) -> str:
    return f"{_SPACE}:{kind}"


def _changed(kind: Entity) -> str:
    return f"{_SPACE}:{kind}:changed"


def _revision(kind: Entity) -> str:
    return f"{_SPACE}:{kind}:revision"
