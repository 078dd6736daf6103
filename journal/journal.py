"""What every journal can do; `journal.writer` and readers call it, and `tests/journal` holds all siblings to it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol


class Record(NamedTuple):
    """One record.

    Attributes:
        key: Its id, at most 65,535 bytes of UTF-8.
        body: A JSON document; empty where only keys were asked for.
    """

    key: str
    body: bytes


class Tail(Protocol):
    """Reads a journal and remembers how far."""

    def fresh(self, *, keys_only: bool = False) -> Iterator[Record]:
        """The records that have come since the last call, of every writer; each writer's in its order.

        Whoever stops half-way goes on there with the next call.
        """


class Journal(Protocol):
    """An append-only log with one writer per object; many objects, also in other processes, may write beside each other."""

    def append(self, records: Sequence[Record]) -> None:
        """Write records.

        Raises:
            JournalWriteError: If they could not be written, all of them; the first of them may be there, for good.
        """

    def sync(self) -> None:
        """Return once everything written would survive a power failure, as far as the store can promise it.

        Raises:
            JournalWriteError: If that cannot be promised.
        """

    def tail(self, since_ms: int = 0) -> Tail:
        """A reader.

        Args:
            since_ms: Records written before this time, in milliseconds since the epoch, may be left out.
        """

    def close(self) -> None:
        """Let go of files and connections; what was written stays."""
