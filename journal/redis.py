"""The journal in a Redis stream: for services on more than one machine. Needs the extra ``redis``."""

import contextlib
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from journal.errors import JournalAddressError, JournalWriteError
from journal.journal import Record
from journal.retention import FOREVER, Retention

KEEP_S = 7 * 24 * 3600
"""Seconds after which Redis may forget a record if nothing else is said: its memory has an end."""

_WEIGHED_EVERY = 1000
"""Records between two looks at how much room a stream takes."""

_AT_ONCE = 500
_TIMEOUT_S = 2.0


class RedisJournal:
    """One stream; how much of it survives a crash of Redis is a setting of Redis (``appendonly``, ``appendfsync``).

    Args:
        url: Such as ``redis://127.0.0.1:6379/0``.
        name: Of the journal.
        retention: What may be forgotten; records that are `KEEP_S` old if it names no age.

    Raises:
        JournalAddressError: If the address is none, or nobody answers there.
    """

    def __init__(self, url: str, name: str, retention: Retention = FOREVER) -> None:
        # Without the part that may hold a password.
        self._shown = re.sub(r"//.*@", "//...@", url)
        self._stream = f"axon:{name}"
        self._keep_ms = int((KEEP_S if retention.age_s is None else retention.age_s) * 1000)
        self._most = retention.size
        self._unweighed = _WEIGHED_EVERY
        try:
            self._client = redis.Redis.from_url(
                url,
                socket_timeout=_TIMEOUT_S,
                socket_connect_timeout=_TIMEOUT_S,
                # Never twice by itself: the first try may have arrived.
                retry=Retry(NoBackoff(), 0),
            )
            self._client.ping()
        except (ValueError, redis.RedisError) as error:
            raise JournalAddressError(f"expected a Redis that answers at {self._shown}: {error}") from error

    def append(self, records: Sequence[Record]) -> None:
        forget = f"{max(0, time.time_ns() // 1_000_000 - self._keep_ms)}-0"
        # MULTI and EXEC: all of them or none.
        with self._explained(), self._client.pipeline(transaction=True) as pipeline:
            for record in records:
                pipeline.xadd(self._stream, {"key": record.key, "body": record.body}, minid=forget)
            pipeline.execute()
        self._unweighed += len(records)
        if self._most is not None and self._unweighed >= _WEIGHED_EVERY:
            self._unweighed = 0
            self._shed(self._most)

    def sync(self) -> None:
        """Redis has answered, which is all that a client can know."""

    def tail(self, since_ms: int = 0) -> "RedisTail":
        return RedisTail(self._client, self._stream, self._explained, since_ms)

    def close(self) -> None:
        self._client.close()

    def _shed(self, most: int) -> None:
        """Forget the oldest records of a stream that takes more bytes than it may."""
        # They are written already: who cannot weigh them has not lost them.
        with contextlib.suppress(redis.RedisError):
            client: Any = self._client
            weight = client.memory_usage(self._stream) or 0
            if weight > most:
                client.xtrim(self._stream, maxlen=client.xlen(self._stream) * most // weight)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except redis.RedisError as error:
            raise JournalWriteError(f"expected a Redis that answers at {self._shown}: {error}") from error


class RedisTail:
    """Reads a stream and remembers how far.

    Args:
        client: Of Redis.
        stream: Its name there.
        explained: Turns errors of the client into ours.
        since_ms: Where to begin.
    """

    def __init__(
        self,
        client: "redis.Redis",
        stream: str,
        explained: Callable[[], AbstractContextManager[None]],
        since_ms: int,
    ) -> None:
        self._client = client
        self._stream = stream
        self._explained = explained
        self._next = f"{since_ms}-0"

    def fresh(self, *, keys_only: bool = False) -> Iterator[Record]:
        while True:
            with self._explained():
                found: Any = self._client.xrange(self._stream, min=self._next, count=_AT_ONCE)
            if not found:
                return
            for place, fields in found:
                self._next = f"({place.decode()}"
                yield Record(fields[b"key"].decode(), b"" if keys_only else fields[b"body"])
