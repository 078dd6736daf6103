"""Published versions in a local directory: a sealed bundle comes in, a numbered version goes out.

``ROOT/<name>/<integer>/`` are the versions and ``ROOT/<name>/aliases.json`` says which of them is the champion.
`training` publishes here, the service and the command line resolve.
"""

import contextlib
import difflib
import errno
from collections.abc import Sequence
from pathlib import Path

from typing_extensions import override

from registry.aliases import LOCK, healed, read_aliases, read_state, record
from registry.audit import State
from registry.durable import append, is_occupied, locked
from registry.errors import PublishError
from registry.manifest import MANIFEST
from registry.outcomes import OUTCOMES, Outcome, of_lines
from registry.reference import checked_name, is_version_number
from registry.registry import Decide, Registry
from registry.staging import place, remove, sweep
from registry.version import Version

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class LocalRegistry(Registry):
    """A directory of models, each a directory of numbered versions."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    @property
    @override
    def address(self) -> str:
        return str(self.root)

    @override
    def names(self) -> list[str]:
        return [name for name in self._directories() if self._numbers(name)]

    @override
    def aliases(self, name: str) -> dict[str, int]:
        return read_aliases(self.root / checked_name(name))

    @override
    def state(self, name: str) -> State:
        return read_state(self.root / checked_name(name))

    @override
    def fetch(self, version: Version) -> Version:
        return version

    @override
    def read(self, version: Version, relative: str) -> bytes | None:
        try:
            return (version.directory / relative).read_bytes()
        except FileNotFoundError:
            return None

    @override
    def note_outcome(self, name: str, outcome: Outcome) -> None:
        file = self._outcomes(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        with locked(file.parent / LOCK):
            # Whoever died in the middle of a line must not spoil this one.
            torn = file.exists() and not file.read_bytes().endswith(b"\n")
            append(file, b"\n" * torn + outcome.line())

    @override
    def outcomes(self, name: str) -> Sequence[Outcome]:
        try:
            return of_lines(self._outcomes(name).read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _outcomes(self, name: str) -> Path:
        return self.root / checked_name(name) / f"{OUTCOMES}.jsonl"

    def sweep(self, name: str) -> list[Path]:
        """Remove what publishers left behind that died half-way; the living are left alone."""
        return sweep(self.root / checked_name(name))

    @override
    def _place(self, bundle: Path, name: str) -> int:
        try:
            sweep(self.root / name)
            return place(bundle, self.root / name)
        except OSError as error:
            raise PublishError(
                f"{_why(error)}: nothing of {name!r} was published, older versions stand as they were; "
                f"make room under {self.root} and publish again"
            ) from error

    @override
    def _point_at_new(self, version: Version, alias: str, reason: str) -> None:
        try:
            super()._point_at_new(version, alias, reason)
        except OSError as error:
            raise PublishError(
                f"{_why(error)}: {version} is published, but alias {alias!r} could not be moved to it; "
                "make room and set the alias"
            ) from error

    @override
    def _move(self, name: str, decide: Decide) -> State:
        home = self.root / name
        with locked(home / LOCK):
            state = healed(home)
            if move := decide(state):
                record(home, state, move)
        return state

    @override
    def _is_in_use(self, version: Version) -> bool:
        return is_occupied(version.directory)

    @override
    def _remove(self, version: Version) -> None:
        with contextlib.suppress(FileNotFoundError):  # somebody else prunes, too
            remove(version.directory)

    @override
    def _directory(self, name: str, number: int) -> Path:
        return self.root / name / str(number)

    @override
    def _has(self, name: str, number: int) -> bool:
        return (self._directory(name, number) / MANIFEST).is_file()

    def _directories(self) -> list[str]:
        if not self.root.is_dir():
            return []
        return sorted(path.name for path in self.root.iterdir() if path.is_dir() and path.name[0] != ".")

    @override
    def _numbers(self, name: str) -> list[int]:
        home = self.root / name
        if not home.is_dir():
            return []
        inside = [path.name for path in home.iterdir() if is_version_number(path.name)]
        return sorted(int(number) for number in inside if self._has(name, int(number)))

    @override
    def _nothing_of(self, name: str | None) -> str:
        if name is None:
            return self._nothing_at_all()
        home = self.root / name
        looked = f"no version of {name!r}: looked for {home}/<number>/{MANIFEST}"
        if home.is_dir():
            return f"{looked}; {_nearest_in(home)}"
        names = self.names()
        if not names:
            return self._nothing_at_all()
        near = difflib.get_close_matches(name, names, n=1)
        return f"{looked}; the registry has {', '.join(names)}" + (
            f". Did you mean {near[0]!r}?" if near else ""
        )

    def _nothing_at_all(self) -> str:
        looked = f"no version of any model: looked for {self.root}/<name>/<number>/{MANIFEST}"
        if not self.root.is_dir():
            return (
                f"{looked}; {self.root} is no directory. Train and publish a model, or name another registry"
            )
        homes = self._directories()
        if not homes:
            return f"{looked}; {self.root} is empty. Train and publish a model, or name another registry"
        return f"{looked}; in {self.root / homes[0]}, {_nearest_in(self.root / homes[0])}"


def _nearest_in(home: Path) -> str:
    inside = sorted(path.name for path in home.iterdir() if path.is_dir() and path.name[0] != ".")
    if not inside:
        return "found no directory there"
    numbered = [name for name in inside if is_version_number(name)]
    if numbered:
        return f"found the directory {numbered[-1]!r}, which has no manifest and so is no version"
    return f"found the directory {inside[0]!r}, which is no number and so is no version"


def _why(error: OSError) -> str:
    return "the disc is full" if error.errno in _FULL else f"the disc refused ({error})"
