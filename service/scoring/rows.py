"""From the rows of a request to the columns of the graph: JSON objects come in, one array per raw input goes out.

`service.scoring.scorer` calls it; what a value means is decided in `features.raw` alone.
"""

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from numpy.typing import NDArray

from features.raw import Value
from features.spec import FeatureSpec, RawInput, Side
from features.values import shown
from service.errors import MAX_PROBLEMS, FieldProblem, InvalidRequestError, UnknownFeatureError
from service.scoring.column_reader import ColumnReader, Table

_SIDES = frozenset(side.value for side in Side)
_NOTHING: Mapping[str, object] = {}


@dataclass(frozen=True)
class Columns:
    """What the request carries, by column.

    Attributes:
        arrays: As the graph takes them.
        keys: Read values of the columns that history counts by, whole; none for a model without history.
    """

    arrays: dict[str, NDArray[Any]]
    keys: dict[str, list[Value]]


class RowReader:
    """Reads the rows of requests for one model; made once, when the model is loaded.

    Args:
        spec: Of the model.
        time: The column with the time of the impression, where history asks for one.

    Attributes:
        inputs: Every column that a request may carry.
    """

    def __init__(self, spec: FeatureSpec, time: RawInput | None = None) -> None:
        self.inputs = request_inputs(spec, time)
        self._columns = ColumnReader(spec, self.inputs)
        self._known = columns_by_side(self.inputs)
        self._tables = {side: Table(known) for side, known in self._known.items()}

    def read(self, rows: Sequence[object]) -> Columns:
        """One array per column, in the order of the rows; an absent feature is a missing value.

        Raises:
            InvalidRequestError: If a row or a value is not what it should be.
            UnknownFeatureError: If a row names a feature that the model does not have.
        """
        read = self._columns.read(self._cells(rows))
        if read.unreadable:
            problems = [
                FieldProblem(_pointer(row, raw.side, raw.column), reason)
                for raw, (row, reason) in read.unreadable
            ]
            problems.sort(key=_by_row)
            raise InvalidRequestError(summary(problems), problems)
        return Columns(read.arrays, read.keys)

    def _cells(self, rows: Sequence[object]) -> dict[str, Sequence[object]]:
        """The values of every column, None where a row has none.

        Whole columns are asked, not single rows, because that takes a fraction of the time.
        """
        if set(map(type, rows)) != {dict} or not _SIDES.issuperset(set().union(*rows)):  # type: ignore[arg-type]  # dicts
            self._check_shapes(rows)
        cells: dict[str, Sequence[object]] = {}
        for side, known in self._known.items():
            features: list[Any] = [row.get(side, _NOTHING) for row in rows]  # type: ignore[attr-defined]
            are_dicts = set(map(type, features)) == {dict}
            if are_dicts and (table := self._tables[side].cells(features)) is not None:
                cells |= table
                continue
            if not are_dicts or not known.issuperset(set().union(*features)):
                self._check_shapes(rows)
            cells |= {column: [values.get(column) for values in features] for column in known}
        return cells

    def _check_shapes(self, rows: Sequence[object]) -> None:
        wrong = (
            problem
            for index, row in enumerate(rows)
            if not self._is_well_formed(row)
            for problem in self._shape_problems(index, row)
        )
        told, problems = first_of(wrong)
        if problems:
            unknown = problems[0].detail.startswith(_UNKNOWN)
            raise (UnknownFeatureError if unknown else InvalidRequestError)(told, problems)

    def _is_well_formed(self, row: object) -> bool:
        """The quick answer for what nearly all rows are; `_shape_problems` has the words for the others."""
        return (
            type(row) is dict
            and row.keys() <= _SIDES
            and all(
                type(features) is dict and features.keys() <= self._known[side]
                for side, features in row.items()
            )
        )

    def _shape_problems(self, index: int, row: object) -> Iterator[FieldProblem]:
        if not isinstance(row, dict):
            yield FieldProblem(
                _pointer(index), f"expected an object with user, item and context, got {shown(row)}"
            )
            return
        for side, features in row.items():
            if side not in _SIDES:
                expected = "expected only user, item and context"
                yield FieldProblem(_pointer(index, side), f"{expected}{nearest(side, _SIDES)}")
            elif not isinstance(features, dict):
                detail = f"expected an object of features by name, got {shown(features)}"
                yield FieldProblem(_pointer(index, side), detail)
            else:
                for name in features.keys() - self._known[side]:
                    yield FieldProblem(_pointer(index, side, name), unknown_feature(name, side, self._known))


_UNKNOWN = "unknown feature"


def request_inputs(spec: FeatureSpec, time: RawInput | None) -> tuple[RawInput, ...]:
    """Every column that a request may carry: what a log carries, and when the impression is."""
    inputs = spec.log_inputs()
    return inputs if time is None or time in inputs else (*inputs, time)


def columns_by_side(inputs: Sequence[RawInput]) -> dict[str, frozenset[str]]:
    """The columns of user, item and context."""
    return {side.value: frozenset(raw.column for raw in inputs if raw.side is side) for side in Side}


def unknown_feature(name: str, side: str, columns: Mapping[str, Collection[str]]) -> str:
    """What is told about a feature that the model was not trained on, or that stands on the wrong side.

    Args:
        name: Of the feature.
        side: Where it stands.
        columns: What the model was trained on, by side.
    """
    for other, names in columns.items():
        if name in names:
            return f"{_UNKNOWN} of the {side}: {name!r} belongs to the {other}"
    known = ", ".join(sorted(columns[side])[:MAX_PROBLEMS]) or "none"
    return f"{_UNKNOWN} of the {side}: the model was trained on {known}{nearest(name, columns[side])}"


def nearest(name: str, known: Collection[str]) -> str:
    """The end of a sentence that suggests the known name nearest to this one; empty when none is near."""
    matches = difflib.get_close_matches(name[:100], known, n=1)
    return f"; did you mean {matches[0]!r}?" if matches else ""


def pointer_token(name: str) -> str:
    """The name as one part of a JSON pointer (RFC 6901, section 3)."""
    return name.replace("~", "~0").replace("/", "~1")


def _pointer(row: int, *names: str) -> str:
    return "/".join(["/rows", str(row), *map(pointer_token, names)])


def _by_row(problem: FieldProblem) -> int:
    return int(problem.pointer.split("/")[2])


def summary(problems: Sequence[FieldProblem], *, uncounted: bool = False) -> str:
    """The first wrong place, in words, and how many more there are; ``uncounted`` where there may be even more."""
    others = len(problems) - 1
    more = f" (and {'at least ' if uncounted else ''}{others} more)" if others else ""
    first = problems[0]
    return f"{first.pointer or 'the body'}: {first.detail}{more}"


def first_of(wrong: Iterable[FieldProblem]) -> tuple[str, list[FieldProblem]]:
    """The words about wrong places, and the first `MAX_PROBLEMS` of these; the rest is not even looked at.

    Each is compared with the known names, and a body may have very many.
    """
    problems = list(islice(wrong, MAX_PROBLEMS))
    if not problems:
        return "", problems
    return summary(problems, uncounted=len(problems) == MAX_PROBLEMS), problems
