"""Remembering again and again: `axon remember --every` comes here, and stays until somebody asks it to stop.

A store, journals or a registry that are away for a while are told and tried again; what came meanwhile is in the journals.
"""

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

from history import StoreError
from journal import JournalError
from registry.errors import RegistryError
from training.remembering.remembering import Remembered, Remembering

Tell = Callable[[Remembered], None]
Warn = Callable[[str], None]


def keep_remembering(remembering: Remembering, every_s: float, tell: Tell, warn: Warn) -> None:
    """Step on time until SIGTERM or SIGINT; a step at work ends behind its next write.

    Args:
        remembering: What is fed.
        every_s: Seconds between steps.
        tell: Told about steps in which something happened.
        warn: Told what failed.

    Raises:
        TrainingError: What waiting does not mend: other definitions, or a task that cannot be remembered.
    """
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    failures = 0
    try:
        while not stopping.is_set():
            wait_s = every_s
            try:
                told = remembering.step(time.time_ns() // 1_000_000, stopping.is_set)
            except (StoreError, JournalError, RegistryError, OSError) as error:
                failures += 1
                wait_s = min(every_s, 2.0 ** min(failures, 30))
                warn(f"{error}; trying again in {wait_s:g} s")
            else:
                failures = 0
                if told.is_worth_telling:
                    tell(told)
            stopping.wait(wait_s)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
