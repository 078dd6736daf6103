"""Published versions in a local directory: a sealed bundle comes in, a numbered version goes out.

``ROOT/<name>/<integer>/`` are the versions and ``ROOT/<name>/aliases.json`` says which of them is the champion.
`training` publishes here, the service and the command line resolve.
"""

import difflib
import errno
from pathlib import Path

from registry.aliases import point_alias, read_aliases
from registry.errors import (
    AmbiguousModelError,
    IntegrityError,
    NothingPublishedError,
    PublishError,
    UnknownVersionError,
)
from registry.manifest import MANIFEST, verify
from registry.reference import CHAMPION, ModelRef, checked_name, is_version_number
from registry.staging import place, sweep
from registry.version import Version

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class LocalRegistry:
    """A directory of models, each a directory of numbered versions."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def names(self) -> list[str]:
        """Models with at least one version, in alphabetical order."""
        return [name for name in self._directories() if self._numbers(name)]

    def versions(self, name: str) -> list[Version]:
        """Every version of the model, oldest first.

        Raises:
            NothingPublishedError: If there is none; the text says what was looked for and what was found.
            UnusableNameError: If the name is none.
        """
        checked_name(name)
        numbers = self._numbers(name)
        if not numbers:
            raise NothingPublishedError(self._nothing_of(name))
        return [self._version(name, number) for number in numbers]

    def aliases(self, name: str) -> dict[str, int]:
        """Version numbers by alias."""
        return read_aliases(self.root / checked_name(name))

    def resolve(self, ref: ModelRef) -> Version:
        """The version that the reference means now.

        Raises:
            NothingPublishedError: If the model has no version at all.
            UnknownVersionError: If it has, but no such version or alias.
        """
        versions = {version.number: version for version in self.versions(ref.name)}
        aliases = self.aliases(ref.name)
        number = ref.at if isinstance(ref.at, int) else aliases.get(ref.at)
        if number is not None and number in versions:
            return versions[number]
        pointers = ", ".join(f"{alias} -> {at}" for alias, at in sorted(aliases.items())) or "none"
        raise UnknownVersionError(
            f"expected a published version, got {ref}: {self.root / ref.name} has versions "
            f"{', '.join(map(str, versions))} and aliases: {pointers}"
        )

    def only(self) -> ModelRef:
        """The champion of the registry's one model.

        Raises:
            NothingPublishedError: If there is no model.
            AmbiguousModelError: If there are several.
        """
        names = self.names()
        if not names:
            raise NothingPublishedError(self._nothing_at_all())
        if len(names) > 1:
            raise AmbiguousModelError(
                f"expected the name of a model: {self.root} has {', '.join(names)}; say which one"
            )
        return ModelRef(name=names[0])

    def set_alias(self, name: str, alias: str, number: int) -> Version:
        """Point the alias at a version, in one step.

        Raises:
            NothingPublishedError: If the model has no version at all.
            UnknownVersionError: If it has, but not this one.
        """
        checked_name(alias, what="an alias")
        version = self.resolve(ModelRef(name=name, at=number))
        point_alias(self.root / name, alias, number)
        return version

    def publish(self, bundle: Path, name: str, *, alias: str | None = CHAMPION) -> Version:
        """Copy a sealed bundle into the registry under the next free number, then point the alias at it.

        A reader sees the whole version or none of it, whatever happens to this process or to another publisher.

        Args:
            bundle: A directory sealed by `registry.manifest.write_manifest`; it stays as it is.
            name: Of the model; the manifest must name it too.
            alias: Moved to the new version; None leaves the aliases alone.

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
        try:
            sweep(self.root / name)
            version = self._version(name, place(bundle, self.root / name))
        except OSError as error:
            raise PublishError(
                f"{_why(error)}: nothing of {name!r} was published, older versions stand as they were; "
                f"make room under {self.root} and publish again"
            ) from error
        if alias is not None:
            self._point_at_new(version, alias)
        return version

    def sweep(self, name: str) -> list[Path]:
        """Remove what publishers left behind that died half-way; the living are left alone."""
        return sweep(self.root / checked_name(name))

    def _point_at_new(self, version: Version, alias: str) -> None:
        try:
            point_alias(self.root / version.name, alias, version.number)
        except OSError as error:
            raise PublishError(
                f"{_why(error)}: {version} is published, but alias {alias!r} could not be moved to it; "
                "make room and set the alias"
            ) from error

    def _version(self, name: str, number: int) -> Version:
        return Version(name, number, self.root / name / str(number))

    def _directories(self) -> list[str]:
        if not self.root.is_dir():
            return []
        return sorted(path.name for path in self.root.iterdir() if path.is_dir() and path.name[0] != ".")

    def _numbers(self, name: str) -> list[int]:
        home = self.root / name
        if not home.is_dir():
            return []
        inside = [path.name for path in home.iterdir() if is_version_number(path.name)]
        return sorted(int(number) for number in inside if (home / number / MANIFEST).is_file())

    def _nothing_of(self, name: str) -> str:
        """The sentence for a model without a version: what was looked for, and the nearest thing found."""
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
