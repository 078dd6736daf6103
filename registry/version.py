"""One published version: its place comes in, what is written beside the model goes out.

`registry.local` hands them out; the service's loader and the command line read them.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from typing_extensions import override

from features.fitted import FittedSpec, fingerprints
from registry.errors import IntegrityError
from registry.manifest import FEATURE_SPEC, JUDGED, Manifest, read_manifest


@dataclass(frozen=True, order=True)
class Version:
    """A directory that holds a SavedModel and, in ``assets.extra/``, everything that is ours."""

    name: str
    number: int
    directory: Path

    @override
    def __str__(self) -> str:
        return f"{self.name}/{self.number}"

    def judged(self) -> "Version":
        """The network that the report speaks of: this one or, where this one was refitted to all of its log, the one before."""
        return replace(self, directory=judged_in(self.directory))

    def manifest(self) -> Manifest:
        """The manifest, its files unchecked (`registry.manifest.verify` checks them)."""
        return read_manifest(self.directory)

    def fitted_spec(self) -> FittedSpec:
        """What the encoder inside the model was built from.

        Raises:
            IntegrityError: If the file is unreadable, or is not the one that the manifest speaks of.
        """
        manifest = self.manifest()
        try:
            written = (self.directory / FEATURE_SPEC).read_bytes()
            fitted = FittedSpec.model_validate_json(written)
        except (OSError, ValueError) as error:
            raise IntegrityError(f"{self}: {FEATURE_SPEC} is not readable: {error}") from error
        came_with = fingerprints(written)
        for what, expected, came in (
            ("spec", manifest.spec_fingerprint, came_with.spec),
            ("fitted", manifest.fitted_fingerprint, came_with.fitted),
        ):
            if expected != came:
                raise IntegrityError(
                    f"{self}: the manifest names the {what} fingerprint {expected}, {FEATURE_SPEC} has {came}; "
                    "publish the version again"
                )
        return fitted


def judged_in(bundle: Path) -> Path:
    """The directory of the SavedModel that was judged in a bundle's place: its own, where it was not refitted."""
    judged = bundle / JUDGED
    return judged if judged.is_dir() else bundle
