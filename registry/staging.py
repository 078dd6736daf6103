"""How a version comes to be, and goes: a sealed bundle comes in, a numbered directory appears, all at once.

`registry.local` publishes through here. The bundle is copied beside the versions, forced to the disc, verified, and
then renamed to its number: the one step that makes it visible.
"""

import contextlib
import errno
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from registry.aliases import BESIDE_ALIASES, LOCK, read_aliases
from registry.durable import copy_tree, is_occupied, locked, occupied, sync
from registry.manifest import MANIFEST, verify
from registry.reference import is_version_number

STAGING = ".publishing-"
"""How the names of directories begin that are not versions yet."""

REMOVING = ".removing-"
"""How the names of directories begin that are no versions any more."""

# What the kernel says when the number has been claimed by someone else (or a file is in its place).
_TAKEN = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR}


def place(bundle: Path, home: Path) -> int:
    """Copy the bundle into the model's directory under the next free number, and say which.

    Raises:
        IntegrityError: If the copy is not what the manifest says.
        OSError: If the disc is full or refuses; what was half-written is removed.
    """
    home.mkdir(parents=True, exist_ok=True)
    with staged(home) as staging:
        copy_tree(bundle, staging, last=MANIFEST)
        verify(staging)
        return _claim_number(staging, home)


def remove(directory: Path) -> None:
    """Take a version away: it is none in one step, by its name, and its files go after that.

    Raises:
        FileNotFoundError: If it is gone already.
        OSError: If the disc refuses.
    """
    aside = directory.with_name(f"{REMOVING}{directory.name}-{secrets.token_hex(8)}")
    directory.rename(aside)
    sync(directory.parent)
    shutil.rmtree(aside)


def sweep(home: Path) -> list[Path]:
    """Remove what was left by those who died while they published or removed; the living are left alone."""
    if not home.is_dir():
        return []
    with locked(home / LOCK):
        left = sorted([*home.glob(f"{STAGING}*"), *home.glob(f"{REMOVING}*")])
        stale = [path for path in left if not is_occupied(path)]
        for path in stale:
            # A publisher that has just ended lets go of the directory after it renamed or removed it.
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(path)
        for path in home.glob(f"{BESIDE_ALIASES}*"):
            path.unlink()
    return stale


@contextlib.contextmanager
def staged(home: Path) -> Iterator[Path]:
    """An empty directory beside the versions, to be renamed to one; what is left of it goes."""
    staging = home / f"{STAGING}{secrets.token_hex(8)}"
    with contextlib.ExitStack() as occupation:
        # Under the lock, so that a sweep never meets a directory that is made but not yet occupied.
        with locked(home / LOCK):
            staging.mkdir()
            occupation.enter_context(occupied(staging))
        try:
            yield staging
        finally:
            # After the rename there is nothing left under this name.
            shutil.rmtree(staging, ignore_errors=True)


def _claim_number(staging: Path, home: Path) -> int:
    """Rename into place: the kernel refuses a taken number, so that two publishers never share one."""
    number = _next_number(home)
    while True:
        try:
            staging.rename(home / str(number))
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
            number += 1
        else:
            sync(home)
            return number


def _next_number(home: Path) -> int:
    taken = [int(path.name) for path in home.iterdir() if is_version_number(path.name)]
    # An alias may outlive the version it points at; its number must not come to mean something else.
    return max([0, *taken, *read_aliases(home).values()]) + 1
