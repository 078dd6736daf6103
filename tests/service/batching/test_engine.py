"""Batches, deadlines, room and hang-ups, with handlers that need no model."""

import asyncio
import gc
import threading
import weakref
from pathlib import Path

import pytest

from registry.manifest import Manifest
from registry.version import Version
from service.answered import Answered
from service.batching.engine import Engine
from service.batching.waiting_room import PATIENCE_S, Limits, hang_up
from service.errors import DeadlineError, HungUpError, OverloadedError
from service.models.holder import ModelHolder
from service.models.live import LiveModel
from tests.service.conftest import FITTED, make_facts

ECHO = "/echo"


class Handler:
    """Answers a body with itself once it may; remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[list[bytes]] = []
        self.started = threading.Event()
        self.may_go = threading.Event()
        self.may_go.set()

    def __call__(self, live: LiveModel, bodies: list[bytes]) -> list[Answered]:
        self.batches.append(bodies)
        self.started.set()
        assert self.may_go.wait(10)
        if b"bad" in bodies:
            raise ZeroDivisionError
        return [Answered(200, body, live=live) for body in bodies]


def make_engine(handler: Handler, **limits: int) -> Engine:
    holder = ModelHolder()
    manifest = Manifest(**make_facts().model_dump(), files={})
    holder.put(LiveModel(Version("shop", 1, Path("shop/1")), manifest, FITTED, runtime=None))  # type: ignore[arg-type]  # never asked
    return Engine(holder, {ECHO: handler}, Limits(**limits))


def submit(engine: Engine, body: bytes, *, within_s: float = 10, gone=None) -> asyncio.Future[Answered]:
    return engine.submit(ECHO, body, within_s=within_s, gone=gone)


async def busy(engine: Engine, handler: Handler) -> asyncio.Future[Answered]:
    """Keep the thread busy until `handler.may_go`."""
    handler.may_go.clear()
    first = submit(engine, b"first")
    while not handler.started.is_set():
        await asyncio.sleep(0.001)
    return first


def run(story, **limits: int):
    """Runs a story with an engine and its handler; what it returns, and the handler."""

    async def told():
        handler = Handler()
        engine = make_engine(handler, requests=4, waiting_bytes=100, **limits)
        try:
            return await asyncio.wait_for(story(engine, handler), 20), handler
        finally:
            handler.may_go.set()
            engine.stop()

    return asyncio.run(told())


def test_a_request_is_answered():
    async def story(engine, handler):
        return (await submit(engine, b"hello")).body

    assert run(story)[0] == b"hello"


def test_an_idle_engine_makes_nobody_wait_for_company():
    async def story(engine, handler):
        waits = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(asyncio.get_running_loop(), "call_later", lambda delay, *_: waits.append(delay))
            answers = [await submit(engine, b"alone") for _ in range(50)]
        return waits, len(answers)

    told, handler = run(story)
    assert handler.batches == [[b"alone"]] * 50
    # Somebody looks after those who wait, should there be any; nothing else waits for a clock.
    assert (set(told[0]) - {PATIENCE_S}, told[1]) == (set(), 50)


def test_what_came_while_the_engine_was_busy_is_one_batch():
    async def story(engine, handler):
        first = await busy(engine, handler)
        others = [submit(engine, body) for body in (b"a", b"b", b"c")]
        handler.may_go.set()
        return [answer.body for answer in await asyncio.gather(first, *others)]

    answers, handler = run(story)
    assert answers == [b"first", b"a", b"b", b"c"]
    assert handler.batches == [[b"first"], [b"a", b"b", b"c"]]


def test_a_request_is_refused_when_as_many_wait_as_may():
    async def story(engine, handler):
        await busy(engine, handler)
        waiting = [submit(engine, b"x") for _ in range(4)]
        with pytest.raises(OverloadedError):
            submit(engine, b"one more")
        handler.may_go.set()
        return len(await asyncio.gather(*waiting))

    assert run(story)[0] == 4


def test_a_request_is_refused_when_as_many_bytes_wait_as_may():
    async def story(engine, handler):
        await busy(engine, handler)
        submit(engine, b"x" * 60)
        with pytest.raises(OverloadedError):
            submit(engine, b"x" * 60)

    run(story)


def test_bytes_that_are_still_coming_count():
    async def story(engine, handler):
        engine.hold(60)
        with pytest.raises(OverloadedError):
            submit(engine, b"x" * 60)
        engine.hold(-60)
        return (await submit(engine, b"x" * 60)).status

    assert run(story)[0] == 200


def test_a_request_whose_time_is_up_is_told_before_its_turn():
    async def story(engine, handler):
        await busy(engine, handler)
        with pytest.raises(DeadlineError, match="did not come within 20 ms"):
            await submit(engine, b"late", within_s=0.02)

    run(story)


def test_a_request_whose_time_is_up_is_not_computed():
    async def story(engine, handler):
        first = await busy(engine, handler)
        late, other = submit(engine, b"late", within_s=0), submit(engine, b"other")
        handler.may_go.set()
        await asyncio.gather(first, late, other, return_exceptions=True)

    assert run(story)[1].batches == [[b"first"], [b"other"]]


def test_after_requests_that_were_all_too_late_the_engine_goes_on():
    async def story(engine, handler):
        first = await busy(engine, handler)
        late = submit(engine, b"late", within_s=0)
        handler.may_go.set()
        await asyncio.gather(first, late, return_exceptions=True)
        return (await submit(engine, b"next")).body

    assert run(story)[0] == b"next"


def test_a_client_that_hangs_up_frees_its_place():
    async def story(engine, handler):
        first = await busy(engine, handler)
        hung_up = asyncio.Event()
        waiting = [submit(engine, b"x", gone=hung_up.wait) for _ in range(4)]
        hung_up.set()
        with pytest.raises(HungUpError):
            await waiting[0]
        other = submit(engine, b"other")
        handler.may_go.set()
        await asyncio.gather(first, other, *waiting, return_exceptions=True)

    assert run(story)[1].batches == [[b"first"], [b"other"]]


def test_so_does_one_whose_connection_says_that_it_is_gone():
    async def story(engine, handler):
        first = await busy(engine, handler)
        waiting = [submit(engine, b"x") for _ in range(4)]
        hang_up(waiting[0])
        with pytest.raises(HungUpError):
            await waiting[0]
        await asyncio.sleep(3 * PATIENCE_S)
        places, other = 4 - engine.waiting, submit(engine, b"other")
        handler.may_go.set()
        await asyncio.gather(first, other, *waiting, return_exceptions=True)
        return places

    places, handler = run(story)
    assert (places, handler.batches) == (1, [[b"first"], [b"x", b"x", b"x", b"other"]])


def test_who_hangs_up_after_the_answer_changes_nothing():
    async def story(engine, handler):
        answered = submit(engine, b"x")
        await answered
        hang_up(answered)
        return answered.result().body

    assert run(story)[0] == b"x"


def test_one_requests_failure_does_not_hurt_its_neighbours():
    async def story(engine, handler):
        await busy(engine, handler)
        waiting = [submit(engine, body) for body in (b"a", b"bad", b"b")]
        handler.may_go.set()
        return [answer.status for answer in await asyncio.gather(*waiting)]

    assert run(story)[0] == [200, 500, 200]


def test_other_work_waits_for_the_batch_before_it():
    async def story(engine, handler):
        first = await busy(engine, handler)
        job = asyncio.ensure_future(engine.run(lambda: len(handler.batches)))
        await asyncio.sleep(0.01)
        assert not job.done()
        handler.may_go.set()
        await first
        return await job

    assert run(story)[0] == 1


def test_without_a_model_a_request_is_told_to_come_again():
    async def story():
        engine = Engine(ModelHolder(), {ECHO: Handler()}, Limits())
        return await submit(engine, b"x")

    answer = asyncio.run(story())
    assert (answer.status, dict(answer.headers)) == (503, {"Retry-After": "2"})


def test_what_would_expire_while_it_waits_is_refused_before_its_body_comes():
    async def story(engine, handler):
        first = await busy(engine, handler)
        engine._costs[ECHO].took(1, 0.3)
        waiting = [submit(engine, b"next") for _ in range(3)]
        engine.admit(ECHO, within_s=2.0)
        engine.came(ECHO)
        with pytest.raises(OverloadedError, match="what waits takes 900 ms, and the request has 500 ms"):
            engine.admit(ECHO, within_s=0.5)
        handler.may_go.set()
        return await asyncio.gather(first, *waiting)

    answers, _ = run(story)
    assert [answer.status for answer in answers] == [200] * 4


def waiting_behind(bodies: list[bytes], *, within_s: float) -> list[int]:
    """Statuses of bodies that wait where three at once took next to nothing and one alone 0.3 s; one more asked to be let in."""

    async def story(engine, handler):
        first = await busy(engine, handler)
        engine._costs[ECHO].took(3, 0.003)
        engine._costs[ECHO].took(1, 0.3)
        waiting = [submit(engine, body) for body in bodies]
        try:
            engine.admit(ECHO, within_s=within_s)
            engine.came(ECHO)
        finally:
            handler.may_go.set()
        return await asyncio.gather(first, *waiting)

    return [answer.status for answer in run(story, batch_bytes=50)[0]]


def test_large_bodies_are_expected_to_take_what_small_batches_took():
    # Two of these do not fit into one batch.
    with pytest.raises(OverloadedError, match="what waits takes 600 ms"):
        waiting_behind([b"l" * 40] * 2, within_s=0.5)


def test_small_bodies_are_expected_to_go_together():
    assert waiting_behind([b"small"] * 3, within_s=0.5) == [200] * 4


def test_a_body_that_is_coming_counts_as_one_that_waits():
    async def story(engine, handler):
        engine._costs[ECHO].took(1, 0.3)
        engine.admit(ECHO, within_s=0.3)
        with pytest.raises(OverloadedError):
            engine.admit(ECHO, within_s=0.3)
        engine.came(ECHO)
        engine.admit(ECHO, within_s=0.3)

    run(story)


def test_a_request_that_waited_and_was_answered_leaves_nothing_behind():
    async def story(engine, handler):
        first = await busy(engine, handler)
        waiting = submit(engine, b"large", gone=asyncio.Event().wait)
        seen = weakref.ref(waiting)
        await asyncio.sleep(3 * PATIENCE_S)  # by then somebody looks whether the client is still there
        handler.may_go.set()
        await asyncio.gather(first, waiting)
        handler.batches.clear()
        del waiting
        await asyncio.sleep(0.01)
        return seen()

    gc.disable()
    try:
        assert run(story)[0] is None
    finally:
        gc.enable()
