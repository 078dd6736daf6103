"""Writing that survives a crash: bytes and directories come in, and are on the disc, whole, when a call returns.

`registry.manifest` and `registry.local` write nothing except through here.
"""

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path


def sync(path: Path) -> None:
    """Force a file's content, or a directory's entries, to the disc."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(path: Path, content: bytes) -> None:
    """Give the file a new content in one step: a reader sees the old one or the new one, also after a crash.

    Raises:
        OSError: If the disc cannot take it; the old content stands and nothing is left behind.
    """
    beside = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    try:
        with beside.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    sync(path.parent)


def append(path: Path, line: bytes) -> None:
    """Add a line to the file, on the disc when it returns; the caller holds a lock.

    Raises:
        OSError: If the disc cannot take it; the file stands as it was.
    """
    created = not path.exists()
    with path.open("ab", buffering=0) as file:
        before = file.seek(0, os.SEEK_END)
        try:
            left = memoryview(line)
            while left:
                left = left[file.write(left) :]
            os.fsync(file.fileno())
        except OSError:
            file.truncate(before)
            raise
    if created:
        sync(path.parent)


def copy_tree(source: Path, target: Path, *, last: str) -> None:
    """Copy a directory file by file into an existing empty one, everything on the disc when it returns.

    Args:
        source: What is copied; holds plain files and directories only.
        target: An empty directory.
        last: The file, relative to `source`, that is written when all others are safe.
    """
    for directory, _, names in os.walk(source):
        here = target / Path(directory).relative_to(source)
        here.mkdir(exist_ok=True)
        for name in names:
            if Path(directory, name) != source / last:
                _copy_file(Path(directory, name), here / name)
        sync(here)
    _copy_file(source / last, target / last)
    sync((target / last).parent)


def _copy_file(source: Path, target: Path) -> None:
    shutil.copyfile(source, target, follow_symlinks=False)
    sync(target)


def lock(descriptor: int, path: Path, how: int = fcntl.LOCK_EX) -> None:
    """Lock an open file; the kernel lets go of it when the process dies, however it dies.

    Raises:
        BlockingIOError: If another process holds it, and ``how`` says not to wait.
        OSError: If its file system knows no locks.
    """
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError:
        raise
    except OSError as error:
        raise OSError(
            error.errno,
            f"expected a file system with locks (flock), got: {error.strerror}; mount it with them, or name a directory on another",
            str(path),
        ) from error


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file exclusively."""
    with path.open("ab") as file:
        lock(file.fileno(), path)
        yield


@contextlib.contextmanager
def occupied(directory: Path) -> Iterator[None]:
    """Mark the directory as in use by this process for as long as the block runs, or the process lives."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        lock(descriptor, directory)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def in_use(directory: Path) -> Iterator[None]:
    """Let a directory be read from for as long as the block runs: `registry` does not prune it meanwhile.

    Several may use it at once. Where the file system knows no locks, nothing is held.

    Raises:
        OSError: If there is no such directory.
    """
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def is_occupied(directory: Path) -> bool:
    """Whether a living process holds the directory with `occupied` or `in_use`, or has just renamed or removed it."""
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        lock(descriptor, directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
