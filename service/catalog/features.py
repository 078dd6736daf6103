"""What an entity may carry: features of a request or of a file come in, those that are kept go out.

`service.catalog.catalog` checks requests with it, `service.catalog.importing` the rows of files.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import NamedTuple

from features.errors import UnreadableValueError
from features.raw import from_json, number_from_text
from features.spec import FeatureSpec, RawInput, RawKind, Side
from service.catalog.store import Entity
from service.catalog.table import other_input

_SIDES = {Entity.ITEM: Side.ITEM, Entity.USER: Side.USER}
_LARGEST_EXACT = 2**53
_CELLS, _SHORT = 65_536, 64
"""Text cells that are not read again, and their most characters: most columns of a file repeat a few short ones."""


class Unfit(NamedTuple):
    """A feature that cannot be kept, and why."""

    name: str
    reason: str


class FeatureReader:
    """Reads the features of items, or of users, for one model.

    Args:
        inputs: The columns that the model reads of them; others are kept for filters.
        key: Column that the id fills: no feature need do it.
    """

    def __init__(self, inputs: Sequence[RawInput], key: str | None) -> None:
        self.inputs = tuple(inputs)
        self.key = key
        self._known = {raw.column: raw for raw in inputs}
        # Requests have milliseconds, always; numbers of a file are what the task file says, as they are to training.
        self._written = {
            raw.column
            for raw in inputs
            if raw.kind is RawKind.TIME and raw.time.format not in {"auto", "epoch_ms"}
        }

    @classmethod
    def of(cls, spec: FeatureSpec, kind: Entity, key: str | None) -> "FeatureReader":
        """For what a model reads of items, or of users."""
        return cls([raw for raw in spec.log_inputs() if raw.side is _SIDES[kind]], key)

    def unfit(self, features: Mapping[str, object]) -> Iterator[Unfit]:
        """What of a JSON object cannot be kept: what scoring would refuse, and what no filter can find."""
        for name, value in features.items():
            reason = self._unfit(name, value)
            if reason is not None:
                yield Unfit(name, reason)

    def of_typed(self, cells: Mapping[str, object]) -> dict[str, object]:
        """Typed cells of a row as JSON has them, without the missing ones; `unfit` says what is wrong with them."""
        kept = {name: self._as_json(name, cell) for name, cell in cells.items() if name != self.key}
        return {name: value for name, value in kept.items() if value is not None and value != ""}

    def of_text(self, cells: Mapping[str, str]) -> tuple[dict[str, object], list[Unfit]]:
        """Text cells of a row as JSON has them, without the missing ones; and what of them cannot be kept, as `unfit` has it."""
        features: dict[str, object] = {}
        unfit: list[Unfit] = []
        for name, cell in cells.items():
            if cell != "" and name != self.key:
                read = self._of_cell if len(cell) <= _SHORT else self._read_cell
                features[name], reason = read(name, cell)
                if reason is not None:
                    unfit.append(Unfit(name, reason))
        return features, unfit

    @cached_property
    def _of_cell(self) -> Callable[[str, str], tuple[object, str | None]]:
        return lru_cache(_CELLS)(self._read_cell)

    def _read_cell(self, name: str, cell: str) -> tuple[object, str | None]:
        value = self._number_or_text(name, cell)
        return value, self._unfit(name, value)

    def _unfit(self, name: str, value: object) -> str | None:
        raw = self._known.get(name) or other_input(name, several=isinstance(value, list))
        try:
            from_json(raw, value)
        except UnreadableValueError as error:
            return str(error)
        return None

    def _number_or_text(self, name: str, cell: str) -> object:
        """The number that a cell is, where one is wanted or nothing is lost by it; a text as it stands otherwise.

        JSON's texts are read as a text file's cells are, except that they are no numbers.
        """
        raw = self._known.get(name)
        if raw is not None and raw.kind is not RawKind.NUMBER:
            return cell
        try:
            # What a comma means in this file is not known here: a number with one is refused.
            number = float(cell) if raw is None or "," in cell else number_from_text(cell)
        except (UnreadableValueError, ValueError):
            return cell
        whole = int(number) if number.is_integer() and abs(number) < _LARGEST_EXACT else number
        return whole if math.isfinite(number) and (raw is not None or str(whole) == cell) else cell

    def _as_json(self, name: str, cell: object) -> object:
        match cell:
            case float() if math.isnan(cell):
                return None  # how typed files write a missing number
            case Decimal():
                return float(cell)
            case datetime() if name in self._known:
                raw = self._known[name]
                return from_json(raw, cell) if raw.kind is RawKind.TIME else cell.isoformat()
            case date():
                return cell.isoformat()
            case int() | float() if name in self._written:
                return str(cell)
            case _:
                return cell
