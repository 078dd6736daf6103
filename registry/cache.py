"""Copies of an object store's versions on this machine: a manifest and a way to download come in, a verified directory goes out.

`registry.remote` fills it, and processes share it. A version's directory appears by one rename, after every checksum was
found right, so nobody meets a half-filled one; `registry.staging` does the same for versions that are published.
"""

import contextlib
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from registry.durable import is_occupied, locked
from registry.errors import IntegrityError
from registry.manifest import MANIFEST, Manifest, verify
from registry.reference import is_version_number
from registry.staging import remove, staged, sweep
from registry.version import Version

KEEP = 3
"""How many copies of a model's versions stay; those in use stay, too."""

_FILLING = ".filling"

Download = Callable[[str, Path], None]
"""Copies a file of the version, by its path there, to a path here."""


class VersionCache:
    """A directory of models, each a directory of numbered copies.

    Args:
        root: For one registry alone.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    @classmethod
    def of(cls, root: Path, address: str) -> "VersionCache":
        """The cache of one registry, below a directory that serves for several."""
        readable = re.sub(r"[^A-Za-z0-9]+", "-", address).strip("-")
        return cls(root / f"{readable}-{hashlib.sha256(address.encode()).hexdigest()[:12]}")

    def directory(self, name: str, number: int) -> Path:
        """Where the copy of a version is, once it is filled."""
        return self._root / name / str(number)

    def fill(self, version: Version, manifest: bytes, download: Download) -> None:
        """See to it that the version's directory is whole and is what the store has; a broken copy is replaced.

        Raises:
            IntegrityError: If what was downloaded is not what the manifest says.
            RegistryError: If the store does not answer.
            OSError: If this machine's disc cannot take it.
        """
        home = version.directory.parent
        home.mkdir(parents=True, exist_ok=True)
        # One process downloads, and the others find it done.
        with locked(home / _FILLING):
            if not _is_whole(version.directory, manifest):
                sweep(home)
                _download(version, manifest, download)
            version.directory.touch()
            _trim(home, version.directory)


def _is_whole(directory: Path, manifest: bytes) -> bool:
    try:
        return (directory / MANIFEST).read_bytes() == manifest and bool(verify(directory))
    except (FileNotFoundError, NotADirectoryError, IntegrityError):
        return False


def _download(version: Version, manifest: bytes, download: Download) -> None:
    try:
        files = Manifest.model_validate_json(manifest).files
    except ValidationError as error:
        raise IntegrityError(f"{version}: {MANIFEST} is not readable; publish the version again") from error
    with staged(version.directory.parent) as staging:
        for relative in files:
            _inside(staging, relative, version).parent.mkdir(parents=True, exist_ok=True)
            download(relative, staging / relative)
        (staging / MANIFEST).parent.mkdir(exist_ok=True)
        (staging / MANIFEST).write_bytes(manifest)
        try:
            verify(staging)
        except IntegrityError as error:
            raise IntegrityError(f"{version} is broken in the store: {error}") from error
        with contextlib.suppress(FileNotFoundError):
            remove(version.directory)
        staging.rename(version.directory)


def _inside(staging: Path, relative: str, version: Version) -> Path:
    """The path in the copy; a manifest may come from anybody who can write to the store."""
    path = Path(relative)
    if path.is_absolute() or ".." in path.parts:
        raise IntegrityError(
            f"{version}: {MANIFEST} names {relative!r}, which leaves the version's directory"
        )
    return staging / path


def _trim(home: Path, used: Path) -> None:
    """Remove copies that were not used for longest."""
    copies = [path for path in home.iterdir() if is_version_number(path.name) and path != used]
    copies.sort(key=lambda path: path.stat().st_mtime)
    for path in copies[: 1 - KEEP]:
        if not is_occupied(path):
            remove(path)
