"""The thread behind the series: what is to be done from time to time comes in, and is done away from the requests.

`service.app` starts one per process and stops it with the application.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from journal import JournalError
from registry.errors import RegistryError
from service.errors import ServiceError

log = logging.getLogger(__name__)


@dataclass
class Chore:
    """Something to be done every so many seconds.

    Attributes:
        name: For the log.
        run: Does it.
        every_s: Seconds between two.
        due_s: When it is due, of `time.monotonic`.
        failing: Whether it failed the last time; a failure is logged once, until it works again.
    """

    name: str
    run: Callable[[], None]
    every_s: float
    due_s: float = 0.0
    failing: bool = False

    def do(self) -> None:
        """Do it; a failure is logged and ends nothing."""
        self.due_s = time.monotonic() + self.every_s
        try:
            self.run()
        except (JournalError, RegistryError, ServiceError, OSError) as error:
            if not self.failing:
                log.warning("%s: %s; its series stand still until it works again", self.name, error)
            self.failing = True
        except Exception:
            # The edge of the thread: whatever it is, what is watched is not worth ending the watching.
            if not self.failing:
                log.exception("%s failed; its series stand still until it works again", self.name)
            self.failing = True
        else:
            self.failing = False


class Background:
    """One thread that does chores until it is stopped.

    Args:
        chores: What it does.
    """

    def __init__(self, chores: list[Chore]) -> None:
        self._chores = chores
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end after what it is doing now."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            for chore in self._chores:
                if time.monotonic() >= chore.due_s:
                    chore.do()
            self._stop.wait(min(chore.every_s for chore in self._chores))
