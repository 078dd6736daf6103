"""Features of what happened before: each is fed by columns that `history` counts, and never by a column of the log."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from features.document import Document
from features.spec.kinds import ColumnFeature, MultiValued, Numeric, Rate
from features.spec.names import Name

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


def milliseconds(duration: str) -> int:
    """A duration such as ``10s``, ``1.5h`` or ``7d`` in milliseconds.

    Raises:
        ValueError: If it is none, or longer than a century.
    """
    found = _DURATION.fullmatch(duration)
    if not found:
        raise ValueError(
            f"expected a number with ms, s, m, h, d or w such as 30s, 12h or 7d, got {duration!r}"
        )
    length = round(float(found[1]) * _UNITS_MS[found[2]])
    if length > 5_200 * _UNITS_MS["w"]:
        raise ValueError(f"expected at most a century, got {duration!r}")
    return length


def _known(duration: str) -> str:
    milliseconds(duration)
    return duration


Duration = Annotated[str, AfterValidator(_known)]
"""Text that `milliseconds` reads."""


class Activity(Document):
    """How often a key was shown and clicked before, and how long ago: smoothed rates, counts and times since.

    A key is one column, such as the user, or several, such as user and author. A column with several values counts for
    each of them. For every horizon there is a rate and a count; the sums of a half-life fade as time goes by.
    """

    kind: Literal["activity"] = "activity"
    name: Name = Field(description="of the feature; the names of its columns begin with it")
    of: tuple[str, ...] = Field(min_length=1, max_length=4, description="columns that make the key")
    half_lives: tuple[str, ...] = Field(
        default=(), max_length=8, description="such as 1h or 7d; sums that never fade are always there"
    )
    strength: float = Field(
        default=5.0, gt=0, description="impressions of the average that every rate starts with"
    )
    counts: bool = Field(
        default=True,
        description="whether the numbers of impressions are used beside the rates; they grow with the log, and a network may "
        "take them for a clock",
    )
    since: bool = Field(
        default=True, description="whether the times since the last impression and click are used"
    )

    @field_validator("half_lives")
    @classmethod
    def _half_lives_are_durations(cls, half_lives: tuple[str, ...]) -> tuple[str, ...]:
        for half_life in half_lives:
            if milliseconds(half_life) == 0:
                raise ValueError(f"expected a half-life above zero, got {half_life!r}")
        return half_lives

    @property
    def horizons(self) -> tuple[int | None, ...]:
        """Half-lives in milliseconds; None, the first, for sums that never fade."""
        return (None, *(milliseconds(half_life) for half_life in self.half_lives))

    @property
    def sum_columns(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The columns of impressions and of clicks, one per horizon."""
        ends = ("", *(f"_{half_life.replace('.', '_')}" for half_life in self.half_lives))
        return (
            tuple(f"{self.name}_impressions{end}" for end in ends),
            tuple(f"{self.name}_clicks{end}" for end in ends),
        )

    @property
    def since_columns(self) -> tuple[str, str]:
        """The columns with the seconds since the last impression and the last click; missing where there is none."""
        return f"{self.name}_since_impression", f"{self.name}_since_click"

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that history fills for it, in the order in which its state has them."""
        impressions, clicks = self.sum_columns
        return *self.since_columns, *impressions, *clicks

    def features(self) -> tuple[ColumnFeature, ...]:
        """What the network sees of it."""
        found: list[ColumnFeature] = []
        for impressions, clicks in zip(*self.sum_columns, strict=True):
            name = f"{self.name}_rate{impressions.removeprefix(f'{self.name}_impressions')}"
            found.append(Rate(name=name, clicks=clicks, impressions=impressions, strength=self.strength))
            if self.counts:
                found.append(Numeric(name=impressions, scale="log"))
        if self.since:
            found += [Numeric(name=name, scale="log", indicator=True) for name in self.since_columns]
        return tuple(found)


class Recent(MultiValued):
    """The items that a key clicked last, newest first, as tokens whose embeddings are pooled."""

    kind: Literal["recent"] = "recent"  # type: ignore[assignment]  # another word for another kind
    of: tuple[str, ...] = Field(min_length=1, max_length=4, description="columns that make the key")
    collects: str = Field(description="column with the item, or what else of it is remembered")
    separator: None = None

    @model_validator(mode="after")
    def _has_no_column_of_its_own(self) -> Self:
        if self.column != self.name:
            raise ValueError(
                "expected no `column`: the values come from history, `collects` names what it remembers"
            )
        return self

    def features(self) -> tuple[ColumnFeature, ...]:
        """What the network sees of it."""
        return (self,)


HistoryFeature = Annotated[Activity | Recent, Field(discriminator="kind")]
