"""All features of a model, by side, and what follows from them: raw inputs, halves, fingerprint."""

import hashlib
import json
from collections.abc import Iterator
from typing import Self

from pydantic import Field, model_validator

from features.errors import SpecError
from features.spec.inputs import Half, RawInput, RawKind, Side, TimeColumn
from features.spec.kinds import (
    Age,
    AnyFeature,
    Buckets,
    Categorical,
    ColumnFeature,
    Cross,
    Feature,
    Hashed,
    MultiValued,
    Numeric,
    TimePart,
)
from features.spec.part import Part


class FeatureSpec(Part):
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


def _describe(raw: RawInput) -> str:
    return f"{raw.kind} of the {raw.side}"
