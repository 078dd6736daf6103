"""Features of one kind of entity, such as the users of some requests: JSON objects come in, columns go out.

`service.ranking.rank` reads users, contexts and items apart with it; `service.scoring.rows` reads whole rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.coded_texts import CodedTexts
from features.errors import UnreadableValueError
from features.raw import MISSING_TEXT, Value, read_column
from features.spec import FeatureSpec, RawInput, Side
from service.catalog.kept import kept_value
from service.errors import FieldProblem, InvalidRequestError, UnknownFeatureError
from service.ranking.rank_request import Features
from service.scoring.body import id_text
from service.scoring.column_reader import ColumnReader, Table
from service.scoring.rows import columns_by_side, first_of, pointer_token, summary, unknown_feature

Pointer = Callable[[int], str]
"""Where in the request the features of one entity stand."""


@dataclass(frozen=True)
class SideColumns:
    """What some entities have, by column.

    Attributes:
        arrays: As the graph takes them, each ``(n,)`` or ``(n, longest)``.
        values: Read values of the columns that history counts by.
        size: Number of entities.
    """

    arrays: dict[str, NDArray[Any]]
    values: dict[str, list[Value]]
    size: int

    def __len__(self) -> int:
        return self.size

    def beside(self, others: "SideColumns") -> "SideColumns":
        """These columns and other ones of the same entities."""
        return SideColumns(self.arrays | others.arrays, self.values | others.values, self.size)


class SideReader:
    """Reads the columns of one side.

    Args:
        spec: Of the model.
        side: Whose columns it reads.
        inputs: Every column that a request may carry, of all sides.
        key: Column that the id fills; None if none does.
    """

    def __init__(self, spec: FeatureSpec, side: Side, inputs: Sequence[RawInput], key: str | None) -> None:
        self.side = side.value
        self.inputs = tuple(raw for raw in inputs if raw.side is side)
        self._columns_by_side = columns_by_side(inputs)
        self._known = self._columns_by_side[self.side]
        self.key = key if key in self._known else None
        self._features = frozenset(raw.column for raw in self.inputs if raw.column != self.key)
        self._table = Table(raw.column for raw in self.inputs if raw.column != self.key)
        self._columns = ColumnReader(spec, self.inputs)

    def read(self, ids: Sequence[str], entities: Sequence[Features], pointer: Pointer) -> SideColumns:
        """One array per column; an absent feature is a missing value.

        Args:
            ids: One per entity; the empty text for none.
            entities: Features of each.
            pointer: For the words about what is wrong.

        Raises:
            InvalidRequestError: If a value is not what it should be.
            UnknownFeatureError: If the model was not trained on a feature.
        """
        read = self._columns.read(self._cells(ids, entities, pointer))
        if read.unreadable:
            problems = [
                FieldProblem(f"{pointer(row)}/{pointer_token(raw.column)}", reason)
                for raw, (row, reason) in read.unreadable
            ]
            raise InvalidRequestError(summary(problems), problems)
        return SideColumns(read.arrays, read.keys, len(entities))

    def identity(self, own: Features) -> str:
        """The id of an entity that came without one, from the feature that ids fill; empty if it has none."""
        try:
            return "" if self.key is None else id_text(own.get(self.key))
        except UnreadableValueError:
            return ""  # `read` has the words about it

    def covered(self, own: Features) -> bool:
        """Whether an entity with an id came with every other column, be it null: nothing kept of it would be looked at."""
        return self._features <= own.keys()

    def readable(self, kept: Features) -> Features:
        """The kept features of an entity without those that are not what this model reads."""
        values = {raw: kept_value(raw, kept[raw.column]) for raw in self.inputs if raw.column in kept}
        return {
            raw.column: value for raw, value in values.items() if not read_column(raw, [value], text=False)[1]
        }

    def _cells(
        self, ids: Sequence[str], entities: Sequence[Features], pointer: Pointer
    ) -> dict[str, Sequence[Any]]:
        """The values of every column; the id stands for the feature that it fills."""
        # Most requests name the key by the id alone.
        cells = self._table.cells(entities)
        if cells is not None:
            return cells if self.key is None else {**cells, self.key: [given or None for given in ids]}
        self._check_names(entities, pointer)
        cells = {raw.column: [features.get(raw.column) for features in entities] for raw in self.inputs}
        if self.key is not None:
            cells[self.key] = [given or cell for given, cell in zip(ids, cells[self.key], strict=True)]
        return cells

    def _check_names(self, entities: Sequence[Features], pointer: Pointer) -> None:
        wrong = (
            FieldProblem(
                f"{pointer(row)}/{pointer_token(name)}",
                unknown_feature(name, self.side, self._columns_by_side),
            )
            for row, features in enumerate(entities)
            for name in features.keys() - self._known
        )
        told, problems = first_of(wrong)
        if problems:
            raise UnknownFeatureError(told, problems)


def stacked(columns: Sequence[NDArray[Any] | CodedTexts]) -> NDArray[Any]:
    """Columns of one kind behind each other; lists of texts are padded to the longest."""
    arrays = [array.texts() if isinstance(array, CodedTexts) else array for array in columns]
    if arrays[0].ndim == 1:
        return np.concatenate(arrays)
    longest = max(array.shape[1] for array in arrays)
    padded = [
        np.pad(array, ((0, 0), (0, longest - array.shape[1])), constant_values=MISSING_TEXT)
        if array.shape[1] < longest
        else array
        for array in arrays
    ]
    return np.concatenate(padded)
