"""What the model looks at: features by side, their kinds and their policies.

A `FeatureSpec` comes from the task file and goes, unchanged, into the statistics, the encoder, the export and the
service. It says nothing about data already seen: that is `FittedSpec`.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from features.errors import SpecError

PADDING_ID = 0
"""Id of nothing at all: a missing value, or the filling behind a short list."""

FIRST_OOV_ID = 1
"""Id of the first out-of-vocabulary bucket."""

# TensorFlow accepts just these as names of a signature's inputs.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]*")


class Side(StrEnum):
    """Where a raw column comes from in a request."""

    USER = "user"
    ITEM = "item"
    CONTEXT = "context"


class Half(StrEnum):
    """Which part of the network a feature enters.

    The user half is computed once per request (the context belongs to it), the item half once per item, the joint
    half for every pair of the two.
    """

    USER = "user"
    ITEM = "item"
    JOINT = "joint"


class RawKind(StrEnum):
    """What a raw column holds; `features.raw` has the one table of how each is read."""

    TEXT = "text"
    NUMBER = "number"
    TIME = "time"
    TEXTS = "texts"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Feature(_Model):
    name: str = Field(description="name of the feature; also its column unless `column` says otherwise")

    @field_validator("name")
    @classmethod
    def _name_is_usable(cls, name: str) -> str:
        return usable_name(name)


class _ColumnFeature(_Feature):
    column: str = Field(default="", description="column that holds the raw value; the name by default")

    @model_validator(mode="before")
    @classmethod
    def _column_defaults_to_the_name(cls, values: object) -> object:
        if isinstance(values, dict) and "name" in values and not values.get("column"):
            return {**values, "column": values["name"]}
        return values

    @field_validator("column")
    @classmethod
    def _column_is_usable(cls, column: str) -> str:
        return usable_name(column)


class _Vocabulary(_ColumnFeature):
    min_count: int = Field(default=2, ge=1, description="tokens seen less often are out of vocabulary")
    max_size: int = Field(
        default=1_000_000, ge=1, description="only this many of the most frequent tokens are kept"
    )
    oov_buckets: int = Field(
        default=1, ge=1, description="out-of-vocabulary tokens are hashed over this many ids"
    )


class Categorical(_Vocabulary):
    """One token out of a vocabulary learned from the training slice.

    Ids: 0 is missing, then the out-of-vocabulary buckets, then the tokens by falling count.
    """

    kind: Literal["categorical"] = "categorical"
    missing: Literal["own", "oov"] = Field(
        default="own", description="a missing value has its own id, or is OOV"
    )
    fill: str | None = Field(default=None, description="token that stands in for a missing value")
    oov: Literal["own", "missing"] = Field(
        default="own", description="an unknown token is OOV, or counts as missing"
    )


class Hashed(_ColumnFeature):
    """One token hashed into a fixed number of ids; needs no vocabulary, takes any number of tokens.

    Ids: 0 is missing, then the buckets.
    """

    kind: Literal["hashed"] = "hashed"
    buckets: int = Field(default=10_000, ge=1)
    missing: Literal["own", "oov"] = Field(
        default="own", description="a missing value has its own id, or is hashed"
    )
    fill: str | None = Field(default=None, description="token that stands in for a missing value")


class MultiValued(_Vocabulary):
    """Any number of tokens of one vocabulary, such as tags; their embeddings are pooled."""

    kind: Literal["multi"] = "multi"
    separator: str | None = Field(
        default=",", min_length=1, description="splits text; null when only lists come"
    )
    max_length: int = Field(default=8, ge=1, le=1024, description="tokens beyond this many are dropped")
    pooling: Literal["mean", "sum"] = "mean"
    missing: Literal["own", "oov"] = Field(
        default="own", description="an empty list pools to zero, or is one OOV token"
    )
    oov: Literal["own", "missing"] = Field(
        default="own", description="an unknown token is OOV, or is left out"
    )


class _Scaled(_Feature):
    missing: Literal["mean", "zero", "constant"] = Field(
        default="mean",
        description="what stands for a missing value: the training mean, 0 or `fill`",
    )
    fill: float = Field(default=0.0, allow_inf_nan=False, description="used when `missing` is constant")
    indicator: bool = Field(default=False, description="adds an input that is 1 where the value is missing")
    clip: bool = Field(default=True, description="values outside the training range count as its edge")


class Numeric(_Scaled, _ColumnFeature):
    """A number, standardised (`standard`), standardised after sign(x) log(1 + |x|) (`log`), or as it is (`none`)."""

    kind: Literal["numeric"] = "numeric"
    scale: Literal["standard", "log", "none"] = "standard"
    missing_values: tuple[float, ...] = Field(
        default=(), description="numbers that mean missing, such as -1 or 999"
    )


class Buckets(_ColumnFeature):
    """A number as the id of its quantile bucket. Ids: 0 is missing, then the buckets from low to high."""

    kind: Literal["buckets"] = "buckets"
    buckets: int = Field(default=20, ge=2, le=10_000)
    missing: Literal["own", "lowest"] = Field(
        default="own", description="a missing value has its own id, or is lowest"
    )
    missing_values: tuple[float, ...] = Field(
        default=(), description="numbers that mean missing, such as -1 or 999"
    )


class TimePart(_ColumnFeature):
    """Hour of the day or day of the week (Monday first) in an explicit time zone. Id 0 is missing."""

    kind: Literal["time_part"] = "time_part"
    part: Literal["hour", "weekday", "hour_of_week"]
    time_zone: str

    @field_validator("time_zone")
    @classmethod
    def _time_zone_exists(cls, time_zone: str) -> str:
        return known_time_zone(time_zone)


class Age(_Scaled, _ColumnFeature):
    """Days from a time column to the time of the impression, such as the age of an item."""

    kind: Literal["age"] = "age"
    at: str = Field(description="context column with the time of the impression")
    scale: Literal["standard", "log", "none"] = "log"


class Cross(_Feature):
    """The combination of two or more id features, hashed into a fixed number of ids. Id 0 is never used."""

    kind: Literal["cross"] = "cross"
    of: tuple[str, ...] = Field(min_length=2, description="names of single-valued id features")
    buckets: int = Field(default=10_000, ge=1)


Feature = Annotated[
    Categorical | Hashed | MultiValued | Numeric | Buckets | TimePart | Age,
    Field(discriminator="kind"),
]
ColumnFeature = Categorical | Hashed | MultiValued | Numeric | Buckets | TimePart | Age
AnyFeature = ColumnFeature | Cross
IdFeature = Categorical | Hashed | MultiValued | Buckets | TimePart | Cross
"""Features whose encoding is an id; the others become float values."""


class TimeColumn(_Model):
    """How the text of a time column is read; integers in JSON are always milliseconds since the epoch, UTC."""

    format: str = Field(
        default="auto",
        description="auto (integers are epoch_ms, the rest iso), epoch_ms, epoch_s, iso, or a strptime pattern with %",
    )
    time_zone: str = Field(default="UTC", description="of times that name no zone themselves")

    @field_validator("format")
    @classmethod
    def _format_is_known(cls, text: str) -> str:
        if text not in {"auto", "epoch_ms", "epoch_s", "iso"} and "%" not in text:
            raise ValueError(
                f"expected auto, epoch_ms, epoch_s, iso or a pattern such as %Y-%m-%d, got {text!r}"
            )
        return text

    @field_validator("time_zone")
    @classmethod
    def _time_zone_exists(cls, time_zone: str) -> str:
        return known_time_zone(time_zone)


class RawInput(_Model):
    """One raw column that the model needs: an input of the exported graph and a field of a request."""

    column: str
    side: Side
    kind: RawKind
    separator: str | None = None
    time: TimeColumn = TimeColumn()


class FeatureSpec(_Model):
    """Every feature of a model, by side.

    Raises:
        SpecError: If two features share a name, a cross names a feature that cannot be crossed, or one column is
            asked for as two different things.
    """

    user: tuple[Feature, ...] = ()
    item: tuple[Feature, ...] = ()
    context: tuple[Feature, ...] = ()
    crosses: tuple[Cross, ...] = ()
    time_columns: dict[str, TimeColumn] = Field(default_factory=dict, description="how time columns are read")

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if not (self.user or self.item or self.context):
            raise SpecError("expected at least one feature under user, item or context, got none")
        self._check_names()
        self._check_crosses()
        self.raw_inputs()
        unread = sorted(
            set(self.time_columns) - {raw.column for raw in self.raw_inputs() if raw.kind is RawKind.TIME}
        )
        if unread:
            raise SpecError(f"time_columns names {unread}, which no time_part or age feature reads")
        return self

    def _check_names(self) -> None:
        seen: set[str] = set()
        for feature in self.features():
            if feature.name in seen:
                raise SpecError(f"two features are named {feature.name!r}: names must differ")
            seen.add(feature.name)

    def _check_crosses(self) -> None:
        crossable = {
            feature.name
            for _, feature in self.by_side()
            if isinstance(feature, Categorical | Hashed | Buckets | TimePart)
        }
        for cross in self.crosses:
            for part in cross.of:
                if part not in crossable:
                    raise SpecError(
                        f"cross {cross.name!r} names {part!r}, which is no single-valued id feature; "
                        f"expected one of {sorted(crossable)}"
                    )

    def by_side(self) -> Iterator[tuple[Side, ColumnFeature]]:
        """Every feature with a column of its own, and the side that the column comes from."""
        for side, features in (
            (Side.USER, self.user),
            (Side.ITEM, self.item),
            (Side.CONTEXT, self.context),
        ):
            for feature in features:
                yield side, feature

    def features(self) -> tuple[AnyFeature, ...]:
        """Every feature, crosses last."""
        return (*(feature for _, feature in self.by_side()), *self.crosses)

    def half_of(self, feature: AnyFeature) -> Half:
        """The part of the network that the feature enters."""
        if isinstance(feature, Cross):
            halves = {self.half_of(part) for part in self.features() if part.name in feature.of}
            return halves.pop() if len(halves) == 1 else Half.JOINT
        if isinstance(feature, Age):
            # An item ages between two requests: nothing computed once per item may hold it.
            return Half.JOINT if feature in self.item else Half.USER
        return Half.ITEM if feature in self.item else Half.USER

    def in_half(self, half: Half) -> tuple[AnyFeature, ...]:
        """The features of one half, in a fixed order."""
        return tuple(feature for feature in self.features() if self.half_of(feature) is half)

    def raw_inputs(self) -> tuple[RawInput, ...]:
        """Every raw column the model needs, once each, ordered by side and first use."""
        inputs: dict[str, RawInput] = {}
        for side, feature in self.by_side():
            for raw in self._raw_inputs_of(side, feature):
                known = inputs.setdefault(raw.column, raw)
                if known != raw:
                    raise SpecError(
                        f"column {raw.column!r} is asked for as {_describe(known)} and as {_describe(raw)}: "
                        "a column is one thing only"
                    )
        order = list(Side)
        return tuple(sorted(inputs.values(), key=lambda raw: order.index(raw.side)))

    def _raw_inputs_of(self, side: Side, feature: ColumnFeature) -> Iterator[RawInput]:
        match feature:
            case Categorical() | Hashed():
                yield RawInput(column=feature.column, side=side, kind=RawKind.TEXT)
            case MultiValued():
                yield RawInput(
                    column=feature.column,
                    side=side,
                    kind=RawKind.TEXTS,
                    separator=feature.separator,
                )
            case Numeric() | Buckets():
                yield RawInput(column=feature.column, side=side, kind=RawKind.NUMBER)
            case TimePart():
                yield self._time_input(feature.column, side)
            case Age():
                yield self._time_input(feature.column, side)
                yield self._time_input(feature.at, Side.CONTEXT)

    def _time_input(self, column: str, side: Side) -> RawInput:
        return RawInput(
            column=column,
            side=side,
            kind=RawKind.TIME,
            time=self.time_columns.get(column, TimeColumn()),
        )

    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that change when anything in the specification changes."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def usable_name(name: str) -> str:
    """The name itself.

    Raises:
        ValueError: If a model's input cannot carry it.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"expected letters, digits, '_', '.' and '-', starting with a letter or a digit, got {name!r}; "
            "data.rename gives a column another name"
        )
    return name


def known_time_zone(name: str) -> str:
    """The name itself.

    Raises:
        ValueError: If the time zone database has no such zone.
    """
    if name not in available_timezones():
        raise ValueError(
            f"expected a name of the time zone database such as Europe/Berlin or UTC, got {name!r}"
        )
    ZoneInfo(name)
    return name


def _describe(raw: RawInput) -> str:
    return f"{raw.kind} of the {raw.side}"
