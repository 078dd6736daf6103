"""Where requests wait for their turn: they come in one by one, leave as batches of one kind, and those who cannot wait leave alone.

Only `service.batching.engine` has one, on the event loop, so that nothing here needs a lock. Whoever has waited for a while is
looked after: who hung up leaves, and who is too late is told.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import dataclass

from service.answered import Answered
from service.errors import DeadlineError, HungUpError, OverloadedError, ServiceError
from service.telling.trace_context import Timing

Gone = Callable[[], Awaitable[object]]
"""Returns when the client has hung up."""

PATIENCE_S = 0.05
"""Who has waited this long is looked after."""


@dataclass(frozen=True)
class Limits:
    """How much may wait, and how much is taken at once.

    Attributes:
        requests: Most requests that wait.
        waiting_bytes: Most bytes of bodies that wait or are still coming.
        batch_requests: Most requests of one batch.
        batch_bytes: Most bytes of the bodies of one batch of several, and of one that is computed on the event loop.
        inline_s: A batch that should take no longer is computed on the event loop; nobody else waits longer than that for the loop.
            Whoever wants to score or rank would wait for the batch anyway, and two threads would take turns at the interpreter
            meanwhile. 0 where an answer may wait for another machine.
    """

    requests: int = 1024
    waiting_bytes: int = 64 * 1024 * 1024
    batch_requests: int = 256
    batch_bytes: int = 256 * 1024
    inline_s: float = 0.05


@dataclass(eq=False, slots=True)
class Waiting:
    """One request that waits; times are of `time.monotonic`."""

    body: bytes
    future: asyncio.Future[Answered]
    since: float
    until: float
    gone: Gone | None
    timing: Timing | None = None
    watch: "asyncio.Task[None] | None" = None


class WaitingRoom:
    """A queue per kind of request.

    Args:
        kinds: Of requests.
        limits: Beyond them requests are refused.

    Attributes:
        count: Requests that wait.
        bytes: Bytes of bodies that wait or are still coming.
    """

    def __init__(self, kinds: Collection[str], limits: Limits) -> None:
        self.count = 0
        self.bytes = 0
        self._limits = limits
        self._queues: dict[str, deque[Waiting]] = {kind: deque() for kind in kinds}
        self._coming = dict.fromkeys(kinds, 0)
        self._sweeping = False

    def check_room(self, coming: int = 0) -> None:
        """Ask before reading a body.

        Raises:
            OverloadedError: If so many bytes more, or a request more, would be too many.
        """
        limits = self._limits
        if self.count >= limits.requests or self.bytes + coming > limits.waiting_bytes:
            raise OverloadedError(
                f"{self.count} requests of {self.bytes} bytes wait, as many as may; come again later"
            )

    @property
    def together(self) -> int:
        """How many requests make one batch, if their bodies are as large as those that wait now."""
        limits, mean = self._limits, max(1.0, self.bytes / max(1, self.count))
        return max(1, min(limits.batch_requests, int(limits.batch_bytes / mean)))

    def ahead(self) -> Iterator[tuple[str, int]]:
        """How many of each kind wait or send their bodies now; kinds of which there are none are left out."""
        for kind, queue in self._queues.items():
            if size := len(queue) + self._coming[kind]:
                yield kind, size

    def comes(self, kind: str) -> None:
        """A request sends its body from now on."""
        self._coming[kind] += 1

    def came(self, kind: str) -> None:
        """The body is there, or will not come."""
        self._coming[kind] -= 1

    def hold(self, size: int) -> None:
        """Count bytes of a body that is still coming; a negative size gives them back.

        Raises:
            OverloadedError: If there is no room for them.
        """
        if size > 0:
            self.check_room(size)
        self.bytes += size

    def enter(self, kind: str, request: Waiting) -> None:
        """Let a request wait."""
        self._queues[kind].append(request)
        self.count += 1
        self.bytes += len(request.body)

    def take(self) -> tuple[str, list[Waiting]]:
        """The oldest request, and all of its kind that go with it; who came too late is told instead."""
        batch: list[Waiting] = []
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

    def look_after(self) -> None:
        """Once in a while, for as long as anybody waits: who hung up leaves, who is too late is told."""
        if self.count and not self._sweeping:
            self._sweeping = True
            asyncio.get_running_loop().call_later(PATIENCE_S, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = False
        now = time.monotonic()
        for queue in self._queues.values():
            for request in [request for request in queue if now - request.since > PATIENCE_S]:
                if request.future.done():
                    queue.remove(request)
                    self._leave(request)
                elif request.until < now:
                    queue.remove(request)
                    self._leave(request)
                    _refuse(request, _too_late(request))
                elif request.gone is not None and request.watch is None:
                    request.watch = asyncio.get_running_loop().create_task(self._watch(queue, request))
        self.look_after()

    async def _watch(self, queue: deque[Waiting], request: Waiting) -> None:
        assert request.gone is not None  # noqa: S101  # the caller has looked
        await request.gone()
        if request in queue:
            queue.remove(request)
            request.watch = None
            self._leave(request)
            hang_up(request.future)

    def _leave(self, request: Waiting) -> None:
        self.count -= 1
        self.bytes -= len(request.body)
        if request.watch is not None:
            request.watch.cancel()
            # Its cancellation will hold the frame that holds the request: a circle that would keep every body.
            request.watch = None


def hang_up(answer: asyncio.Future[Answered]) -> None:
    """Nobody waits for this answer any more; the request leaves the queue, and its place is free, when somebody looks after it."""
    if not answer.done():
        answer.set_exception(HungUpError("the client hung up while its request waited"))


def _too_late(request: Waiting) -> DeadlineError:
    waited_ms = round((request.until - request.since) * 1000)
    return DeadlineError(f"its turn did not come within {waited_ms} ms; come again later")


def _refuse(request: Waiting, error: ServiceError) -> None:
    if not request.future.done():
        request.future.set_exception(error)
