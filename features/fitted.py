"""What was learned from the training slice: vocabularies, scales, bucket edges, time-zone offsets.

The statistics of `training` make a `FittedSpec`; the encoder is built from it, and it travels with every version as
``assets.extra/feature_spec.json``.
"""

import hashlib
import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, NamedTuple, Self, TypeVar
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator
from typing_extensions import override

from features.document import Document
from features.errors import FittedSpecError
from features.layout import EncodedLayout, IdField, ValueField
from features.spec import (
    AnyFeature,
    Cross,
    FeatureSpec,
    Half,
    MultiValued,
    fingerprint_of,
)

_FIRST_YEAR, _LAST_YEAR = 1970, 2100


class _Fitted(Document):
    @property
    def size(self) -> int:
        """Tokens or edges that were learned."""
        return 0


class FittedVocabulary(_Fitted):
    """Tokens in the order of their ids."""

    kind: Literal["vocabulary"] = "vocabulary"
    tokens: tuple[str, ...]

    @property
    @override
    def size(self) -> int:
        return len(self.tokens)


class FittedScale(_Fitted):
    """Mean, standard deviation and range of the training values after the feature's transform (log or nothing)."""

    kind: Literal["scale"] = "scale"
    mean: float
    std: float = Field(gt=0)
    low: float
    high: float

    def edges(self, *, clip: bool) -> tuple[float, float]:
        """What lower and higher values count as: a million standard deviations from the mean, where they are not clipped.

        A log has none so far off before its 1e12th row, and no network overflows on what is left.
        """
        if clip:
            return self.low, self.high
        far = 1e6 * self.std
        return min(self.low, self.mean - far), max(self.high, self.mean + far)


class FittedRate(_Fitted):
    """Share of clicks among the impressions that were counted in the training slice."""

    kind: Literal["rate"] = "rate"
    average: float = Field(gt=0, lt=1)


class FittedEdges(_Fitted):
    """Inner edges of the buckets, rising; every one a float32 value."""

    kind: Literal["edges"] = "edges"
    edges: tuple[float, ...]

    @property
    @override
    def size(self) -> int:
        return len(self.edges)


class FittedTimeZone(_Fitted):
    """Offsets from UTC: ``offsets_ms[i]`` holds from ``starts_ms[i]`` on (milliseconds since the epoch)."""

    kind: Literal["time_zone"] = "time_zone"
    starts_ms: tuple[int, ...]
    offsets_ms: tuple[int, ...]

    @classmethod
    def of(cls, time_zone: str) -> Self:
        """Every change of the zone's offset between 1970 and 2100, from the time zone database."""
        zone = ZoneInfo(time_zone)
        days = (datetime(_LAST_YEAR, 1, 1, tzinfo=UTC) - datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC)).days
        start = datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC)
        changes = [(start, _offset(start, zone))]
        noons = (start + timedelta(days=day) for day in range(days + 1))
        for before, after in itertools.pairwise(noons):
            if _offset(after, zone) != changes[-1][1]:
                moment = _first_moment_with(_offset(after, zone), before, after, zone)
                changes.append((moment, _offset(after, zone)))
        return cls(
            starts_ms=tuple(int(moment.timestamp() * 1000) for moment, _ in changes),
            offsets_ms=tuple(offset // timedelta(milliseconds=1) for _, offset in changes),
        )


class FittedCross(_Fitted):
    """Says that the ids of a cross are spread as by chance; those of versions that have `NothingFitted` here are not."""

    kind: Literal["cross"] = "cross"


class NothingFitted(_Fitted):
    """For features that need no statistics."""

    kind: Literal["nothing"] = "nothing"


FittedFeature = Annotated[
    FittedVocabulary | FittedScale | FittedRate | FittedEdges | FittedTimeZone | FittedCross | NothingFitted,
    Field(discriminator="kind"),
]

_Part = TypeVar("_Part", bound=Document)


class FittedSpec(Document):
    """A `FeatureSpec` and what was fitted for each of its features, by name.

    Raises:
        FittedSpecError: If a feature lacks its fitted part or has another kind's.
    """

    spec: FeatureSpec
    fitted: dict[str, FittedFeature]

    @model_validator(mode="after")
    def _fits_the_spec(self) -> Self:
        names = {feature.name for feature in self.spec.features()}
        if names != set(self.fitted):
            raise FittedSpecError(f"expected fitted parts for {sorted(names)}, got {sorted(self.fitted)}")
        for feature in self.spec.features():
            shares = isinstance(feature, MultiValued) and feature.like is not None
            expected = "nothing" if shares else feature.learns
            came = self.fitted[feature.name].kind
            if isinstance(feature, Cross) and came == "nothing":
                continue
            if expected != came:
                raise FittedSpecError(f"{feature.name}: expected the fitted part {expected!r}, got {came!r}")
        return self

    def part(self, name: str, kind: type[_Part]) -> _Part:
        """What was fitted for the feature of a name; `kind` is that of its fitted part."""
        part = self.fitted[name]
        assert isinstance(part, kind)  # noqa: S101  # checked when this was made
        return part

    def learned_for(self, feature: AnyFeature) -> FittedFeature:
        """What was fitted for a feature, or for the one whose vocabulary it shares."""
        if isinstance(feature, MultiValued):
            return self.fitted[self.spec.vocabulary_of(feature).name]
        return self.fitted[feature.name]

    def rows_of(self, feature: AnyFeature) -> int:
        """How many ids the feature has, padding included; 0 for features that are values."""
        owner = self.spec.vocabulary_of(feature) if isinstance(feature, MultiValued) else feature
        return owner.rows(self.fitted[owner.name].size)

    def layout(self) -> EncodedLayout:
        """Where each feature stands in the encoder's output."""
        ids: list[IdField] = []
        values: list[ValueField] = []
        start = 0
        for half in Half:
            for feature in self.spec.in_half(half):
                for name in feature.value_names:
                    values.append(ValueField(name, half, len(values)))
                if not feature.width:
                    continue
                field = IdField(
                    name=feature.name,
                    half=half,
                    rows=self.rows_of(feature),
                    start=start,
                    width=feature.width,
                    pooling=feature.pooling if isinstance(feature, MultiValued) else None,
                    like=feature.like if isinstance(feature, MultiValued) else None,
                    attends=feature.query if isinstance(feature, MultiValued) else None,
                )
                ids.append(field)
                start = field.stop
        return EncodedLayout(tuple(ids), tuple(values))

    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that change when the spec or anything fitted changes."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]


class Fingerprints(NamedTuple):
    """Those of a `FeatureSpec` and of the `FittedSpec` that it is part of."""

    spec: str
    fitted: str


def fingerprints(written: bytes) -> Fingerprints:
    """What `fingerprint` was when a fitted spec was written; keys that specs got since then change nothing."""
    return Fingerprints(
        spec=fingerprint_of(json.loads(written)["spec"]), fitted=hashlib.sha256(written).hexdigest()[:16]
    )


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    offset = moment.astimezone(zone).utcoffset()
    return timedelta(0) if offset is None else offset


def _first_moment_with(offset: timedelta, before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The first second in ``(before, after]`` at which the zone has the offset, found by halving."""
    low, high = 0, int((after - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(before + timedelta(seconds=middle), zone) == offset:
            high = middle
        else:
            low = middle
    return before + timedelta(seconds=high)
