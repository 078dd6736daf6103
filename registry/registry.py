"""What every registry can do, wherever it keeps its versions: names and references come in, versions and moves go out.

`registry.local` and `registry.remote` are the two siblings, and `registry.opening` chooses. `training` publishes here;
the service, the command line and the routes under ``/api/v1/models`` resolve, move aliases and prune.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path

from registry.audit import Action, Move, State
from registry.errors import (
    AmbiguousModelError,
    IntegrityError,
    NothingPublishedError,
    PublishError,
    RefusedMoveError,
    RegistryError,
    UnknownVersionError,
)
from registry.manifest import verify
from registry.outcomes import OutcomeKeeper
from registry.reference import CHAMPION, ModelRef, checked_name
from registry.version import Version

Decide = Callable[[State], Move | None]
"""Looks at where the aliases stand, and says what to do; None for nothing. May be asked again after somebody else moved."""


class Registry(OutcomeKeeper):
    """A place of models, each with numbered versions, aliases and the trail of their moves."""

    @property
    @abstractmethod
    def address(self) -> str:
        """Where it is: a directory, or an address such as ``s3://bucket/prefix``."""

    @abstractmethod
    def names(self) -> list[str]:
        """Models with at least one version, in alphabetical order."""

    @abstractmethod
    def state(self, name: str) -> State:
        """Where the model's aliases stand, and how they came there."""

    @abstractmethod
    def aliases(self, name: str) -> dict[str, int]:
        """Version numbers by alias."""

    @abstractmethod
    def fetch(self, version: Version) -> Version:
        """The version with every file in its directory on this machine.

        Raises:
            IntegrityError: If what was copied is not what its manifest says.
            UnknownVersionError: If it is gone.
        """

    @abstractmethod
    def read(self, version: Version, relative: str) -> bytes | None:
        """One small file of a version, such as its manifest, without the others; None if it has no such file."""

    @abstractmethod
    def _numbers(self, name: str) -> list[int]:
        """Of all versions, ascending."""

    @abstractmethod
    def _has(self, name: str, number: int) -> bool:
        """Whether there is such a version; cheaper than all of them."""

    @abstractmethod
    def _directory(self, name: str, number: int) -> Path:
        """Where the version's files are, or will be once it is fetched."""

    @abstractmethod
    def _nothing_of(self, name: str | None) -> str:
        """The sentence for a model, or a registry, without a version: what was looked for, and the nearest thing found."""

    @abstractmethod
    def _place(self, bundle: Path, name: str) -> int:
        """Copy a verified bundle to the next free number; a reader sees all of it or none.

        Raises:
            PublishError: If the place refuses; nothing half-written is visible.
        """

    @abstractmethod
    def _move(self, name: str, decide: Decide) -> State:
        """Decide with nobody else moving, note it in the trail and do it; where the aliases stood before goes out."""

    @abstractmethod
    def _is_in_use(self, version: Version) -> bool:
        """Whether a process reads it now, as far as this registry can know."""

    @abstractmethod
    def _remove(self, version: Version) -> None:
        """Take a version away: first it stops to be one, then its files go."""

    def versions(self, name: str) -> list[Version]:
        """Every version of the model, oldest first.

        Raises:
            NothingPublishedError: If there is none; the text says what was looked for and what was found.
            UnusableNameError: If the name is none.
        """
        numbers = self._numbers(checked_name(name))
        if not numbers:
            raise NothingPublishedError(self._nothing_of(name))
        return [self._version(name, number) for number in numbers]

    def resolve(self, ref: ModelRef) -> Version:
        """The version that the reference means now.

        Raises:
            NothingPublishedError: If the model has no version at all.
            UnknownVersionError: If it has, but no such version or alias.
        """
        checked_name(ref.name)
        number = ref.at if isinstance(ref.at, int) else self.aliases(ref.name).get(ref.at)
        if number is not None and self._has(ref.name, number):
            return self._version(ref.name, number)
        numbers = ", ".join(str(version.number) for version in self.versions(ref.name))
        pointers = ", ".join(f"{alias} -> {at}" for alias, at in sorted(self.aliases(ref.name).items()))
        raise UnknownVersionError(
            f"expected a published version, got {ref}: {self.address}/{ref.name} has versions {numbers} and "
            f"aliases: {pointers or 'none'}"
        )

    def only(self) -> ModelRef:
        """The champion of the registry's one model.

        Raises:
            NothingPublishedError: If there is no model.
            AmbiguousModelError: If there are several.
        """
        names = self.names()
        if not names:
            raise NothingPublishedError(self._nothing_of(None))
        if len(names) > 1:
            raise AmbiguousModelError(
                f"expected the name of a model: {self.address} has {', '.join(names)}; say which one, "
                f"such as axon serve --model {names[0]}"
            )
        return ModelRef(name=names[0])

    def publish(self, bundle: Path, name: str, *, alias: str | None = CHAMPION, reason: str = "") -> Version:
        """Copy a sealed bundle into the registry under the next free number, then point the alias at it.

        A reader sees the whole version or none of it, whatever happens to this process or to another publisher.

        Args:
            bundle: A directory sealed by `registry.manifest.write_manifest`; it stays as it is.
            name: Of the model; the manifest must name it too.
            alias: Moved to the new version; None leaves the aliases alone.
            reason: For the trail.

        Raises:
            IntegrityError: If the bundle is not what its manifest says.
            PublishError: If the disc is full or refuses; nothing half-written stays behind.
            UnusableNameError: If the name or the alias is none.
        """
        checked_name(name)
        if alias is not None:
            checked_name(alias, what="an alias")
        sealed_as = verify(bundle).name
        if sealed_as != name:
            raise IntegrityError(f"{bundle} was sealed as {sealed_as!r}; expected a bundle of {name!r}")
        version = self._version(name, self._place(bundle, name))
        if alias is not None:
            self._point_at_new(version, alias, reason)
        return version

    def set_alias(self, name: str, alias: str, number: int, *, reason: str = "") -> Version:
        """Point the alias at a version, in one step; nothing is noted if it points there already.

        Raises:
            NothingPublishedError: If the model has no version at all.
            UnknownVersionError: If it has, but not this one.
        """
        checked_name(alias, what="an alias")
        version = self.resolve(ModelRef(name=name, at=number))
        self._point(version, alias, Action.PROMOTE, reason)
        return version

    def drop_alias(self, name: str, alias: str, *, reason: str = "") -> None:
        """Let the alias mean nothing any more.

        Raises:
            RefusedMoveError: If it is the champion, which only another version can replace.
            UnknownVersionError: If there is no such alias.
        """
        if alias == CHAMPION:
            raise RefusedMoveError(
                f"{name} needs a {CHAMPION}: promote another version instead of taking it away"
            )
        version = self.resolve(ModelRef(name=name, at=checked_name(alias, what="an alias")))
        self._move(
            name,
            lambda state: Move.made(
                Action.DEMOTE, alias, state.aliases.get(alias, version.number), None, reason
            ),
        )

    def rollback(self, name: str, *, alias: str = CHAMPION, reason: str = "") -> tuple[Version, Version]:
        """Point the alias at the version that it meant before: which one it was, and which one it is now.

        Raises:
            RefusedMoveError: If the trail knows of none that still exists; nothing moves.
            NothingPublishedError: If the model has no version at all.
        """
        existing = [version.number for version in self.versions(name)]
        moved: list[tuple[int, int]] = []

        def decide(state: State) -> Move:
            current, earlier = state.aliases.get(alias), state.earlier(alias, existing)
            if current is None or earlier is None:
                raise RefusedMoveError(
                    f"{name} cannot be rolled back: the trail of {self.address}/{name} has no version before "
                    f"{alias} -> {current or 'nothing'} that still exists; axon promote {name}:VERSION --to {alias} names one"
                )
            moved[:] = [(current, earlier)]
            return Move.made(Action.ROLLBACK, alias, current, earlier, reason)

        self._move(name, decide)
        ((before, after),) = moved
        return self._version(name, before), self._version(name, after)

    def prune(self, name: str, *, keep: int, dry_run: bool = False, reason: str = "") -> list[Version]:
        """Remove all but the newest versions, and say which; those in use on this machine stay for another time.

        Never removed: a version that an alias names, and the one that a rollback of the champion would go back to.

        Args:
            name: Of the model.
            keep: How many of the newest versions stay, at least 1.
            dry_run: Only say which would go.
            reason: For the trail.

        Raises:
            NothingPublishedError: If the model has no version at all.
            ValueError: If `keep` is below 1.
        """
        if keep < 1:
            raise ValueError(f"expected to keep at least 1 version, got {keep}")
        versions = self.versions(name)
        kept = _kept(self.state(name), versions)
        going = [
            version
            for version in versions[:-keep]
            if version.number not in kept and not self._is_in_use(version)
        ]
        if dry_run:
            return going
        return [version for version in going if self._prune(version, versions, reason)]

    def _prune(self, version: Version, versions: Sequence[Version], reason: str) -> bool:
        removed: list[int] = []

        def decide(state: State) -> Move | None:
            # An alias may have moved in the meantime.
            if version.number in _kept(state, versions):
                return None
            removed[:] = [version.number]
            return Move.made(Action.PRUNE, None, version.number, None, reason)

        self._move(version.name, decide)
        if removed:
            self._remove(version)
        return bool(removed)

    def _point(self, version: Version, alias: str, action: Action, reason: str) -> None:
        def decide(state: State) -> Move | None:
            if version.number in state.removed():
                raise UnknownVersionError(
                    f"{version} was pruned; publish its bundle again, or promote another"
                )
            before = state.aliases.get(alias)
            return (
                None if before == version.number else Move.made(action, alias, before, version.number, reason)
            )

        self._move(version.name, decide)

    def _point_at_new(self, version: Version, alias: str, reason: str) -> None:
        try:
            self._point(version, alias, Action.PUBLISH, reason)
        except RegistryError as error:
            raise PublishError(
                f"{version} is published, but alias {alias!r} could not be moved to it: {error}; set the alias"
            ) from error

    def _version(self, name: str, number: int) -> Version:
        return Version(name, number, self._directory(name, number))


def _kept(state: State, versions: Sequence[Version]) -> set[int | None]:
    """Numbers that no pruning takes: what aliases name, and what a rollback of the champion would go back to."""
    earlier = state.earlier(CHAMPION, [version.number for version in versions])
    return {*state.aliases.values(), earlier}
