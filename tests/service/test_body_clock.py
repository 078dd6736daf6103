"""Bodies that take too long to come."""

import asyncio

import pytest

from service.body_clock import BodyClock
from service.errors import SlowBodyError

LIMIT_S = 0.2


async def read(clock, seconds):
    with clock.reading():
        await asyncio.sleep(seconds)
    return "read"


def test_a_body_that_comes_in_time_is_read():
    async def story():
        return await read(BodyClock(LIMIT_S), 0)

    assert asyncio.run(story()) == "read"


def test_one_that_does_not_is_given_up_within_a_tenth_more_than_its_time():
    async def story():
        loop = asyncio.get_running_loop()
        started = loop.time()
        with pytest.raises(SlowBodyError, match=r"expected the body within 0\.2 s"):
            await read(BodyClock(LIMIT_S), 60)
        return loop.time() - started

    assert LIMIT_S <= asyncio.run(story()) < 2 * LIMIT_S


def test_one_timer_looks_after_many():
    async def story():
        clock = BodyClock(LIMIT_S)
        bodies = [read(clock, seconds) for seconds in (0, 60, 0.01, 60)]
        return await asyncio.gather(*bodies, return_exceptions=True)

    assert [type(outcome) for outcome in asyncio.run(story())] == [str, SlowBodyError, str, SlowBodyError]


def test_a_task_that_somebody_else_cancels_stays_cancelled():
    async def story():
        task = asyncio.create_task(read(BodyClock(LIMIT_S), 60))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(story())


def test_a_task_whose_body_was_late_goes_on():
    async def story():
        with pytest.raises(SlowBodyError):
            await read(BodyClock(LIMIT_S), 60)
        await asyncio.sleep(0)
        return "answered"

    assert asyncio.run(story()) == "answered"
