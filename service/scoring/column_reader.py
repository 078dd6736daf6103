"""JSON values by column come in, arrays for the graph go out: what rows and single sides of requests have in common.

`service.scoring.rows` and `service.ranking.sides` find the values and word what is wrong; what a value means is decided in `features.raw`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from numpy.typing import NDArray

from features.raw import Unreadable, Value, read_column, read_texts, to_array
from features.spec import FeatureSpec, MultiValued, RawInput, RawKind


class ReadColumns(NamedTuple):
    """What was read.

    Attributes:
        arrays: By column as the graph takes them, each ``(n,)`` or ``(n, longest)``.
        keys: Read values of the columns that history counts by, whole.
        unreadable: What could not be read, and of which column it is.
    """

    arrays: dict[str, NDArray[Any]]
    keys: dict[str, list[Value]]
    unreadable: list[tuple[RawInput, Unreadable]]


class ColumnReader:
    """Reads some columns of a model; made once.

    Args:
        spec: Of the model.
        inputs: The columns.
    """

    def __init__(self, spec: FeatureSpec, inputs: Sequence[RawInput]) -> None:
        self._keys = frozenset(raw.column for raw in spec.key_inputs())
        self._longest = longest_lists(spec)
        self._texts = [raw for raw in inputs if raw.kind is RawKind.TEXT]
        self._others = [raw for raw in inputs if raw.kind is not RawKind.TEXT]

    def read(self, cells: Mapping[str, Sequence[Any]]) -> ReadColumns:
        """One array per column; None is a missing value."""
        done = ReadColumns({}, {}, [])
        # Mostly all of them are plain texts: at one row a request, looking at each column apart takes twice as long.
        texts = read_texts([cells[raw.column] for raw in self._texts])
        if texts is None:
            self._read_apart(self._texts, cells, done)
        else:
            for raw, array in zip(self._texts, texts, strict=True):
                done.arrays[raw.column] = array
                if raw.column in self._keys:
                    done.keys[raw.column] = array.tolist()
        self._read_apart(self._others, cells, done)
        return done

    def _read_apart(
        self, inputs: Sequence[RawInput], cells: Mapping[str, Sequence[Any]], done: ReadColumns
    ) -> None:
        for raw in inputs:
            values, unreadable = read_column(raw, cells[raw.column], text=False)
            done.unreadable.extend((raw, one) for one in unreadable)
            if raw.column in self._keys:
                done.keys[raw.column] = values
            done.arrays[raw.column] = to_array(raw, self._cut(raw, values))

    def _cut(self, raw: RawInput, values: list[Value]) -> list[Value]:
        """Lists without the tokens that the encoder drops anyway: one long list would widen every row."""
        if raw.kind is not RawKind.TEXTS:
            return values
        longest = self._longest[raw.column]
        if max(map(len, values), default=0) <= longest:  # type: ignore[arg-type]  # the kind says that these are lists
            return values
        return [tokens[:longest] for tokens in values]  # type: ignore[index]  # the kind says that these are lists


class Table:
    """Takes columns out of objects, all columns of an object at once.

    Args:
        columns: Their names.
    """

    def __init__(self, columns: Iterable[str]) -> None:
        self._nothing = dict.fromkeys(columns)
        self._all_of = itemgetter(*self._nothing) if len(self._nothing) > 1 else None

    def cells(self, objects: Sequence[Mapping[str, Any]]) -> dict[str, Sequence[Any]] | None:
        """The values of every column, None where an object has none; no table where an object has anything else."""
        columns = len(self._nothing)
        if self._all_of is None:
            return None
        whole = [one if len(one) == columns else {**self._nothing, **one} for one in objects]
        if set(map(len, whole)) != {columns}:
            return None
        try:
            return dict(zip(self._nothing, zip(*map(self._all_of, whole), strict=True), strict=True))
        except KeyError:
            return None


def longest_lists(spec: FeatureSpec) -> dict[str, int]:
    """The most tokens that any feature reads of each multi-valued column."""
    longest: dict[str, int] = {}
    for column, length in _lists(spec):
        longest[column] = max(length, longest.get(column, 0))
    return longest


def _lists(spec: FeatureSpec) -> Iterator[tuple[str, int]]:
    for _, feature in spec.by_side():
        if isinstance(feature, MultiValued):
            yield feature.column, feature.max_length
