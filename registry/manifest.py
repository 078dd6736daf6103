"""The manifest, which makes a directory a version: what it is, and the sha256 of every file in it.

The export of `training` seals a bundle with `write_manifest`; `registry.local` and the service's loader `verify` one.
"""

import hashlib
import os
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, Field, ValidationError

from features.document import Document
from features.spec import RawInput
from registry.durable import replace_file, sync
from registry.errors import IntegrityError

EXTRA = "assets.extra"
"""Directory for everything of ours: servers of SavedModels leave it alone."""

MANIFEST = f"{EXTRA}/manifest.json"
FEATURE_SPEC = f"{EXTRA}/feature_spec.json"
WARMUP = f"{EXTRA}/warmup.json"
REPORT = f"{EXTRA}/report.json"
TASK = f"{EXTRA}/axon.yaml"
PROFILE = f"{EXTRA}/profile.json"
"""Histograms of the columns that it learned from."""
HISTORY = f"{EXTRA}/history"
"""Directory with the state of the history at the end of training, where the model looks at one."""

JUDGED = f"{EXTRA}/judged"
"""Directory with the bundle that was judged in this one's place, where this one learned from all of its log afterwards."""


class OnnxGraph(StrEnum):
    """The parts of the network for a runtime without TensorFlow, behind the encoder; a version need not carry them."""

    NETWORK = "network"
    USER_STATE = "user_state"
    ITEM_STATE = "item_state"
    JOINT = "joint"

    @property
    def file(self) -> str:
        """Its path in a version."""
        return f"{EXTRA}/onnx/{self.value}.onnx"


class Split(StrEnum):
    """Inputs of the signature ``joint`` that are no raw columns."""

    USER_STATE = "split_user_state"
    USER_IDS = "split_user_ids"
    OF_USER = "split_of_user"
    ITEM_STATE = "split_item_state"
    ITEM_IDS = "split_item_ids"


class FileDigest(Document):
    """Size and checksum of one file."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(ge=0)

    @classmethod
    def of(cls, path: Path) -> "FileDigest":
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
            return cls(sha256=digest.hexdigest(), bytes=os.fstat(file.fileno()).st_size)


class BundleFacts(Document):
    """What training knows about a bundle that its files do not say at a glance."""

    name: str = Field(description="of the model")
    created_at: AwareDatetime
    code_version: str
    tensorflow_version: str
    spec_fingerprint: str = Field(description="of the FeatureSpec")
    fitted_fingerprint: str = Field(description="of the FittedSpec")
    family: str = Field(description="of the network, such as mlp")
    first_impression_at: AwareDatetime | None = Field(
        default=None, description="start of the data it learned from"
    )
    last_impression_at: AwareDatetime | None = Field(
        default=None, description="end of the data it learned from"
    )
    history_until: AwareDatetime | None = Field(
        default=None,
        description="last impression whose outcome its history has counted: that of all slices of the log",
    )
    history_rows: int | None = Field(
        default=None,
        description="rows that its history has counted, where its log had no clock: a row is a millisecond there, and this "
        "the time of all that comes after",
    )
    history_shown_until: AwareDatetime | None = Field(
        default=None,
        description="where decisions were joined to the log: of what was answered up to history_until, its history has counted "
        "what was shown up to this moment",
    )
    user_key: str | None = Field(default=None, description="column that tells users apart")
    item_key: str | None = Field(default=None, description="column that tells items apart")
    impression_time: RawInput | None = Field(
        default=None,
        description="where a request may say when its impression is, for a model that looks at history",
    )

    @property
    def counted_until(self) -> datetime | None:
        """Time of the last impression that its history has counted; None where its log had no clock."""
        return self.history_until or self.last_impression_at


class Manifest(BundleFacts):
    """What a version is, and every file it consists of, by its path with forward slashes; not the manifest itself."""

    format_version: Literal[1] = 1
    files: dict[str, FileDigest]


def write_manifest(bundle: Path, facts: BundleFacts) -> Manifest:
    """Seal a bundle: every file on the disc and digested, then the manifest, last.

    Raises:
        IntegrityError: If the bundle holds anything but plain files and directories.
        OSError: If the disc cannot take it.
    """
    files: dict[str, FileDigest] = {}
    for path in sorted(_plain_files(bundle)):
        relative = path.relative_to(bundle).as_posix()
        if relative != MANIFEST:
            sync(path)
            files[relative] = FileDigest.of(path)
    manifest = Manifest(**facts.model_dump(), files=files)
    (bundle / EXTRA).mkdir(exist_ok=True)
    replace_file(bundle / MANIFEST, manifest.model_dump_json(indent=2, exclude_none=True).encode())
    return manifest


def read_manifest(directory: Path) -> Manifest:
    """The manifest as it stands, its files unchecked.

    Raises:
        IntegrityError: If there is none, or it is not readable.
    """
    try:
        return Manifest.model_validate_json((directory / MANIFEST).read_bytes())
    except FileNotFoundError as error:
        raise IntegrityError(f"{_label(directory)} has no {MANIFEST}: it was never sealed") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the document"
        raise IntegrityError(
            f"{_label(directory)}: {MANIFEST} is not readable: {place}: {first['msg']}"
        ) from error


def verify(directory: Path) -> Manifest:
    """The manifest, after every file was found as it says and no other file beside them.

    Raises:
        IntegrityError: If a file is missing, extra, or has another size or checksum.
    """
    manifest = read_manifest(directory)
    found = {path.relative_to(directory).as_posix(): path for path in _plain_files(directory)}
    found.pop(MANIFEST)
    for relative, expected in manifest.files.items():
        if relative not in found:
            raise IntegrityError(f"{_label(directory)}: {relative} is missing; publish the version again")
        _check(directory, relative, expected)
    if extra := sorted(set(found) - set(manifest.files)):
        raise IntegrityError(
            f"{_label(directory)}: {extra[0]} is not in the manifest; remove it or publish again"
        )
    return manifest


def _check(directory: Path, relative: str, expected: FileDigest) -> None:
    path = directory / relative
    size = path.stat().st_size
    if size != expected.bytes:
        raise IntegrityError(
            f"{_label(directory)}: {relative} should be {expected.bytes} bytes long, is {size}"
        )
    came = FileDigest.of(path).sha256
    if came != expected.sha256:
        raise IntegrityError(
            f"{_label(directory)}: {relative} has a wrong checksum: expected sha256 {expected.sha256[:12]}..., "
            f"got {came[:12]}...; publish the version again"
        )


def _plain_files(directory: Path) -> Iterator[Path]:
    """Every file below the directory; anything that is no plain file or directory is refused."""
    for above, directories, names in os.walk(directory):
        for name in (*directories, *names):
            path = Path(above, name)
            # A link may point anywhere, tomorrow somewhere else: its checksum would promise nothing.
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise IntegrityError(
                    f"{_label(directory)}: {path.relative_to(directory).as_posix()} is a link or a special "
                    "file; expected plain files and directories only"
                )
        yield from (Path(above, name) for name in names)


def _label(directory: Path) -> str:
    """The version's name as people know it: the last two parts of its path, such as ``shop/3``."""
    return "/".join(directory.parts[-2:])
