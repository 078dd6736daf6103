"""A connection to Redis: an address comes in, a client goes out, and the address as it may be shown; siblings of `history.stores` use it."""

import re

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from history.errors import StoreError

_TIMEOUT_S = 2.0
"""Longest wait for an answer: whoever asked is waiting too."""


def client_of(url: str) -> tuple[redis.Redis, str]:
    """The client, which connects when it is first used, and the address without the part that may hold a password.

    Args:
        url: Such as ``redis://127.0.0.1:6379/0``, ``rediss://...`` or ``unix://...``.

    Raises:
        StoreError: If the address is none.
    """
    shown = re.sub(r"//.*@", "//...@", url)
    try:
        client = redis.Redis.from_url(
            url,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            retry=Retry(NoBackoff(), 1),  # a connection that died unused is opened again
        )
    except ValueError as error:
        raise StoreError(f"expected the address of a Redis, got {shown!r}: {error}") from error
    return client, shown
