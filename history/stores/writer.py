"""One writer at a time: the address of a store comes in, a claim that only one process can hold goes out.

`training.remembering` holds it as long as it feeds the store. The kernel lets go of a file's claim however its process
ends; a claim in Redis runs out by itself.
"""

import fcntl
from pathlib import Path
from typing import BinaryIO, Protocol

from history.errors import BusyStoreError, StoreError


class WriterClaim(Protocol):
    """The right to write."""

    def hold(self) -> None:
        """Return if the right is ours, and take it if nobody has it.

        Raises:
            BusyStoreError: If somebody else has it.
            StoreError: If it was lost since the last call, or the store does not answer: what was read before must be read again.
        """

    def close(self) -> None:
        """Let go."""


class FileClaim:
    """A lock on a file.

    Args:
        path: Of a file of its own; it stays.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def hold(self) -> None:
        if self._file is not None:
            return
        try:
            file = self._path.open("ab")
        except OSError as error:
            raise StoreError(f"expected a place for the lock {self._path}: {error}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.close()
            raise BusyStoreError(
                f"expected to be the only one who writes this store, but another process holds {self._path}: stop that one"
            ) from error
        self._file = file

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def claim_of(url: str, space_prefix: str) -> WriterClaim:
    """The claim on a model's part of a store; nothing is taken before `WriterClaim.hold`.

    Args:
        url: As for `history.stores.opening.open_store`.
        space_prefix: Name of the model.

    Raises:
        StoreError: If the address is none of a store that outlives a process.
    """
    scheme, _, place = url.partition(":")
    match scheme:
        case "sqlite" if place:
            path = Path(place)
            return FileClaim(path.with_name(f"{path.name}.{space_prefix}.writer"))
        case "redis" | "rediss" | "unix":
            # An extra that most do not need.
            from history.stores.lease import Lease  # noqa: PLC0415

            return Lease(url, f"axon:writer:{space_prefix}")
    raise StoreError(
        f"expected a store that stays, sqlite:PATH or redis://HOST:PORT/NUMBER, got {url!r}: what is written to memory: "
        "is gone with the process"
    )
