"""A version that answers in secret: answered requests come in, its answers to them go to a journal and to ``/metrics``.

`service.traffic.traffic` offers every answer, in passing; a thread takes them up when nobody waits for an answer of the engine's, and
rests longer than it works. What does not fit into the queue is dropped and counted, so that a busy service pays for no shadow.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from prometheus_client import CollectorRegistry, Counter

from journal.records import ShadowAnswer
from journal.writer import JournalWriter
from service.answered import Answered
from service.errors import ServiceError
from service.models.holder import ModelHolder
from service.models.live import LiveModel
from service.past.past import clock_ms
from service.traffic.shadow_answers import Compared, Largest, compare

BREATH_S = 0.001
"""Between two looks whether the engine is idle; an answer that was just computed is sent meanwhile."""

REST = 9
"""Times as long as an answer took, before the next: nobody knows when the next request comes, so at most one in about ten meets
the shadow at work. On a busy machine an answer takes longer, and so does the rest."""

_OVERHEAD_BYTES = 1000
"""Of a waiting request, besides its body and its answer."""

log = logging.getLogger(__name__)


class _Waiting(NamedTuple):
    path: str
    body: bytes
    answered: Answered

    @property
    def size(self) -> int:
        return len(self.body) + len(self.answered.body) + _OVERHEAD_BYTES


class ShadowMetrics:
    """What became of the requests that a shadow was offered.

    The mean absolute difference is ``axon_shadow_absolute_difference_total`` over ``axon_shadow_rows_total``.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        of_version = ("model", "version")
        self.answered = Counter(
            "axon_shadow_total", "Requests that the shadow answered, too.", of_version, registry=registry
        )
        self.rows = Counter(
            "axon_shadow_rows_total", "Rows and candidates of these.", of_version, registry=registry
        )
        self.difference = Counter(
            "axon_shadow_absolute_difference_total",
            "Sum over these of the distance between the shadow's probability and the returned one.",
            of_version,
            registry=registry,
        )
        self.dropped = Counter(
            "axon_shadow_dropped_total", "Requests for which the shadow had no time.", registry=registry
        )
        self.failed = Counter(
            "axon_shadow_failed_total",
            "Requests that the shadow could not answer.",
            of_version,
            registry=registry,
        )


class Shadow:
    """One per process.

    Args:
        holder: Has the shadow's version once there is one.
        alias: Of that version.
        largest: Limits of a request.
        queue_bytes: Most bytes that wait.
        metrics: Told about every offered request.
        journal: Notes answers to decisions that are noted; None where none are.
    """

    def __init__(
        self,
        holder: ModelHolder,
        alias: str,
        largest: Largest,
        queue_bytes: int,
        metrics: ShadowMetrics,
        journal: JournalWriter | None = None,
    ) -> None:
        self._holder = holder
        self._alias = alias
        self._largest = largest
        self._room = queue_bytes
        self._metrics = metrics
        self._journal = journal
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._stopped = threading.Event()
        self._told = ""

    def start(self, idle: Callable[[], bool]) -> None:
        """Begin to answer, whenever `idle` says that nobody else wants to be answered."""
        threading.Thread(target=self._run, args=(idle,), name="shadow", daemon=True).start()

    def stop(self) -> None:
        """Answer nothing any more."""
        self._stopped.set()
        self._woken.set()

    def offer(self, path: str, bodies: Sequence[bytes], answers: Sequence[Answered]) -> None:
        """Take note of answered requests; returns at once.

        Args:
            path: Of the requests.
            bodies: Of the requests.
            answers: What is returned; refusals, and answers of the shadow's own version, are passed over.
        """
        live = self._holder.beside.get(self._alias)
        if live is None:
            return
        for body, answered in zip(bodies, answers, strict=True):
            if answered.live is not None and answered.live is not live:
                self._queue(_Waiting(path, bytes(body), answered))
        if self._waiting and not self._woken.is_set():
            self._woken.set()

    def _queue(self, waiting: _Waiting) -> None:
        with self._lock:
            fits = self._bytes + waiting.size <= self._room
            self._bytes += waiting.size * fits
        if fits:
            self._waiting.append(waiting)
        else:
            self._metrics.dropped.inc()

    def _run(self, idle: Callable[[], bool]) -> None:
        while not self._stopped.is_set():
            self._woken.wait()
            self._stopped.wait(BREATH_S)
            if not self._waiting:
                self._woken.clear()
                if self._waiting:  # it came in between
                    self._woken.set()
            elif idle():
                started = time.monotonic()
                self._answer_next()
                self._stopped.wait(REST * (time.monotonic() - started))

    def _answer_next(self) -> None:
        waiting = self._waiting.popleft()
        with self._lock:
            self._bytes -= waiting.size
        self._answer(waiting)

    def _answer(self, waiting: _Waiting) -> None:
        live = self._holder.beside.get(self._alias)
        if live is None:
            return
        try:
            compared = self._compared(waiting, live)
        except ServiceError as error:
            self._fail(live, str(error))
        except Exception:
            # The edge of the thread: one request's surprise must not end the shadow.
            log.exception("the shadow %s failed", live.origin)
            self._fail(live, "the log has the details")
        else:
            self._note(live, waiting.answered, compared)

    def _compared(self, waiting: _Waiting, live: LiveModel) -> Compared:
        items = live.ranking.items
        if items is None:
            return compare(waiting.path, waiting.body, waiting.answered, live, self._largest)
        # The engine's thread brings in what changes in the catalog.
        with items.changing:
            return compare(waiting.path, waiting.body, waiting.answered, live, self._largest)

    def _note(self, live: LiveModel, answered: Answered, compared: Compared) -> None:
        labels = (live.name, str(live.version))
        self._metrics.answered.labels(*labels).inc()
        self._metrics.rows.labels(*labels).inc(len(compared.given))
        self._metrics.difference.labels(*labels).inc(float(np.abs(compared.shadow - compared.given).sum()))
        if self._journal is None:
            return
        for answer in _records(live, answered, compared):
            self._journal.offer(answer.record())

    def _fail(self, live: LiveModel, reason: str) -> None:
        self._metrics.failed.labels(live.name, str(live.version)).inc()
        if reason != self._told:
            # Once, not for every request: a shadow that takes other features fails them all.
            log.warning("%s cannot answer as the shadow: %s", live.origin, reason)
        self._told = reason


def _records(live: LiveModel, answered: Answered, compared: Compared) -> list[ShadowAnswer]:
    """What is noted: one answer for a ranked request, one for each noted row of a scored one."""
    probabilities, now = compared.shadow.tolist(), clock_ms()

    def made(decision_id: str, items: list[str], own: list[float]) -> ShadowAnswer:
        return ShadowAnswer(decision_id, now, live.name, live.version, items, own)

    if compared.items:
        return [made(decision_id, compared.items, probabilities) for decision_id in answered.noted]
    return [
        made(decision_id, [], [probability])
        for decision_id, probability in zip(answered.noted, probabilities, strict=False)
        if decision_id
    ]
