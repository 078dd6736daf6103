"""Requests come in one by one, wait, and leave in batches; each gets an answer of its own.

What queued while the engine was busy is one batch; nobody ever waits for a batch to fill. The event loop owns the
queue, so it needs no lock: a batch goes to the one engine thread, and its answers come back together. A small batch is
computed on the loop at once, where handing it over would take longer than the work.

`service.transport.hot` submits; `service.app` makes one per process.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from service.answered import Answered
from service.batching.batch_costs import BatchCosts
from service.batching.waiting_room import Gone, Limits, Waiting, WaitingRoom
from service.errors import OverloadedError, ServiceError
from service.models.holder import ModelHolder
from service.models.live import LiveModel
from service.problems import failed, refused
from service.telling.trace_context import Timing

Handler = Callable[[LiveModel, list[bytes]], list[Answered]]
"""Answers all bodies of a batch, each by itself: what is wrong with one is said in its own answer."""

_ROUNDS = 8
"""At most so many rounds of the loop between two batches: one lets in one new connection, and reads what has come on the others."""

SURE = 0.8
"""A request is let in if its turn is expected within so much of the time it has: the expectation is a mean."""

_T = TypeVar("_T")

log = logging.getLogger(__name__)


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
        self._room = WaitingRoom(handlers.keys(), limits)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine")
        self._busy = False
        self._jobs = 0
        self._costs = {kind: BatchCosts(limits.batch_requests) for kind in handlers}
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
        return self._room.count

    @property
    def waiting_bytes(self) -> int:
        """Bytes of bodies that wait or are still coming."""
        return self._room.bytes

    def admit(self, kind: str, within_s: float) -> None:
        """Let a request send its body; to be followed by `came`.

        What would expire in the queue anyway is refused at once: it costs neither the reading of its body nor a place.

        Raises:
            OverloadedError: If there is no room for it, or its turn would not come in time.
        """
        self._room.check_room()
        # Large bodies go alone or in small batches: what a large batch of small ones took says nothing about them.
        expected_s, together = 0.0, self._room.together
        for waiting, size in self._room.ahead():
            expected_s += self._costs[waiting].expected_s(size, together) or 0.0
        if expected_s > SURE * within_s:
            raise OverloadedError(
                f"what waits takes {expected_s * 1000:.0f} ms, and the request has {within_s * 1000:.0f} ms; "
                "come again later"
            )
        self._room.comes(kind)

    def came(self, kind: str) -> None:
        """The body of an admitted request is there, or will not come."""
        self._room.came(kind)

    def hold(self, size: int) -> None:
        """Count bytes of a body that is still coming; a negative size gives them back.

        Raises:
            OverloadedError: If there is no room for them.
        """
        self._room.hold(size)

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
            gone: Tells when the client has hung up; the request is dropped then. None where the caller calls `hang_up`.
            timing: Filled in for whoever traces the request.

        Returns:
            Its answer; `DeadlineError` if its turn did not come in time, `HungUpError` if the client left first.

        Raises:
            OverloadedError: If too much waits already.
        """
        room = self._room
        room.check_room(len(body))
        loop = asyncio.get_running_loop()
        now = time.monotonic()
        request = Waiting(body, loop.create_future(), now, now + within_s, gone, timing)
        room.enter(kind, request)
        if self._busy:
            room.look_after()
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
        kind, batch = self._room.take()
        loop = asyncio.get_running_loop()
        if not batch:
            self._busy = self._room.count > 0
            if self._busy:
                loop.call_soon(self._turn)
            return
        self.batch_sizes[len(batch).bit_length()] += 1
        self.batched += len(batch)
        _taken(batch)
        bodies = [request.body for request in batch]
        if self._is_small(kind, bodies):
            _give(batch, self._computed(kind, bodies))
            loop.call_soon(self._let_in, _ROUNDS, 0)
            return
        computed = loop.run_in_executor(self._thread, self._computed, kind, bodies)
        computed.add_done_callback(lambda done: self._done(batch, done))

    def _let_in(self, rounds: int, waiting: int) -> None:
        """The loop has had a round since the last batch; it has another one for as long as each brings somebody."""
        if rounds and (rounds == _ROUNDS or self._room.count > waiting):
            asyncio.get_running_loop().call_soon(self._let_in, rounds - 1, self._room.count)
        else:
            self._turn()

    def _done(self, batch: list[Waiting], computed: asyncio.Future[list[Answered]]) -> None:
        _give(batch, computed.result())
        self._turn()

    def _is_small(self, kind: str, bodies: list[bytes]) -> bool:
        expected_s = self._costs[kind].expected_s(len(bodies))
        # An unknown kind must be no surprise for the event loop.
        cheap = expected_s is not None and expected_s <= self._limits.inline_s
        return cheap and self._jobs == 0 and sum(map(len, bodies)) <= self._limits.batch_bytes

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


def _taken(batch: Sequence[Waiting]) -> None:
    for request in batch:
        if request.timing is not None:
            # The clock of `since` is the same, and runs in the same unit.
            request.timing.queued_s, request.timing.taken_s = request.since, time.monotonic()
            request.timing.batch = len(batch)


def _give(batch: Sequence[Waiting], answers: Sequence[Answered]) -> None:
    for request, answer in zip(batch, answers, strict=True):
        if request.timing is not None:
            request.timing.done_s = time.monotonic()
        if not request.future.done():
            request.future.set_result(answer)
