"""The journal in a directory: records come in and are appended to a file that this process alone writes; readers follow all files.

A file that is written ends in ``.open`` and is locked. It is closed, and from then on ends in ``.log``, when it is large
or old enough. The next writer closes what a killed one has left, cut behind its last whole record. Closed files stay as
long as a `Retention` says.
"""

import contextlib
import fcntl
import itertools
import logging
import os
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from journal.errors import JournalWriteError
from journal.frames import MAGIC, framed, frames
from journal.journal import Record
from journal.retention import FOREVER, Retention, forget

log = logging.getLogger(__name__)

OPEN, CLOSED = ".open", ".log"


@dataclass(frozen=True)
class Rotation:
    """When the next file is begun.

    Attributes:
        size: Bytes that a file may have.
        age_s: Seconds after its first record.
    """

    size: int = 64 * 1024 * 1024
    age_s: float = 3600.0


@dataclass
class _Segment:
    """The file that is written."""

    path: Path
    handle: int
    size: int
    since: float


class FileJournal:
    """One directory; made if there is none.

    Args:
        directory: Of this journal's files alone.
        rotation: When the next file is begun.
        retention: How long closed files stay; for ever by default.
    """

    def __init__(
        self, directory: Path, rotation: Rotation | None = None, retention: Retention = FOREVER
    ) -> None:
        self._directory = directory
        self._rotation = rotation or Rotation()
        self._retention = retention
        self._segment: _Segment | None = None
        self._recovered = False

    def append(self, records: Sequence[Record]) -> None:
        made = [framed(record) for record in records]
        data = b"".join(made)
        if not data:
            return
        try:
            segment = self._segment_for(len(data))
        except OSError as error:
            raise _refused(self._directory, error) from error
        try:
            _write(segment.handle, data)
        except OSError as error:
            self._cut(segment, map(len, made))
            raise _refused(segment.path, error) from error
        segment.size += len(data)

    def sync(self) -> None:
        segment = self._segment
        if segment is None:
            return
        try:
            os.fsync(segment.handle)
        except OSError as error:
            # Nobody knows which of its pages are on the disc now: it ends here.
            self._close()
            raise _refused(segment.path, error) from error
        if self._is_old(segment):
            self._close()

    def tail(self, since_ms: int = 0) -> "FileTail":
        return FileTail(self._directory, since_ms)

    def close(self) -> None:
        self._close()

    def _segment_for(self, size: int) -> _Segment:
        segment = self._segment
        if segment is not None and self._is_done(segment, size):
            os.fsync(segment.handle)
            self._close()
        if self._segment is None:
            self._segment = self._begin()
        return self._segment

    def _is_done(self, segment: _Segment, size: int) -> bool:
        """Whether so many bytes are for the next file."""
        full = segment.size + size > self._rotation.size and segment.size > len(MAGIC)
        # What is written to a file that somebody has deleted is nowhere.
        deleted = os.fstat(segment.handle).st_nlink == 0
        return full or deleted or self._is_old(segment)

    def _is_old(self, segment: _Segment) -> bool:
        return time.monotonic() - segment.since > self._rotation.age_s

    def _begin(self) -> _Segment:
        self._directory.mkdir(parents=True, exist_ok=True)
        if not self._recovered:
            recover(self._directory)
            self._recovered = True
        if self._retention != FOREVER:
            closed = [path for path in segments(self._directory) if path.suffix == CLOSED]
            forget(closed, self._retention, time.time())
        while True:
            name = f"{time.time_ns():020d}-{os.getpid()}-{secrets.token_hex(4)}{OPEN}"
            path = self._directory / name
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
            fcntl.flock(handle, fcntl.LOCK_EX)
            if path.exists():
                break
            os.close(handle)  # another process took it for one that a killed writer has left
        try:
            _write(handle, MAGIC)
        except OSError:
            os.close(handle)
            path.unlink()
            raise
        sync_directory(self._directory)
        return _Segment(path, handle, len(MAGIC), time.monotonic())

    def _cut(self, segment: _Segment, sizes: Iterable[int]) -> None:
        """Take back half a record. Whole ones stay: somebody may have read them, and knows where the next begins."""
        try:
            written = os.lseek(segment.handle, 0, os.SEEK_CUR)
            whole = (end for end in itertools.accumulate(sizes, initial=segment.size) if end <= written)
            segment.size = max(whole)
            os.ftruncate(segment.handle, segment.size)
            os.lseek(segment.handle, segment.size, os.SEEK_SET)
        except OSError:
            self._close()

    def _close(self) -> None:
        segment, self._segment = self._segment, None
        if segment is not None:
            # Where it cannot be renamed, the next writer closes it.
            with contextlib.suppress(OSError):
                segment.path.rename(segment.path.with_suffix(CLOSED))
            os.close(segment.handle)


class FileTail:
    """Reads the files of a directory, those of all writers, and remembers how far.

    Args:
        directory: Need not be there yet.
        since_ms: Files that were not written since then are left out.
    """

    def __init__(self, directory: Path, since_ms: int = 0) -> None:
        self._directory = directory
        self._since_ms = since_ms
        self._read: dict[str, int] = {}
        self._finished: set[str] = set()

    def fresh(self, *, keys_only: bool = False) -> Iterator[Record]:
        for path in segments(self._directory):
            if path.stem in self._finished or (file := _opened(path)) is None:
                continue
            with file:
                state = os.fstat(file.fileno())
                if state.st_mtime * 1000 >= self._since_ms:
                    yield from self._of_file(path.stem, file, state.st_size, keys_only=keys_only)
            if path.suffix == CLOSED:
                self._finished.add(path.stem)
                if 0 < self._read.get(path.stem, 0) < state.st_size:
                    log.warning("%s: what stands behind a damaged record cannot be read", path)

    def _of_file(self, name: str, file: BinaryIO, size: int, *, keys_only: bool) -> Iterator[Record]:
        for end, record in frames(file, self._read.get(name, 0), size, keys_only=keys_only):
            self._read[name] = end
            yield record


def _opened(path: Path) -> BinaryIO | None:
    """The file; None if it was deleted since somebody looked."""
    # It may have been closed, and so renamed, since then.
    for name in (path, path.with_suffix(CLOSED)):
        with contextlib.suppress(FileNotFoundError):
            return name.open("rb")
    return None


def segments(directory: Path) -> list[Path]:
    """The files of a journal, the oldest first; none where there is no such directory."""
    if not directory.is_dir():
        return []
    return sorted(path for path in directory.iterdir() if path.suffix in {OPEN, CLOSED})


def recover(directory: Path) -> None:
    """Close the files that killed writers have left, each cut behind its last whole record."""
    for path in segments(directory):
        if path.suffix == CLOSED:
            continue
        with contextlib.suppress(FileNotFoundError), path.open("r+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue  # its writer lives
            size = os.fstat(file.fileno()).st_size
            whole = max((end for end, _ in frames(file, 0, size)), default=0)
            if whole < size:
                log.warning("%s: cut %d bytes behind its last whole record", path, size - whole)
                file.truncate(whole)
            os.fsync(file.fileno())
            path.rename(path.with_suffix(CLOSED))
    sync_directory(directory)


def sync_directory(directory: Path) -> None:
    """Let names that were made in a directory survive a power failure."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(handle: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _refused(path: Path, error: OSError) -> JournalWriteError:
    return JournalWriteError(f"expected room for records in {path}, got: {error.strerror or error}")
