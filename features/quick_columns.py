"""Whole columns whose values are all as simple as nearly all are: values come in, read values go out, or None.

`features.raw` asks here first, and looks at every value itself where the answer is None; the result is the same.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.errors import UnreadableValueError
from features.spec import RawInput, RawKind
from features.values import (
    LARGEST_FLOAT32,
    LARGEST_INTEGER_BITS,
    LARGEST_MS,
    MISSING_TEXT,
    MISSING_TIME,
    Value,
)

_NONE = type(None)
_TEXT_OR_NONE = frozenset({str, _NONE})


def quick_text_column(raw: RawInput, cells: Sequence[str]) -> list[Value] | None:
    """The cells of a text file, read; None when somebody must look closer."""
    try:
        match raw.kind:
            case RawKind.TEXT:
                return list(cells)
            # float() alone would also take "430539_1007", which the careful way does not.
            case RawKind.NUMBER if "_" not in "".join(cells):
                numbers = [float(cell) if cell else math.nan for cell in cells]
                odd = sum(not abs(number) <= LARGEST_FLOAT32 for number in numbers)
                return numbers if odd == sum(not cell for cell in cells) else None  # type: ignore[return-value]
            # int() alone would also take "1_000" and " +5", which the careful way does not.
            case RawKind.TIME if raw.time.format in {"auto", "epoch_ms"} and "".join(cells).isdecimal():
                times = [int(cell) if cell else MISSING_TIME for cell in cells]
                return times if max(times) <= LARGEST_MS else None  # type: ignore[return-value]
            case _:
                return None
    except ValueError:
        return None


def quick_json_column(
    raw: RawInput, values: Sequence[Any], read: Callable[[RawInput, object], Value]
) -> list[Value] | None:
    """Typed values, read; None when somebody must look closer.

    Args:
        raw: What the column holds.
        values: Their types are compared exactly, so that ``true`` is no 1.
        read: Reads one value; asked once for each different text.
    """
    types = set(map(type, values))
    match raw.kind:
        case RawKind.TEXT if types <= _TEXT_OR_NONE or types == {int}:
            return _texts(values)
        case RawKind.NUMBER if types <= {int, float, _NONE}:
            return _numbers(values)
        case RawKind.TIME if types <= {int, _NONE}:
            return _times(values)
        case RawKind.TEXTS if list in types and types <= {list, _NONE}:
            return _lists(values)
        case RawKind.TIME | RawKind.TEXTS if types <= _TEXT_OR_NONE:
            return _repeated(raw, values, read)
    return None


def quick_texts(columns: Sequence[Sequence[Any]]) -> NDArray[np.object_] | None:
    """The values of several text columns of one size, read at once, ``(columns, n)``; None when somebody must look closer."""
    values = list(itertools.chain.from_iterable(columns))
    if not set(map(type, values)) <= _TEXT_OR_NONE:
        return None
    texts: list[str] = [value or MISSING_TEXT for value in values]
    if not _are_utf8(texts):
        return None
    return np.fromiter(texts, object, len(texts)).reshape(len(columns), -1)


def _texts(values: Sequence[Any]) -> list[Value] | None:
    if values and type(values[0]) is int:
        small = max(map(abs, values)).bit_length() <= LARGEST_INTEGER_BITS
        return list(map(str, values)) if small else None
    texts: list[Any] = [value or MISSING_TEXT for value in values]
    return texts if _are_utf8(texts) else None


def _lists(values: Sequence[list[object] | None]) -> list[Value] | None:
    lists = [value or [] for value in values]
    tokens = list(itertools.chain.from_iterable(lists))
    if set(map(type, tokens)) <= {str} and _are_utf8(tokens):  # type: ignore[arg-type]  # these are texts
        return lists  # type: ignore[return-value]  # of texts
    return None


def _numbers(values: Sequence[float | None]) -> list[Value] | None:
    try:
        given = [float(value) for value in values if value is not None]
    except OverflowError:
        return None
    # The sum tells NaN, which no comparison does.
    if given and not (math.isfinite(sum(given)) and max(map(abs, given)) <= LARGEST_FLOAT32):
        return None
    if len(given) == len(values):
        return given  # type: ignore[return-value]  # a list of one kind of value
    numbers = iter(given)
    return [math.nan if value is None else next(numbers) for value in values]


def _times(values: Sequence[int | None]) -> list[Value] | None:
    largest = max((abs(value) for value in values if value is not None), default=0)
    if largest > LARGEST_MS:
        return None
    return [MISSING_TIME if value is None else value for value in values]


def _repeated(
    raw: RawInput, values: Sequence[str | None], read: Callable[[RawInput, object], Value]
) -> list[Value] | None:
    """The candidates of a request mostly share their moment."""
    try:
        values_of = {value: read(raw, value) for value in set(values)}
    except UnreadableValueError:
        return None
    return [values_of[value] for value in values]


def _are_utf8(texts: Sequence[str]) -> bool:
    together = "".join(texts)
    if together.isascii():
        return True
    try:
        together.encode()
    except UnicodeEncodeError:
        return False
    return True
