"""What every store of history records can do; `history.history` calls it, and `tests/history` holds all siblings to it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

Wanted = Mapping[str, Sequence[str]]
"""Keys by the name of a feature."""

Found = dict[str, list[bytes | None]]
"""The records of wanted keys, in their order; None where there is none."""

Changes = Mapping[str, Mapping[str, bytes]]
"""New records by feature and key."""


class Unchanged(NamedTuple):
    """What whoever writes has read before: one record, None where there was none."""

    space: str
    key: str
    record: bytes | None


class Listing(Protocol):
    """What can be copied."""

    def records(self, space: str) -> Iterator[tuple[str, bytes]]:
        """Every key of a space with its record."""


class HistoryStore(Protocol):
    """Records of bytes by space, which is the name of a feature, and key; every method may raise `StoreError`."""

    def get(self, wanted: Wanted) -> Found:
        """The records of some keys of some spaces, read at once."""

    def put(self, changes: Changes, only_if: Unchanged | None = None) -> None:
        """Keep new records, all of them or, when interrupted, none.

        Args:
            changes: The records.
            only_if: What must still be so at that moment.

        Raises:
            ChangedStoreError: If it is not; nothing is kept then.
        """

    def records(self, space: str) -> Iterator[tuple[str, bytes]]:
        """Every key of a space with its record."""

    def clear(self, space: str, only_if: Unchanged | None = None) -> None:
        """Forget every record of a space.

        Raises:
            ChangedStoreError: If what `only_if` says is no longer so; what was forgotten before that is gone.
        """

    def close(self) -> None:
        """Let go of files and connections."""
