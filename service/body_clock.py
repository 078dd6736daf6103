"""Bodies that do not come in time: the tasks that read them come in, those that take too long are interrupted.

`service.hot` reads every body under it. Nearly all bodies are there already when they are read, and a timer for each would
take longer than the reading: one timer looks after all of them.
"""

import asyncio
from types import TracebackType
from typing import Any

from service.errors import SlowBodyError

_LOOKS = 10
"""So often a body is looked after within its time; it may take a tenth longer than that."""


class BodyClock:
    """One per event loop.

    Args:
        limit_s: How long a body may take.
    """

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self._since: dict[asyncio.Task[Any], float] = {}
        self._late: set[asyncio.Task[Any]] = set()
        self._looking = False

    def reading(self) -> "_Reading":
        """A block of the running task in which a body is read; `SlowBodyError` ends it if that takes too long."""
        return _Reading(self)

    def begin(self) -> asyncio.Task[Any]:
        """The running task begins to read."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None  # noqa: S101  # a coroutine is running
        self._since[task] = loop.time()
        if not self._looking:
            self._look_later(loop)
        return task

    def end(self, task: asyncio.Task[Any]) -> bool:
        """It has read, or was interrupted; whether because it was late."""
        self._since.pop(task, None)
        if task not in self._late:
            return False
        self._late.discard(task)
        task.uncancel()
        return True

    def _look_later(self, loop: asyncio.AbstractEventLoop) -> None:
        self._looking = True
        loop.call_later(self.limit_s / _LOOKS, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._looking = False
        too_early = loop.time() - self.limit_s
        for task in [task for task, since in self._since.items() if since <= too_early]:
            del self._since[task]
            self._late.add(task)
            task.cancel()
        if self._since:
            self._look_later(loop)


class _Reading:
    """See `BodyClock.reading`."""

    __slots__ = ("_clock", "_task")

    def __init__(self, clock: BodyClock) -> None:
        self._clock = clock

    def __enter__(self) -> None:
        self._task = self._clock.begin()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._clock.end(self._task) and kind is asyncio.CancelledError:
            raise SlowBodyError(f"expected the body within {self._clock.limit_s:g} s") from error
