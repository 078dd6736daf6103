"""Every kind of feature: its policies for what is missing, unknown or out of range, and what it reads, learns and becomes."""

from typing import Annotated, ClassVar, Literal, NamedTuple, Self

from pydantic import Field, model_validator
from typing_extensions import override

from features.document import Document
from features.spec.inputs import RawKind, Side
from features.spec.names import Name, TimeZone

PADDING_ID = 0
"""Id of nothing at all: a missing value, or the filling behind a short list."""

FIRST_OOV_ID = 1
"""Id of the first out-of-vocabulary bucket."""

CROSS_PRIME = 2**31 - 1
CROSS_MULTIPLIER = 1_103_515_245
"""Crosses are hashed modulo this Mersenne prime, so that products of two residues stay inside int64."""


Learned = Literal["vocabulary", "scale", "rate", "edges", "time_zone", "cross", "nothing"]
"""Which fitted part of `features.fitted` a feature has."""

_PARTS = {"hour": 24, "weekday": 7, "hour_of_week": 168}


class Reading(NamedTuple):
    """A raw column that a feature reads."""

    column: str
    kind: RawKind
    separator: str | None = None
    side: Side | None = None
    """Where it comes from; where the feature is described, if None."""


class _Feature(Document):
    learns: ClassVar[Learned] = "nothing"

    name: Name = Field(description="name of the feature; also its column unless `column` says otherwise")

    @property
    def reads(self) -> tuple[Reading, ...]:
        """The raw columns that it reads; none for a cross, which reads ids."""
        return ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the raw columns that it reads."""
        return tuple(reading.column for reading in self.reads)

    @property
    def value_names(self) -> tuple[str, ...]:
        """What its numbers are called in the encoder's output; none for a feature of ids."""
        return ()

    @property
    def width(self) -> int:
        """Ids for each impression; 0 for a feature of numbers."""
        return 0 if self.value_names else 1

    @property
    def is_one_id(self) -> bool:
        """Whether an impression has exactly one id of it, so that crosses and segments may be made of it."""
        return self.width == 1

    def rows(self, learned: int) -> int:  # noqa: ARG002  # kinds with ids read it
        """How many ids there are, padding included; 0 for a feature of numbers.

        Args:
            learned: Tokens or edges that were learned from the training slice.
        """
        return 0


class _ColumnFeature(_Feature):
    holds: ClassVar[RawKind]

    column: Name = Field(default="", description="column that holds the raw value; the name by default")

    @model_validator(mode="before")
    @classmethod
    def _column_defaults_to_the_name(cls, values: object) -> object:
        if isinstance(values, dict) and "name" in values and not values.get("column"):
            return {**values, "column": values["name"]}
        return values

    @property
    @override
    def reads(self) -> tuple[Reading, ...]:
        return (Reading(self.column, self.holds),)


class _Vocabulary(_ColumnFeature):
    learns = "vocabulary"

    min_count: int = Field(default=2, ge=1, description="tokens seen less often are out of vocabulary")
    max_size: int = Field(
        default=1_000_000, ge=1, description="only this many of the most frequent tokens are kept"
    )
    oov_buckets: int = Field(
        default=1, ge=1, description="out-of-vocabulary tokens are hashed over this many ids"
    )

    @override
    def rows(self, learned: int) -> int:
        return FIRST_OOV_ID + self.oov_buckets + learned


_VOCABULARY_SIZES = ("min_count", "max_size", "oov_buckets")


class Categorical(_Vocabulary):
    """One token out of a vocabulary learned from the training slice.

    Ids: 0 is missing, then the out-of-vocabulary buckets, then the tokens by falling count.
    """

    holds = RawKind.TEXT

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

    holds = RawKind.TEXT

    kind: Literal["hashed"] = "hashed"
    buckets: int = Field(default=10_000, ge=1)
    missing: Literal["own", "oov"] = Field(
        default="own", description="a missing value has its own id, or is hashed"
    )
    fill: str | None = Field(default=None, description="token that stands in for a missing value")

    @override
    def rows(self, learned: int) -> int:
        return 1 + self.buckets


class MultiValued(_Vocabulary):
    """Any number of tokens of one vocabulary, such as tags or the last clicked items; their embeddings are pooled."""

    holds = RawKind.TEXTS

    kind: Literal["multi"] = "multi"
    separator: str | None = Field(
        default=",",
        min_length=1,
        description='splits text, unless it is a list such as `["a", "b"]`; null when only lists come',
    )
    max_length: int = Field(default=8, ge=1, le=1024, description="tokens beyond this many are dropped")
    pooling: Literal["mean", "sum", "attention"] = Field(
        default="mean", description="attention weighs every token by how it fits the item that is scored"
    )
    like: str | None = Field(
        default=None,
        description="name of a categorical feature whose vocabulary and embeddings these tokens share",
    )
    attends: str | None = Field(
        default=None,
        description="for attention: name of the item's categorical feature to compare with; what `like` names by default",
    )
    missing: Literal["own", "oov"] = Field(
        default="own", description="an empty list pools to zero, or is one OOV token"
    )
    oov: Literal["own", "missing"] = Field(
        default="own", description="an unknown token is OOV, or is left out"
    )

    @property
    @override
    def reads(self) -> tuple[Reading, ...]:
        return (Reading(self.column, self.holds, self.separator),)

    @property
    @override
    def width(self) -> int:
        return self.max_length

    @property
    @override
    def is_one_id(self) -> bool:
        return False

    @property
    def query(self) -> str | None:
        """The feature that the tokens are compared with; None unless they are pooled by attention."""
        return (self.attends or self.like) if self.pooling == "attention" else None

    @model_validator(mode="after")
    def _says_what_it_needs(self) -> Self:
        if self.pooling == "attention" and not self.query:
            raise ValueError(
                "expected `attends` or `like` beside pooling: attention, got neither: "
                "name the item's categorical feature that the tokens are compared with"
            )
        if self.attends and self.pooling != "attention":
            raise ValueError(f"expected pooling: attention beside `attends`, got pooling: {self.pooling}")
        if self.like:
            for name in _VOCABULARY_SIZES:
                if getattr(self, name) != type(self).model_fields[name].default:
                    raise ValueError(f"expected `{name}` where {self.like!r} is described, not beside `like`")
        return self


class _Scaled(_Feature):
    learns = "scale"

    missing: Literal["mean", "zero", "constant"] = Field(
        default="mean",
        description="what stands for a missing value: the training mean, 0 or `fill`",
    )
    fill: float = Field(default=0.0, allow_inf_nan=False, description="used when `missing` is constant")
    indicator: bool = Field(default=False, description="adds an input that is 1 where the value is missing")
    clip: bool = Field(
        default=True,
        description="values outside the training range count as its edge; without, those beyond a million standard deviations "
        "from the mean count as that far",
    )

    @property
    @override
    def value_names(self) -> tuple[str, ...]:
        return (self.name, f"{self.name}:missing") if self.indicator else (self.name,)


class Numeric(_Scaled, _ColumnFeature):
    """A number, standardised (`standard`), standardised after sign(x) log(1 + |x|) (`log`), or as it is (`none`)."""

    holds = RawKind.NUMBER

    kind: Literal["numeric"] = "numeric"
    scale: Literal["standard", "log", "none"] = "standard"
    missing_values: tuple[float, ...] = Field(
        default=(), description="numbers that mean missing, such as -1 or 999"
    )


class Buckets(_ColumnFeature):
    """A number as the id of its quantile bucket. Ids: 0 is missing, then the buckets from low to high."""

    holds = RawKind.NUMBER
    learns = "edges"

    kind: Literal["buckets"] = "buckets"
    buckets: int = Field(default=20, ge=2, le=10_000)
    missing: Literal["own", "lowest"] = Field(
        default="own", description="a missing value has its own id, or is lowest"
    )
    missing_values: tuple[float, ...] = Field(
        default=(), description="numbers that mean missing, such as -1 or 999"
    )

    @override
    def rows(self, learned: int) -> int:
        return 2 + learned


class TimePart(_ColumnFeature):
    """Hour of the day, day of the week (Monday first) or hour of the week in an explicit time zone. Id 0 is missing."""

    holds = RawKind.TIME
    learns = "time_zone"

    kind: Literal["time_part"] = "time_part"
    part: Literal["hour", "weekday", "hour_of_week"]
    time_zone: TimeZone

    @override
    def rows(self, learned: int) -> int:
        return 1 + _PARTS[self.part]


class Age(_Scaled, _ColumnFeature):
    """Days from a time column to the time of the impression, such as the age of an item."""

    holds = RawKind.TIME

    kind: Literal["age"] = "age"
    at: str = Field(description="context column with the time of the impression")
    scale: Literal["standard", "log", "none"] = "log"

    @property
    @override
    def reads(self) -> tuple[Reading, ...]:
        return Reading(self.column, self.holds), Reading(self.at, RawKind.TIME, side=Side.CONTEXT)


class Rate(_Feature):
    """A smoothed rate out of two counts, in log-odds above the average of the training slice.

    ``log((clicks + s p) / (impressions - clicks + s (1 - p)))`` with strength ``s`` and average ``p``, less the same of
    ``p`` alone; a missing count is 0.
    """

    learns = "rate"

    kind: Literal["rate"] = "rate"
    clicks: Name = Field(description="column with the number of clicks")
    impressions: Name = Field(description="column with the number of impressions")
    strength: float = Field(
        default=5.0,
        gt=0,
        allow_inf_nan=False,
        description="impressions of the average that every rate starts with",
    )

    @property
    @override
    def reads(self) -> tuple[Reading, ...]:
        return Reading(self.clicks, RawKind.NUMBER), Reading(self.impressions, RawKind.NUMBER)

    @property
    @override
    def value_names(self) -> tuple[str, ...]:
        return (self.name,)


class Cross(_Feature):
    """The combination of two or more id features, hashed into a fixed number of ids. Id 0 is never used."""

    learns = "cross"

    kind: Literal["cross"] = "cross"
    of: tuple[str, ...] = Field(min_length=2, description="names of single-valued id features")
    buckets: int = Field(default=10_000, ge=1)

    @override
    def rows(self, learned: int) -> int:
        return 1 + self.buckets


ColumnFeature = Categorical | Hashed | MultiValued | Numeric | Rate | Buckets | TimePart | Age
Feature = Annotated[ColumnFeature, Field(discriminator="kind")]
AnyFeature = ColumnFeature | Cross
