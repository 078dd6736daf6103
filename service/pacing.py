"""Long work of a thread beside requests: in slices with rests between them, so that nobody waits long for the interpreter.

`service.models.watcher` loads a version so while another one answers. Threads share one interpreter: without rests, loading takes
every second turn of it, and all of a core's other half, for as long as it lasts.
"""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

SLICE_S = 0.001
"""So long it works before it rests."""

LONGEST_S = 30.0
"""Whoever needs longer goes on without rests: a version must become live, however large its catalog is."""

_LONGEST_REST_S = 0.1


@contextlib.contextmanager
def in_slices(share: float, longest_s: float = LONGEST_S) -> Iterator[None]:
    """Let what this thread does in the block take so much of its time, and no more.

    It rests between two calls of functions, which the interpreter tells a profiler about; a thread that has a profiler
    already is left alone. What one call does within itself, such as reading a large file, is one slice.

    Args:
        share: Of the time, in (0, 1]; 1 works without rests.
        longest_s: After so many seconds there are no more rests.
    """
    if share >= 1 or sys.getprofile() is not None:
        yield
        return
    # Not `time.sleep`, which fails where a clock jumps: an error here would be one of the code that is interrupted.
    now, rest = time.perf_counter, threading.Event().wait
    began = resumed = now()
    per_second = 1 / share - 1

    def pace(frame: FrameType, event: str, argument: Any) -> None:  # noqa: ARG001  # as profilers are called
        nonlocal resumed
        worked = now() - resumed
        if worked > SLICE_S:
            if resumed - began > longest_s:
                sys.setprofile(None)
                return
            rest(min(worked * per_second, _LONGEST_REST_S))
            resumed = now()

    sys.setprofile(pace)
    try:
        yield
    finally:
        sys.setprofile(None)
