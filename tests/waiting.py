"""Waiting for what another thread or process does, and no longer than that takes."""

import time
from collections.abc import Callable


def wait_until(is_so: Callable[[], object], *, within_s: float = 60) -> None:
    """Return once it is so; fail if it does not become so."""
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, f"it never became so within {within_s} s"
        time.sleep(0.02)
