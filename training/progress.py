"""How long work tells how far it is: the pipeline calls it, the command line draws it."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol


class Bar(Protocol):
    """The progress of one stage."""

    def advance(self, amount: int = 1, *, note: str = "") -> None:
        """``amount`` more units are done; the note is shown beside them."""


class Progress(Protocol):
    """Where stages are announced."""

    def stage(self, name: str, *, unit: str, total: int | None = None) -> AbstractContextManager[Bar]:
        """Opens a stage of ``total`` units, or of an unknown number."""


class _SilentBar:
    def advance(self, amount: int = 1, *, note: str = "") -> None:
        """Says nothing."""


class Silent:
    """Progress that nobody watches."""

    def stage(self, name: str, *, unit: str, total: int | None = None) -> AbstractContextManager[Bar]:  # noqa: ARG002
        return nullcontext(_SilentBar())


class Stopwatch:
    """How long each stage of a run took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - started, 3)
