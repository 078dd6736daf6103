"""Published versions in an object store: a sealed bundle comes in, a numbered version goes out, copied here and verified.

The sibling of `registry.local` for more than one machine, through fsspec. ``<name>/<number>/`` are the versions, as there.
A store has no rename and no lock; all that is asked of it is that a new object can be created exclusively:

- ``<name>/claims/<number>`` claims a number. A version exists once its manifest is there, which is written last.
- ``<name>/moves/<k>.json`` is the k-th move of an alias and where all aliases stand after it: the trail is the truth, so
  that no alias moves without its line. Two that move at once want the same k, and one of them decides again.
"""

import contextlib
import itertools
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError
from typing_extensions import override

from features.document import Document
from registry.audit import Move, State, who
from registry.cache import VersionCache
from registry.errors import PublishError, RegistryError, UnknownVersionError
from registry.manifest import MANIFEST, read_manifest
from registry.objects import Objects
from registry.outcomes import OUTCOMES, Outcome, of_names
from registry.reference import checked_name, is_version_number
from registry.registry import Decide, Registry
from registry.version import Version

_WIDTH = 8
"""Digits of a move's name, so that they are listed in order."""

_LOOKED_AT = 50
"""How many of the last moves are read before the next one: a rollback goes back no further."""


class _Entry(Document):
    """One move as an object."""

    move: Move
    aliases: dict[str, int]


class RemoteRegistry(Registry):
    """A prefix of an object store.

    Args:
        objects: The store below the prefix.
        cache: Verified copies on this machine.
    """

    def __init__(self, objects: Objects, cache: VersionCache) -> None:
        self._objects = objects
        self._cache = cache

    @classmethod
    def open(cls, address: str, cache: Path) -> "RemoteRegistry":
        """The registry at an address such as ``s3://bucket/prefix``; the store is not asked yet.

        Raises:
            RegistryError: If fsspec does not know the address, or lacks a package for it.
        """
        objects = Objects.open(address)
        return cls(objects, VersionCache.of(cache, objects.address))

    @property
    @override
    def address(self) -> str:
        return self._objects.address

    @override
    def names(self) -> list[str]:
        # The newest is asked for first: a service that looks for its only model does this all the time.
        return [
            name
            for name in self._objects.directories("")
            if any(self._has(name, number) for number in reversed(self._inside(name)))
        ]

    @override
    def aliases(self, name: str) -> dict[str, int]:
        last = self._moves(checked_name(name))[-1:]
        return self._entries(last)[0].aliases if last else {}

    @override
    def state(self, name: str) -> State:
        return self._state(self._moves(checked_name(name)))

    @override
    def fetch(self, version: Version) -> Version:
        manifest = self.read(version, MANIFEST)
        if manifest is None:
            raise UnknownVersionError(f"{version} is not in {self.address} any more")
        self._cache.fill(
            version, manifest, lambda relative, to: self._objects.download(_path(version, relative), to)
        )
        return version

    @override
    def read(self, version: Version, relative: str) -> bytes | None:
        return self._objects.read(_path(version, relative))

    @override
    def note_outcome(self, name: str, outcome: Outcome) -> None:
        self._objects.create(f"{checked_name(name)}/{OUTCOMES}/{outcome.object_name()}", outcome.line())

    @override
    def outcomes(self, name: str) -> Sequence[Outcome]:
        return of_names(self._objects.names(f"{checked_name(name)}/{OUTCOMES}"))

    @override
    def _directory(self, name: str, number: int) -> Path:
        return self._cache.directory(name, number)

    @override
    def _has(self, name: str, number: int) -> bool:
        return self._objects.exists(f"{name}/{number}/{MANIFEST}")

    @override
    def _numbers(self, name: str) -> list[int]:
        return [number for number in self._inside(name) if self._has(name, number)]

    def _inside(self, name: str) -> list[int]:
        """Numbers below which anything is, ascending; what died half-way among them."""
        return sorted(int(found) for found in self._objects.directories(name) if is_version_number(found))

    @override
    def _nothing_of(self, name: str | None) -> str:
        looked = f"{self.address}/{name or '<name>'}/<number>/{MANIFEST}"
        names = ", ".join(self.names())
        return f"no version of {repr(name) if name else 'any model'}: looked for {looked}; " + (
            f"the registry has {names}" if names else "the registry is empty. Train and publish a model"
        )

    @override
    def _place(self, bundle: Path, name: str) -> int:
        number = self._claim(name)
        manifest = read_manifest(bundle)
        try:
            for relative in (*manifest.files, MANIFEST):
                self._objects.upload(bundle / relative, f"{name}/{number}/{relative}")
        except (OSError, RegistryError) as error:
            with contextlib.suppress(RegistryError):
                self._objects.remove_all(f"{name}/{number}")
            raise PublishError(
                f"nothing of {name!r} was published, older versions stand as they were: {error}; publish again"
            ) from error
        return number

    def _claim(self, name: str) -> int:
        taken = [int(found) for found in self._objects.names(f"{name}/claims") if is_version_number(found)]
        first = max([0, *taken, *self._inside(name), *self.aliases(name).values()]) + 1
        numbers = itertools.count(first)
        return next(
            number for number in numbers if self._objects.create(f"{name}/claims/{number}", who().encode())
        )

    @override
    def _move(self, name: str, decide: Decide) -> State:
        while True:
            moves = self._moves(name)
            state = self._state(moves[-_LOOKED_AT:])
            move = decide(state)
            number = int(Path(moves[-1]).stem) + 1 if moves else 1
            if move is None or self._note(f"{name}/moves/{number:0{_WIDTH}}.json", state, move):
                return state

    def _note(self, path: str, state: State, move: Move) -> bool:
        """Write the next move; False if somebody else has written it in the meantime."""
        aliases = {alias: number for alias, number in state.aliases.items() if alias != move.alias}
        if move.alias is not None and move.after is not None:
            aliases[move.alias] = move.after
        content = _Entry(move=move, aliases=aliases).model_dump_json(by_alias=True).encode()
        return self._objects.create(path, content)

    @override
    def _is_in_use(self, version: Version) -> bool:
        return False  # whoever reads it has a copy

    @override
    def _remove(self, version: Version) -> None:
        self._objects.remove(_path(version, MANIFEST))
        self._objects.remove_all(f"{version.name}/{version.number}")

    def _moves(self, name: str) -> list[str]:
        return sorted(f"{name}/moves/{found}" for found in self._objects.names(f"{name}/moves"))

    def _state(self, paths: list[str]) -> State:
        entries = self._entries(paths)
        return State(entries[-1].aliases, [entry.move for entry in entries]) if entries else State()

    def _entries(self, paths: list[str]) -> list[_Entry]:
        try:
            return [_Entry.model_validate_json(content) for content in self._objects.read_all(paths)]
        except ValidationError as error:
            raise RegistryError(f"{self.address}: a move of {paths[-1]} or before is not readable") from error


def _path(version: Version, relative: str) -> str:
    return f"{version.name}/{version.number}/{relative}"
