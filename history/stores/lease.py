"""The right to write a store in Redis: a lock that runs out by itself, renewed by a thread as long as its owner lives."""

import contextlib
import threading
import time

import redis
from redis.exceptions import LockError

from history.errors import BusyStoreError, StoreError
from history.stores.redis_client import client_of

LEASE_S = 15.0
"""So long after its owner was killed the lock runs out."""


class Lease:
    """See `history.stores.writer.WriterClaim`.

    Args:
        url: Of Redis.
        name: Of the lock there.
    """

    def __init__(self, url: str, name: str) -> None:
        self._client, self._shown = client_of(url)
        # Not of one thread alone: another one renews it.
        self._lock = self._client.lock(name, timeout=LEASE_S, blocking=False, thread_local=False)
        self._ending = threading.Event()
        self._renewing: threading.Thread | None = None

    def hold(self) -> None:
        if self._renewing is not None and self._renewing.is_alive():
            return
        lost, self._renewing = self._renewing is not None, None
        if lost:
            raise StoreError(f"the right to write {self._shown} ran out while nobody answered there")
        try:
            taken = self._lock.acquire()
        except redis.RedisError as error:
            raise StoreError(f"expected a Redis that answers at {self._shown}: {error}") from error
        if not taken:
            raise BusyStoreError(
                f"expected to be the only one who writes {self._shown}, but another process does, or was killed less than "
                f"{LEASE_S:.0f} seconds ago: stop that one, or wait"
            )
        self._renewing = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._renewing.start()

    def close(self) -> None:
        self._ending.set()
        if self._renewing is not None:
            self._renewing.join()
        with contextlib.suppress(redis.RedisError):
            self._lock.release()
        self._client.close()

    def _renew(self) -> None:
        """Until it is lost or no longer needed."""
        last = time.monotonic()
        while not self._ending.wait(LEASE_S / 5):
            asked = time.monotonic()
            try:
                self._lock.reacquire()
            except LockError:
                return
            except redis.RedisError:
                # Redis may come back before the lock has run out; a margin, because a write takes time.
                if time.monotonic() - last > LEASE_S / 2:
                    return
            else:
                last = asked
