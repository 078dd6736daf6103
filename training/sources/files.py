"""Finding the files that a task file names, and opening them, compressed or not.

A file name or glob comes in; existing paths and byte streams go out to the formats.
"""

import difflib
import glob
import gzip
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from training.errors import DataError


@dataclass(frozen=True)
class OpenedFile:
    """A file being read: its bytes, unpacked, and how far the reading got."""

    stream: "io.BufferedReader[Any]"
    packed: IO[bytes]
    size: int

    @property
    def done(self) -> float:
        """Share of the file on disc that was read, in [0, 1]."""
        return min(1.0, self.packed.tell() / self.size) if self.size else 1.0


def find_files(pattern: str, root: Path, what: str) -> tuple[Path, ...]:
    """The files that a name or a glob means, sorted by path.

    Args:
        pattern: File name or glob, relative to `root` or absolute; ``**`` goes through folders.
        root: Where relative names start.
        what: Whose files these are, for messages: "log", "users table".

    Raises:
        DataError: If there is none; the text says where it looked and what is near.
    """
    path = root / pattern
    if path.is_file():
        return (path,)
    if path.is_dir():
        raise DataError(
            f"{what}: expected a file, got the folder {path}; name its files, as in {pattern}/*.csv"
        )
    # Path.glob takes no absolute pattern.
    found = sorted(root / name for name in glob.glob(pattern, root_dir=root, recursive=True))  # noqa: PTH207
    files = tuple(path for path in found if path.is_file())
    if not files:
        raise DataError(_nothing_found(path, what))
    return files


@contextmanager
def opened(path: Path) -> Iterator[OpenedFile]:
    """Open a file for reading, unpacking it where its name ends in .gz.

    Raises:
        DataError: If it cannot be opened or, while it is read, turns out to be damaged.
    """
    with refusing_damage(path), path.open("rb") as packed:
        size = os.fstat(packed.fileno()).st_size
        if path.suffix.lower() != ".gz":
            yield OpenedFile(packed, packed, size)
            return
        with gzip.GzipFile(fileobj=packed) as unpacked, io.BufferedReader(unpacked) as stream:
            yield OpenedFile(stream, packed, size)


@contextmanager
def refusing_damage(path: Path) -> Iterator[None]:
    """Turn the operating system's and the unpacker's complaints about a file into a `DataError`."""
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: expected a readable file, got: {error}; fetch or write it again") from error


def nearest(name: str, names: list[str]) -> str:
    """What to say about a name that is not there: the names like it, or all of them, up to 20."""
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        return f"nearest: {', '.join(map(repr, near))}"
    if not names:
        return "there is none"
    return f"there is: {', '.join(map(repr, names[:20]))}" + (", ..." if len(names) > 20 else "")


def _nothing_found(path: Path, what: str) -> str:
    folder = path.parent
    while glob.has_magic(folder.name):
        folder = folder.parent
    wanted = f"files that match {path}" if glob.has_magic(str(path)) else f"a file at {path}"
    if not folder.is_dir():
        return f"{what}: expected {wanted}, found no folder {folder}; is the data root right?"
    # What is hidden may be work of ours, such as the output that is being written.
    names = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    return f"{what}: expected {wanted}, found nothing; looked in {folder}, {nearest(path.name, names)}"
