"""The thread that writes a journal: records come in from a service's other threads, wait in a bounded queue and go to the store.

`service.decisions` makes one per journal. Nobody who offers a record waits for the disc; whoever commits one does.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal

from journal.errors import JournalError, JournalFullError
from journal.frames import MAX_BYTES
from journal.journal import Journal, Record

log = logging.getLogger(__name__)

Fsync = Literal["always", "interval", "never"]
WhenFull = Literal["drop", "wait"]


@dataclass(frozen=True)
class Policy:
    """How carefully records are written.

    Attributes:
        fsync: ``always`` after every write, ``interval`` when the last time is `interval_s` ago, ``never`` before a file is
            closed. What is committed is always synced.
        interval_s: Seconds.
        queue_bytes: Most bytes that wait.
        when_full: ``drop`` and count, or let whoever offers ``wait``.
    """

    fsync: Fsync = "interval"
    interval_s: float = 1.0
    queue_bytes: int = 32 * 1024 * 1024
    when_full: WhenFull = "drop"


@dataclass
class Counts:
    """What became of records since the start.

    Attributes:
        written: They are in the journal.
        dropped: There was no room for them in the queue.
        failed: The store did not take them.
    """

    written: int = 0
    dropped: int = 0
    failed: int = 0


@dataclass(eq=False)
class _Waiting:
    records: Sequence[Record]
    size: int
    done: "Future[None] | None"


class JournalWriter:
    """Owns a journal and the thread that writes it.

    Args:
        journal: Nobody else may append to this object.
        policy: How carefully.
    """

    def __init__(self, journal: Journal, policy: Policy) -> None:
        self.counts = Counts()
        self._journal = journal
        self._policy = policy
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0
        self._queued = self._settled = 0
        self._changed = threading.Condition()
        self._closing = False
        self._failing = False
        self._unsynced_since: float | None = None
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait or are being written."""
        return self._bytes

    def offer(self, record: Record) -> bool:
        """Queue a record; whether there was room. Waits for room where the policy says so."""
        waiting = _Waiting([record], _size(record), None)
        with self._changed:
            if self._policy.when_full == "wait":
                # The writer always makes room in the end: what a failing store does not take is given up.
                self._changed.wait_for(
                    lambda: self._closing or waiting.size > MAX_BYTES or self._has_room(waiting)
                )
            if self._closing or not self._has_room(waiting):
                self.counts.dropped += 1
                return False
            self._queue(waiting)
            return True

    def commit(self, records: Sequence[Record]) -> "Future[None]":
        """Queue records that are acknowledged; many of them share one sync.

        Returns:
            Done once they are on the disc; `JournalError` if they are not.

        Raises:
            JournalFullError: If there is no room for them.
        """
        waiting = _Waiting(records, sum(map(_size, records)), Future())
        assert waiting.done is not None  # noqa: S101
        with self._changed:
            if self._closing or not self._has_room(waiting):
                raise JournalFullError(f"{self._bytes} bytes wait to be written, as many as may; come again")
            self._queue(waiting)
        return waiting.done

    def drain(self, within_s: float = 1.0) -> None:
        """Return once what was queued before is in the journal or given up, or the time is over."""
        with self._changed:
            target = self._queued
            self._changed.wait_for(lambda: self._settled >= target, within_s)

    def close(self) -> None:
        """Write what waits, sync, and let go of the journal."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout=10)

    def _has_room(self, waiting: _Waiting) -> bool:
        if waiting.size > MAX_BYTES:
            return False
        # Records larger than the whole queue go alone.
        return self._bytes == 0 or self._bytes + waiting.size <= self._policy.queue_bytes

    def _queue(self, waiting: _Waiting) -> None:
        self._waiting.append(waiting)
        self._bytes += waiting.size
        self._queued += 1
        self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing, self._patience_s())
                batch, last = list(self._waiting), self._closing
                self._waiting.clear()
            self._write(batch)
            with self._changed:
                # Only now: what is being written takes memory, too.
                self._bytes -= sum(waiting.size for waiting in batch)
                self._settled += len(batch)
                self._changed.notify_all()
            if last and not batch:
                self._journal.close()
                return

    def _patience_s(self) -> float | None:
        """Seconds until the next sync is due; None for no end."""
        if self._policy.fsync != "interval" or self._unsynced_since is None:
            return None
        return max(0.0, self._unsynced_since + self._policy.interval_s - time.monotonic())

    def _write(self, batch: Sequence[_Waiting]) -> None:
        records = [record for waiting in batch for record in waiting.records]
        try:
            if records:
                self._journal.append(records)
                self._unsynced_since = self._unsynced_since or time.monotonic()
            if self._unsynced_since is not None and self._is_sync_due(batch):
                self._journal.sync()
                self._unsynced_since = None
        except JournalError as error:
            self._fail(batch, len(records), error)
            return
        self.counts.written += len(records)
        if records and self._failing:
            self._failing = False
            log.warning("records are written again; %d were given up so far", self.counts.failed)
        for waiting in batch:
            if waiting.done is not None:
                waiting.done.set_result(None)

    def _is_sync_due(self, batch: Sequence[_Waiting]) -> bool:
        if self._policy.fsync == "always" or self._closing:
            return True
        return self._patience_s() == 0.0 or any(waiting.done is not None for waiting in batch)

    def _fail(self, batch: Sequence[_Waiting], records: int, error: JournalError) -> None:
        self.counts.failed += records
        self._unsynced_since = None
        if not self._failing:
            # Once, not for every record: a full disc should not fill with words about it.
            log.error("records cannot be written and are given up until they can be: %s", error)
        self._failing = True
        for waiting in batch:
            if waiting.done is not None:
                waiting.done.set_exception(error)


def _size(record: Record) -> int:
    return len(record.key) + len(record.body) + 10
