"""What a list of versions shows of each: a registry and a version come in, a `VersionSummary` goes out.

``axon models`` and ``GET /api/v1/models`` show it. Nothing is fetched but the manifest and the report.
"""

from datetime import datetime, timedelta
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from features.document import Document
from registry.errors import IntegrityError
from registry.manifest import MANIFEST, REPORT, Manifest
from registry.registry import Registry
from registry.version import Version


class _Metrics(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    log_loss: float | None = None
    auc: float | None = None
    gauc: float | None = None
    ece: float | None = None


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    slice: str | None = None
    metrics: _Metrics = _Metrics()


class VersionSummary(Document):
    """One version at a glance."""

    model: str
    version: int
    aliases: tuple[str, ...] = Field(description="that point at it now")
    family: str = Field(description="of the network")
    created_at: AwareDatetime
    first_impression_at: AwareDatetime | None = Field(description="start of the data it learned from")
    last_impression_at: AwareDatetime | None = Field(description="end of the data it learned from")
    judged_on: str | None = Field(description="slice of the metrics")
    log_loss: float | None
    auc: float | None
    gauc: float | None
    ece: float | None
    bytes: int = Field(description="size of its files")


def summaries(registry: Registry, name: str) -> list[VersionSummary]:
    """Every version of the model, oldest first.

    Raises:
        NothingPublishedError: If there is none.
        IntegrityError: If a manifest cannot be read.
    """
    aliases = registry.aliases(name)
    return [_summary(registry, version, aliases) for version in registry.versions(name)]


def age(created_at: datetime, now: datetime) -> str:
    """How long ago, for people; a clock that went back is told instead of a negative age."""
    since = now - created_at
    if since < timedelta(0):
        return "in the future"
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if since.total_seconds() >= 2 * seconds:
            return f"{int(since.total_seconds() // seconds)} {unit}"
    return f"{int(since.total_seconds())} s"


def _summary(registry: Registry, version: Version, aliases: dict[str, int]) -> VersionSummary:
    manifest, report = _manifest(registry, version), _report(registry, version)
    return VersionSummary(
        model=version.name,
        version=version.number,
        aliases=tuple(sorted(alias for alias, number in aliases.items() if number == version.number)),
        judged_on=report.slice,
        bytes=sum(digest.bytes for digest in manifest.files.values()),
        **_facts(manifest),
        **report.metrics.model_dump(),
    )


def _facts(manifest: Manifest) -> dict[str, Any]:
    return manifest.model_dump(include={"family", "created_at", "first_impression_at", "last_impression_at"})


def _manifest(registry: Registry, version: Version) -> Manifest:
    try:
        return Manifest.model_validate_json(registry.read(version, MANIFEST) or b"")
    except ValidationError as error:
        raise IntegrityError(f"{version}: {MANIFEST} is not readable; publish the version again") from error


def _report(registry: Registry, version: Version) -> _Report:
    """What the report says; nothing where a version travels without one, or with one of another kind."""
    try:
        return _Report.model_validate_json(registry.read(version, REPORT) or b"{}")
    except ValidationError:
        return _Report()
