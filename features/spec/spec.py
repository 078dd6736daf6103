"""All features of a model, by side, and what follows from them: raw inputs, halves, fingerprint."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Self

from pydantic import Field, model_validator

from features.document import Document
from features.errors import SpecError
from features.spec.history import HistoryFeature, Recent
from features.spec.inputs import Half, RawInput, RawKind, Side, TimeColumn
from features.spec.kinds import (
    Age,
    AnyFeature,
    Categorical,
    ColumnFeature,
    Cross,
    Feature,
    MultiValued,
)


class FeatureSpec(Document):
    """Every feature of a model, by side.

    Raises:
        SpecError: If two features share a name, a cross names a feature that cannot be crossed, or one column is
            asked for as two different things.
    """

    user: tuple[Feature, ...] = ()
    item: tuple[Feature, ...] = ()
    context: tuple[Feature, ...] = ()
    crosses: tuple[Cross, ...] = ()
    history: tuple[HistoryFeature, ...] = Field(
        default=(), description="what happened before, counted per key and kept beside the model"
    )
    keys: dict[str, Side] = Field(
        default_factory=dict, description="side of the key columns that no feature reads"
    )
    time_columns: dict[str, TimeColumn] = Field(default_factory=dict, description="how time columns are read")

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if not (self.user or self.item or self.context):
            raise SpecError("expected at least one feature under user, item or context, got none")
        self._check_names()
        self._check_crosses()
        self._check_sharing()
        self.log_inputs()
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
        crossable = {feature.name for _, feature in self.by_side() if feature.is_one_id}
        for cross in self.crosses:
            for part in cross.of:
                if part not in crossable:
                    raise SpecError(
                        f"cross {cross.name!r} names {part!r}, which is no single-valued id feature; "
                        f"expected one of {sorted(crossable)}"
                    )

    def _check_sharing(self) -> None:
        categorical = {f.name for f in self.features() if isinstance(f, Categorical)}
        of_the_item = categorical & {feature.name for feature in self.item}
        for feature in self.features():
            if not isinstance(feature, MultiValued):
                continue
            if feature.like and feature.like not in categorical:
                raise SpecError(
                    f"{feature.name!r} is like {feature.like!r}, which is no categorical feature; "
                    f"expected one of {sorted(categorical)}"
                )
            if feature.query and feature.query not in of_the_item:
                raise SpecError(
                    f"{feature.name!r} attends {feature.query!r}, which is no categorical feature of the item; "
                    f"`attends` names one of {sorted(of_the_item)}"
                )

    def by_side(self) -> tuple[tuple[Side, ColumnFeature], ...]:
        """Every feature with columns of its own, and the side that they come from."""
        return self._by_side

    @cached_property
    def _by_side(self) -> tuple[tuple[Side, ColumnFeature], ...]:
        sides = self._counted_side
        counted = (feature for remembered in self.history for feature in remembered.features())
        return (*self._described(), *((sides[feature.name], feature) for feature in counted))

    def _described(self) -> Iterator[tuple[Side, ColumnFeature]]:
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

    def vocabulary_of(self, feature: Categorical | MultiValued) -> Categorical | MultiValued:
        """The feature whose vocabulary and ids this one uses: what it is like, or itself."""
        if isinstance(feature, MultiValued) and feature.like:
            categorical = (other for other in self.features() if isinstance(other, Categorical))
            return next(other for other in categorical if other.name == feature.like)
        return feature

    def half_of(self, feature: AnyFeature) -> Half:
        """The part of the network that a feature of this spec enters."""
        return self._halves[feature.name]

    @cached_property
    def _halves(self) -> Mapping[str, Half]:
        return {feature.name: self._entered_half(feature) for feature in self.features()}

    def _entered_half(self, feature: AnyFeature) -> Half:
        if isinstance(feature, Cross):
            halves = {self._entered_half(part) for part in self.features() if part.name in feature.of}
            return halves.pop() if len(halves) == 1 else Half.JOINT
        if isinstance(feature, Age):
            # An item ages between two requests: nothing computed once per item may hold it.
            return Half.JOINT if feature in self.item else Half.USER
        counted = self._counted_side.get(feature.name)
        if _attends(feature) or counted is Side.ITEM:
            return Half.JOINT  # and so does what is counted of it
        if feature not in self.item:
            return Half.USER
        live = any(raw.history for raw in self._raw_inputs_of(Side.ITEM, feature))
        return Half.JOINT if live else Half.ITEM

    @cached_property
    def _counted_side(self) -> Mapping[str, Side]:
        """By feature of history the side of its keys: the item's where one of them is the item's."""
        known = {raw.column: raw for raw in self.key_inputs()}
        sides: dict[str, Side] = {}
        for remembered in self.history:
            found = {known[column].side for column in remembered.of}
            side = next(side for side in (Side.ITEM, Side.USER, Side.CONTEXT) if side in found)
            sides |= {feature.name: side for feature in remembered.features()}
        return sides

    def key_inputs(self) -> tuple[RawInput, ...]:
        """The columns that history counts by or collects.

        Raises:
            SpecError: If nobody knows a column's side, it holds numbers or times, or too many of them several values.
        """
        read = {
            raw.column: raw
            for side, feature in self._described()
            for raw in self._raw_inputs_of(side, feature)
        }
        needed: dict[str, RawInput] = {}
        for remembered in self.history:
            collected = (remembered.collects,) if isinstance(remembered, Recent) else ()
            for column in (*remembered.of, *collected):
                if column in self.keys:
                    raw = RawInput(column=column, side=self.keys[column], kind=RawKind.TEXT)
                elif column in read:
                    raw = read[column]
                else:
                    raise SpecError(
                        f"history {remembered.name!r} needs the column {column!r}, whose side nobody knows: "
                        f"add it under features.keys, {{{column}: user}}, {{{column}: item}} or {{{column}: context}}"
                    )
                if raw.kind not in {RawKind.TEXT, RawKind.TEXTS}:
                    raise SpecError(
                        f"history {remembered.name!r} needs the column {column!r} as text, but it is asked for as {_describe(raw)}"
                    )
                needed[column] = raw
            wide = [column for column in (*remembered.of, *collected) if needed[column].kind is RawKind.TEXTS]
            if len(wide) > (0 if isinstance(remembered, Recent) else 1):
                raise SpecError(
                    f"history {remembered.name!r}: expected columns with one value each (one column of an activity's key may "
                    f"have several), got {wide} with several"
                )
        return tuple(needed.values())

    def log_inputs(self) -> tuple[RawInput, ...]:
        """Every raw column that a log or a request carries: the model's inputs that `history` does not fill, and its keys."""
        inputs = {raw.column: raw for raw in self.raw_inputs() if not raw.history}
        for raw in self.key_inputs():
            if inputs.setdefault(raw.column, raw) != raw:
                raise SpecError(
                    f"features.keys names {raw.column!r}, which a feature reads already: leave it out there"
                )
        return _by_side(inputs.values())

    def in_half(self, half: Half) -> tuple[AnyFeature, ...]:
        """The features of one half, in a fixed order."""
        return tuple(feature for feature in self.features() if self.half_of(feature) is half)

    def half_inputs(self, half: Half) -> tuple[RawInput, ...]:
        """The raw columns that the features of one half read, once each; a cross reads none, but ids."""
        inputs: dict[str, RawInput] = {}
        for side, feature in self.by_side():
            if self.half_of(feature) is half:
                inputs |= {raw.column: raw for raw in self._raw_inputs_of(side, feature)}
        return _by_side(inputs.values())

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
        return _by_side(inputs.values())

    def _raw_inputs_of(self, side: Side, feature: ColumnFeature) -> Iterator[RawInput]:
        for column, kind, separator, own_side in feature.reads:
            yield RawInput(
                column=column,
                side=own_side or side,
                kind=kind,
                separator=separator,
                time=self.time_columns.get(column, TimeColumn()) if kind is RawKind.TIME else TimeColumn(),
                history=column in self._columns_of_history,
            )

    @cached_property
    def _columns_of_history(self) -> frozenset[str]:
        """The columns that history fills."""
        return frozenset(column for remembered in self.history for column in remembered.columns)

    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that change when anything in the specification changes."""
        return fingerprint_of(self.model_dump(mode="json"))


def fingerprint_of(spec: object) -> str:
    """The fingerprint of a specification as JSON has it."""
    canonical = json.dumps(spec, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _by_side(inputs: Iterable[RawInput]) -> tuple[RawInput, ...]:
    order = list(Side)
    return tuple(sorted(inputs, key=lambda raw: order.index(raw.side)))


def _attends(feature: AnyFeature) -> bool:
    return isinstance(feature, MultiValued) and feature.query is not None


def _describe(raw: RawInput) -> str:
    return f"{raw.kind} of the {raw.side}"
