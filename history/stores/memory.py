"""History records in the memory of one process: for training, for replays and for servers that only read."""

from collections import defaultdict
from collections.abc import Iterator

from history.errors import ChangedStoreError
from history.stores.store import Changes, Found, Unchanged, Wanted


class MemoryStore:
    """Dictionaries; gone with the process."""

    def __init__(self) -> None:
        self._spaces: defaultdict[str, dict[str, bytes]] = defaultdict(dict)

    def get(self, wanted: Wanted) -> Found:
        return {space: list(map(self._spaces[space].get, keys)) for space, keys in wanted.items()}

    def put(self, changes: Changes, only_if: Unchanged | None = None) -> None:
        self._check(only_if)
        for space, records in changes.items():
            self._spaces[space].update(records)

    def keys(self, space: str) -> int:
        """How many keys of a space have a record."""
        return len(self._spaces[space])

    def records(self, space: str) -> Iterator[tuple[str, bytes]]:
        yield from self._spaces[space].items()

    def clear(self, space: str, only_if: Unchanged | None = None) -> None:
        self._check(only_if)
        self._spaces.pop(space, None)

    def close(self) -> None:
        """Nothing to let go of."""

    def _check(self, only_if: Unchanged | None) -> None:
        if only_if is not None and self._spaces[only_if.space].get(only_if.key) != only_if.record:
            raise ChangedStoreError("expected that nobody else writes this store, but somebody has")
