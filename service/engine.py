"""Requests come in one by one, wait, and leave in batches; each gets an answer of its own.

What queued while the engine was busy is one batch; nobody ever waits for a batch to fill. The event loop owns the
queue, so it needs no lock: a batch goes to the one engine thread, and its answers come back together. A small batch is
computed on the loop at once, where handing it over would take longer than the work.

`service.hot` submits; `service.app` makes one per process.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from service.answered import Answered
from service.batch_costs import BatchCosts
from service.errors import DeadlineError, HungUpError, OverloadedError, ServiceError
from service.holder import ModelHolder
from service.live import LiveModel
from service.problems import failed, refused
from service.telling.trace_context import Timing

Handler = Callable[[LiveModel, list[bytes]], list[Answered]]
"""Answers all bodies of a batch, each by itself: what is wrong with one is said in its own answer."""
Gone = Callable[[], Awaitable[object]]
"""Returns when the client has hung up."""

INLINE_S = 0.004
"""A batch that should take no longer is computed on the event loop; nobody else waits longer than that for the loop."""

SURE = 0.8
"""A request is let in if its turn is expected within so much of the time it has: the expectation is a mean."""

PATIENCE_S = 0.05
"""Who has waited this long is looked after: whether the client is still there, and whether there is time left."""

_T = TypeVar("_T")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """How much may wait, and how much is taken at once.

    Attributes:
        requests: Most requests that wait.
        waiting_bytes: Most bytes of bodies that wait or are still coming.
        batch_requests: Most requests of one batch.
        batch_bytes: Most bytes of the bodies of one batch of several.
        inline_bytes: Up to here a batch may be computed on the event loop.
    """

    requests: int = 1024
    waiting_bytes: int = 64 * 1024 * 1024
    batch_requests: int = 256
    batch_bytes: int = 256 * 1024
    inline_bytes: int = 64 * 1024


@dataclass(eq=False, slots=True)
class _Waiting:
    """One request in the queue; times are of `time.monotonic`."""

    body: bytes
    future: asyncio.Future[Answered]
    since: float
    until: float
    gone: Gone | None
    timing: Timing | None = None
    watch: "asyncio.Task[None] | None" = None


class Engine:
    """One per process; everything but the handlers runs on the event loop.

    Args:
        holder: Has the model that answers.
        handlers: By kind of request: the path of its route.
        limits: Beyond them requests are refused.
    """

    def __init__(self, holder: ModelHolder, handlers: Mapping[str, Handler], limits: Limits) -> None:
        self._holder = holder
        self._handlers = handlers
        self._limits = limits
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine")
        self._queues: dict[str, deque[_Waiting]] = {kind: deque() for kind in handlers}
        self._count = 0
        self._bytes = 0
        self._busy = False
        self._jobs = 0
        self._coming = dict.fromkeys(handlers, 0)
        self._costs = {kind: BatchCosts(limits.batch_requests) for kind in handlers}
        self._sweeping = False
        # By the number of bits of their size: what `service.watch.load` tells, counted at the price of an addition.
        self.batch_sizes = [0] * (limits.batch_requests.bit_length() + 1)
        self.batched = 0

    @property
    def kinds(self) -> Collection[str]:
        """What it has handlers for."""
        return self._handlers.keys()

    @property
    def idle(self) -> bool:
        """Whether nobody waits and nothing is computed."""
        return not self._busy

    @property
    def waiting(self) -> int:
        """Requests that wait."""
        return self._count

    @property
    def waiting_bytes(self) -> int:
        """Bytes of bodies that wait or are still coming."""
        return self._bytes

    def check_room(self, coming: int = 0) -> None:
        """Ask before reading a body.

        Raises:
            OverloadedError: If so many bytes more, or a request more, would be too many.
        """
        limits = self._limits
        if self._count >= limits.requests or self._bytes + coming > limits.waiting_bytes:
            raise OverloadedError(
                f"{self._count} requests of {self._bytes} bytes wait, as many as may; come again later"
            )

    def admit(self, kind: str, within_s: float) -> None:
        """Let a request send its body; to be followed by `came`.

        What would expire in the queue anyway is refused at once: it costs neither the reading of its body nor a place.

        Raises:
            OverloadedError: If there is no room for it, or its turn would not come in time.
        """
        self.check_room()
        expected_s = 0.0
        for waiting, queue in self._queues.items():
            if size := len(queue) + self._coming[waiting]:
                expected_s += self._costs[waiting].expected_s(size) or 0.0
        if expected_s > SURE * within_s:
            raise OverloadedError(
                f"what waits takes {expected_s * 1000:.0f} ms, and the request has {within_s * 1000:.0f} ms; "
                "come again later"
            )
        self._coming[kind] += 1

    def came(self, kind: str) -> None:
        """The body of an admitted request is there, or will not come."""
        self._coming[kind] -= 1

    def hold(self, size: int) -> None:
        """Count bytes of a body that is still coming; a negative size gives them back.

        Raises:
            OverloadedError: If there is no room for them.
        """
        if size > 0:
            self.check_room(size)
        self._bytes += size

    def submit(
        self,
        kind: str,
        body: bytes,
        *,
        within_s: float,
        gone: Gone | None = None,
        timing: Timing | None = None,
    ) -> asyncio.Future[Answered]:
        """Queue a request; to be called on the event loop.

        Args:
            kind: Whose handler answers.
            body: Not yet looked into.
            within_s: How long it may wait for its turn.
            gone: Tells when the client has hung up; the request is dropped then.
            timing: Filled in for whoever traces the request.

        Returns:
            Its answer; `DeadlineError` if its turn did not come in time, `HungUpError` if the client left first.

        Raises:
            OverloadedError: If too much waits already.
        """
        self.check_room(len(body))
        loop = asyncio.get_running_loop()
        now = time.monotonic()
        request = _Waiting(body, loop.create_future(), now, now + within_s, gone, timing)
        self._queues[kind].append(request)
        self._count += 1
        self._bytes += len(body)
        if self._busy:
            self._look_after_waiting()
        else:
            self._busy = True
            # Not now: whatever else has arrived by the end of this round of the loop shares the batch.
            loop.call_soon(self._turn)
        return request.future

    async def run(self, job: Callable[[], _T]) -> _T:
        """Run something else on the engine's thread, between two batches; requests wait meanwhile."""
        self._jobs += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, job)
        finally:
            self._jobs -= 1

    def stop(self) -> None:
        """End the thread after what it is doing now."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _turn(self) -> None:
        """Take what waits as one batch and see to its answers."""
        kind, batch = self._take()
        loop = asyncio.get_running_loop()
        if not batch:
            self._busy = self._count > 0
            if self._busy:
                loop.call_soon(self._turn)
            return
        self.batch_sizes[len(batch).bit_length()] += 1
        self.batched += len(batch)
        _taken(batch)
        bodies = [request.body for request in batch]
        if self._is_small(kind, bodies):
            _give(batch, self._computed(kind, bodies))
            # Between two batches the loop has a round for whoever else needs it.
            loop.call_soon(self._turn)
            return
        computed = loop.run_in_executor(self._thread, self._computed, kind, bodies)
        computed.add_done_callback(lambda done: self._done(batch, done))

    def _done(self, batch: list[_Waiting], computed: asyncio.Future[list[Answered]]) -> None:
        _give(batch, computed.result())
        self._turn()

    def _take(self) -> tuple[str, list[_Waiting]]:
        """The oldest request, and all of its kind that go with it; who came too late is told instead."""
        batch: list[_Waiting] = []
        waiting = [(queue[0].since, kind) for kind, queue in self._queues.items() if queue]
        if not waiting:
            return "", batch
        _, kind = min(waiting)
        queue, now, size = self._queues[kind], time.monotonic(), 0
        while queue and len(batch) < self._limits.batch_requests:
            size += len(queue[0].body)
            if batch and size > self._limits.batch_bytes:
                break
            request = queue.popleft()
            self._leave(request)
            if request.until < now:
                _refuse(request, _too_late(request))
            elif not request.future.done():
                batch.append(request)
        return kind, batch

    def _is_small(self, kind: str, bodies: list[bytes]) -> bool:
        expected_s = self._costs[kind].expected_s(len(bodies))
        # An unknown kind must be no surprise for the event loop.
        cheap = expected_s is not None and expected_s <= INLINE_S
        return cheap and self._jobs == 0 and sum(map(len, bodies)) <= self._limits.inline_bytes

    def _computed(self, kind: str, bodies: list[bytes]) -> list[Answered]:
        """The answers to a batch; what it took is remembered."""
        started = time.perf_counter()
        answers = self._answers(kind, bodies)
        self._costs[kind].took(len(bodies), time.perf_counter() - started)
        return answers

    def _answers(self, kind: str, bodies: list[bytes]) -> list[Answered]:
        """One answer per body, whatever happens; this is what runs on the thread."""
        live = self._holder.live
        handler = self._handlers[kind]
        try:
            answers = handler(self._holder.pick(None) if live is None else live, bodies)
            if len(answers) == len(bodies):
                return answers
            log.error("expected %d answers of %s, got %d", len(bodies), kind, len(answers))
        except ServiceError as error:
            if len(bodies) == 1:
                return [refused(error, kind)]
        except Exception:
            # The edge of the engine: one request's surprise must end neither the thread nor the others.
            log.exception("answering %d requests of %s failed", len(bodies), kind)
        if len(bodies) == 1:
            return [failed(kind)]
        return [answer for body in bodies for answer in self._answers(kind, [body])]

    def _look_after_waiting(self) -> None:
        """Once in a while, for as long as anybody waits: who hung up leaves, who is too late is told."""
        if self._count and not self._sweeping:
            self._sweeping = True
            asyncio.get_running_loop().call_later(PATIENCE_S, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = False
        now = time.monotonic()
        for queue in self._queues.values():
            for request in [request for request in queue if now - request.since > PATIENCE_S]:
                if request.until < now:
                    queue.remove(request)
                    self._leave(request)
                    _refuse(request, _too_late(request))
                elif request.gone is not None and request.watch is None:
                    request.watch = asyncio.get_running_loop().create_task(self._watch(queue, request))
        self._look_after_waiting()

    async def _watch(self, queue: deque[_Waiting], request: _Waiting) -> None:
        assert request.gone is not None  # noqa: S101  # the caller has looked
        await request.gone()
        if request in queue:
            queue.remove(request)
            request.watch = None
            self._leave(request)
            _refuse(request, HungUpError("the client hung up while its request waited"))

    def _leave(self, request: _Waiting) -> None:
        self._count -= 1
        self._bytes -= len(request.body)
        if request.watch is not None:
            request.watch.cancel()


def _too_late(request: _Waiting) -> DeadlineError:
    waited_ms = round((request.until - request.since) * 1000)
    return DeadlineError(f"its turn did not come within {waited_ms} ms; come again later")


def _refuse(request: _Waiting, error: ServiceError) -> None:
    if not request.future.done():
        request.future.set_exception(error)


def _taken(batch: Sequence[_Waiting]) -> None:
    for request in batch:
        if request.timing is not None:
            # The clock of `since` is the same, and runs in the same unit.
            request.timing.queued_s, request.timing.taken_s = request.since, time.monotonic()
            request.timing.batch = len(batch)


def _give(batch: Sequence[_Waiting], answers: Sequence[Answered]) -> None:
    for request, answer in zip(batch, answers, strict=True):
        if request.timing is not None:
            request.timing.done_s = time.monotonic()
        if not request.future.done():
            request.future.set_result(answer)
