"""Several processes behind one port: a parent that serves nothing itself, starts workers and replaces those that die.

`service.run` calls it.
"""

import logging
import math
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from typing import Any, NamedTuple

log = logging.getLogger(__name__)


class Door(NamedTuple):
    """When connections may come to a worker: the system sends them to everybody who listens, ready or not.

    Attributes:
        at_once: Before it is ready, so that somebody tells how the service is; the others, once they and the first are.
        ready: One byte per worker, 1 for one that is ready; without a lock, which a worker that is killed would keep.
    """

    at_once: bool
    ready: Any


Work = Callable[[int, Door], None]
"""What a worker does, given its number, until SIGTERM or SIGINT; importable, because it starts afresh."""

_LOOK_EVERY_S = 0.2
_BREATH_S = 1.0
"""A worker that dies sooner than this is not replaced at once: it may do so again and again."""


class Workers:
    """The parent.

    Args:
        count: Number of processes.
        work: What each does.
        patience_s: How long they may take to end before they are killed.
    """

    def __init__(self, count: int, work: Work, patience_s: float) -> None:
        # Spawned, not forked: TensorFlow hangs in the fork of a process that has used it.
        self._context = multiprocessing.get_context("spawn")
        self._work = work
        self._ready: Any = self._context.RawArray("b", count)
        self._patience_s = patience_s
        self._signals: list[int] = []
        self._running: dict[int, SpawnProcess] = {}
        self._started = dict.fromkeys(range(count), -math.inf)

    def run(self) -> None:
        """Keep all workers running until SIGTERM or SIGINT, then see to their end."""
        # A handler only notes the signal, so that no worker that is just being started misses it.
        handlers = {
            sig: signal.signal(sig, lambda sig, _: self._signals.append(sig))
            for sig in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            while not self._signals:
                self._replace()
                wait([process.sentinel for process in self._running.values()], _LOOK_EVERY_S)
            self._end()
        finally:
            for sig, handler in handlers.items():
                signal.signal(sig, handler)

    def _replace(self) -> None:
        for number, started in self._started.items():
            process = self._running.get(number)
            if process is not None and not process.is_alive():
                log.warning("worker %d (pid %d) ended with %s", number, process.pid, process.exitcode)
                del self._running[number]
                self._ready[number] = 0
            if number not in self._running and time.monotonic() - started >= _BREATH_S:
                self._start(number)

    def _start(self, number: int) -> None:
        door = Door(at_once=number == 0 and not any(self._ready), ready=self._ready)
        process = self._context.Process(
            target=_in_a_group_of_its_own, args=(self._work, number, door), name=f"worker-{number}"
        )
        process.start()
        self._running[number] = process
        self._started[number] = time.monotonic()
        log.info("worker %d runs as pid %d", number, process.pid)

    def _end(self) -> None:
        """Pass every signal on, until no worker is left; who takes too long is killed."""
        until = time.monotonic() + self._patience_s
        while alive := [process for process in self._running.values() if process.is_alive()]:
            while self._signals:
                sig = self._signals.pop(0)
                for process in alive:
                    os.kill(process.pid or 0, sig)
            if time.monotonic() > until:
                log.error("%d workers did not end in time and are killed", len(alive))
                for process in alive:
                    process.kill()
            wait([process.sentinel for process in alive], _LOOK_EVERY_S)


def _in_a_group_of_its_own(work: Work, number: int, door: Door) -> None:
    """Otherwise Ctrl-C would reach a worker twice, from the terminal and from the parent."""
    os.setpgrp()
    threading.Thread(target=_end_with_parent, name="parent-watcher", daemon=True).start()
    work(number, door)


def _end_with_parent() -> None:
    """A parent that was killed cannot tell its workers."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101  # a worker has one
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
