"""How long work tells how far it is: the pipeline calls it, the command line draws it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Bar(Protocol):
    """The progress of one stage."""

    def advance(self, amount: int = 1, *, note: str = "") -> None:
        """``amount`` more units are done; the note is shown beside them."""


class Progress(Protocol):
    """Where stages are announced."""

    def stage(self, name: str, *, unit: str, total: int | None = None) -> "StageContext":
        """Opens a stage of ``total`` units, or of an unknown number."""


class StageContext(Protocol):
    """A stage, open between entering and leaving."""

    def __enter__(self) -> Bar: ...
    def __exit__(self, *exc: object) -> None: ...


class _SilentBar:
    def advance(self, amount: int = 1, *, note: str = "") -> None:
        """Says nothing."""


class Silent:
    """Progress that nobody watches."""

    @contextmanager
    def _stage(self) -> Iterator[Bar]:
        yield _SilentBar()

    def stage(self, name: str, *, unit: str, total: int | None = None) -> StageContext:  # noqa: ARG002  # a sibling of the drawn one
        return self._stage()  # type: ignore[return-value]  # a context manager of the same shape
