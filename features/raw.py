"""The one table of what a raw value becomes before the encoder sees it.

Cells of a log and values of a JSON request come in; arrays for the encoder go out. The log reader and the service both
call this file and nothing else, so a value means the same on both sides.

| kind   | text cell                        | JSON value                         | becomes                        | missing       |
|--------|----------------------------------|------------------------------------|--------------------------------|---------------|
| text   | as it is                         | string, integer, float, true/false | string (n,)                    | ``""``        |
| number | decimal number, or an amount     | integer or float, never a string   | float32 (n,)                   | NaN           |
| time   | as its `TimeColumn` says         | integer milliseconds, or text      | int64 (n,) ms since epoch, UTC | `MISSING_TIME`|
| texts  | split at the separator, or JSON  | list, or text as in a cell         | string (n, longest), padded    | ``[]``        |

An amount has a currency sign, a percent sign or commas that group thousands: ``$1,234.50`` is 1234.5 and ``12.3%`` 12.3.
What may have points that group thousands, such as ``1.234 €``, is unreadable.
Text of a column without a separator is a JSON list, such as ``["red", "big"]``, or one as Python prints it: ``['red', 'big']``.
Where there is a separator, text that begins with ``["`` and is such a list is not split, as `axon join` writes lists so into CSV.
An empty cell, an empty string and null are missing, whatever the kind; a literal NaN or an infinity is unreadable.
"""

import itertools
import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from features.errors import UnreadableValueError
from features.list_text import list_from_text
from features.moments import epoch_ms
from features.quick_columns import quick_json_column, quick_text_column, quick_texts
from features.spec import RawInput, RawKind, TimeColumn
from features.values import (
    BEYOND_INTEGERS,
    LARGEST_FLOAT32,
    LARGEST_INTEGER_BITS,
    LARGEST_MS,
    MISSING_TEXT,
    MISSING_TIME,
    Value,
    shown,
)

__all__ = [
    "MISSING_TEXT",
    "MISSING_TIME",
    "Unreadable",
    "Value",
    "from_json",
    "from_text",
    "missing",
    "number_from_text",
    "read_column",
    "read_texts",
    "time_from_text",
    "to_array",
]

_NAMES_OF_UTC = ("UTC", "GMT")
_WITH_FRACTION = re.compile(r"-?[0-9]{1,20}\.[0-9]{0,20}")
_SIGNS = "$€£¥₹"
_AMOUNT = re.compile(
    rf"([-+]?)(?:[{_SIGNS}] ?)?([-+]?)([0-9]{{1,3}}(?:,[0-9]{{3}})+|[0-9]+)(\.[0-9]*)?(?: ?[%{_SIGNS}])?"
)
_POINTS_MAY_GROUP = re.compile(r"[^,]*\.[0-9]{3}[^0-9]*")
_PER_SECOND = {"epoch_s": 1, "epoch_ms": 1_000, "epoch_us": 1_000_000}
_EMPTY: dict[RawKind, Callable[[], Value]] = {
    RawKind.TEXT: lambda: MISSING_TEXT,
    RawKind.NUMBER: lambda: math.nan,
    RawKind.TIME: lambda: MISSING_TIME,
    RawKind.TEXTS: list,
}


class Unreadable(NamedTuple):
    """A value that could not be read: its place in the column and the reason."""

    row: int
    reason: str


def missing(raw: RawInput) -> Value:
    """What a missing value of the column is."""
    return _EMPTY[raw.kind]()


def from_text(raw: RawInput, cell: str) -> Value:
    """Read one cell of a text file.

    Raises:
        UnreadableValueError: If the cell is not what the column holds.
    """
    if cell == "":
        return missing(raw)
    match raw.kind:
        case RawKind.TEXT:
            return cell
        case RawKind.NUMBER:
            return number_from_text(cell)
        case RawKind.TIME:
            return time_from_text(raw.time, cell)
        case RawKind.TEXTS:
            return _split(raw, cell)


def from_json(raw: RawInput, value: object) -> Value:
    """Read one value of a JSON document, or of any other typed source.

    Raises:
        UnreadableValueError: If the value is not what the column holds.
    """
    if value is None or value == "":
        return missing(raw)
    match raw.kind:
        case RawKind.TEXT:
            return _text(value)
        case RawKind.NUMBER:
            return _number(value)
        case RawKind.TIME:
            return _time(raw.time, value)
        case RawKind.TEXTS:
            return _texts(raw, value)


def read_column(raw: RawInput, values: Sequence[Any], *, text: bool) -> tuple[list[Value], list[Unreadable]]:
    """Read a whole column; an unreadable value is missing in the result and listed with its reason.

    Args:
        raw: What the column holds.
        values: Cells of a text file (``text=True``), or typed values such as those of JSON.
        text: Whether `from_text` or `from_json` reads them.
    """
    read = from_text if text else from_json
    quick = quick_text_column(raw, values) if text else quick_json_column(raw, values, from_json)
    if quick is not None:
        return quick, []
    column: list[Value] = []
    problems: list[Unreadable] = []
    for index, value in enumerate(values):
        try:
            column.append(read(raw, value))
        except UnreadableValueError as error:
            column.append(missing(raw))
            problems.append(Unreadable(index, str(error)))
    return column, problems


def read_texts(columns: Sequence[Sequence[Any]]) -> NDArray[np.object_] | None:
    """Several whole text columns at once, as `read_column` and `to_array` make them of typed values.

    Args:
        columns: Values of columns of the kind text, all of one length ``n``.

    Returns:
        Texts, shape ``(columns, n)``; None where a value is neither a text nor missing: read each column then.
    """
    return quick_texts(columns) if columns else None


def to_array(raw: RawInput, column: Sequence[Value]) -> NDArray[Any]:
    """The encoder's input for one column of read values: shape ``(n,)``, or ``(n, longest)`` for lists."""
    match raw.kind:
        case RawKind.NUMBER:
            return np.asarray(column, dtype=np.float64).astype(np.float32)
        case RawKind.TIME:
            return np.asarray(column, dtype=np.int64)
        case RawKind.TEXT:
            return np.asarray(column, dtype=object)
        case RawKind.TEXTS:
            return _padded(column)  # type: ignore[arg-type]  # the kind says that these are lists


def time_from_text(how: TimeColumn, cell: str) -> int:
    """Milliseconds since the epoch, UTC, of a time written as `how` says.

    Raises:
        UnreadableValueError: If the text is no such time.
    """
    text = cell.strip()
    if how.format in _PER_SECOND or (how.format == "auto" and text.lstrip("-").isdecimal()):
        return _since_epoch(text, _PER_SECOND.get(how.format, 1000))
    try:
        moment = _moment(how.format, text)
    except ValueError as error:
        expected = "an ISO 8601 time or integer milliseconds" if how.format in {"auto", "iso"} else how.format
        raise UnreadableValueError(f"expected a time ({expected}), got {shown(cell)}") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(how.time_zone))
    return _checked_ms(epoch_ms(moment), cell)


def _moment(pattern: str, text: str) -> datetime:
    if "%" not in pattern:
        return datetime.fromisoformat(text)
    if "%Z" not in pattern:
        return datetime.strptime(text, pattern)  # noqa: DTZ007  # the caller adds the zone
    # Which other names `strptime` knows is the machine's matter, and it says of none what it means.
    name = next((name for name in _NAMES_OF_UTC if name in text.upper()), _NAMES_OF_UTC[0])
    moment = datetime.strptime(text, pattern.replace("%Z", name))  # noqa: DTZ007  # the name is its zone
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def number_from_text(cell: str) -> float:
    """The number that a cell is: a decimal one, or an amount such as ``$1,234.50`` or ``12.3%``.

    Raises:
        UnreadableValueError: If the text is no such number, or none that float32 holds.
    """
    try:
        return _finite(_float(cell))
    except ValueError as error:
        raise UnreadableValueError(f"expected a finite number, got {shown(cell)}") from error


def _float(cell: str) -> float:
    # Python takes "430539_1007" for a number, which is the name of a thing.
    if "_" in cell:
        raise ValueError(cell)
    try:
        return float(cell)
    except ValueError:
        amount = _AMOUNT.fullmatch(cell.strip())
        money = any(sign in cell for sign in _SIGNS)
        if amount is None or (money and _POINTS_MAY_GROUP.fullmatch(cell)):
            raise
        return float("".join(part or "" for part in amount.groups()).replace(",", ""))


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnreadableValueError(f"expected a number, got {shown(value)}")
    try:
        return _finite(float(value))
    except (OverflowError, ValueError) as error:
        raise UnreadableValueError(f"expected a finite number, got {shown(value)}") from error


def _finite(number: float) -> float:
    if not abs(number) <= LARGEST_FLOAT32:
        raise ValueError(number)
    return number


def _text(value: object) -> str:
    if isinstance(value, str):
        if not value.isascii():
            _check_utf8(value)
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value.bit_length() <= LARGEST_INTEGER_BITS:
        return str(value)
    if isinstance(value, float) and abs(value) < BEYOND_INTEGERS:
        return repr(value)
    if isinstance(value, float) and math.isfinite(value):
        raise UnreadableValueError(
            f"expected text or a number of at most 64 bits, got {shown(value)}: write a longer id as text"
        )
    raise UnreadableValueError(f"expected text or a number, got {shown(value)}")


def _check_utf8(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise UnreadableValueError(f"expected text that UTF-8 can write, got {shown(value)}") from error


def _time(how: TimeColumn, value: object) -> int:
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=ZoneInfo(how.time_zone))
        return _checked_ms(epoch_ms(moment), value)
    if isinstance(value, int) and not isinstance(value, bool):
        return _checked_ms(value, value)
    if isinstance(value, str):
        return time_from_text(how, value)
    raise UnreadableValueError(
        f"expected a time (integer milliseconds since the epoch or text), got {shown(value)}"
    )


def _texts(raw: RawInput, value: object) -> list[str]:
    if isinstance(value, str):
        _check_utf8(value)
        return _split(raw, value)
    if isinstance(value, list | tuple):
        return [MISSING_TEXT if token is None else _text(token) for token in value]
    raise UnreadableValueError(f"expected a list of text, got {shown(value)}")


def _split(raw: RawInput, cell: str) -> list[str]:
    listed = raw.separator is None or cell == "[]" or cell.startswith('["')
    values = list_from_text(cell) if listed else None
    if values is not None:
        return [MISSING_TEXT if token is None else _text(token) for token in values]
    if raw.separator is None:
        raise UnreadableValueError(f"expected a list (the column has no separator), got {shown(cell)}")
    return [token.strip() for token in cell.split(raw.separator)]


def _padded(lists: Sequence[Sequence[str]]) -> NDArray[np.object_]:
    lengths = np.fromiter(map(len, lists), np.intp, len(lists))
    padded = np.full((len(lists), lengths.max(initial=0)), MISSING_TEXT, dtype=object)
    tokens = itertools.chain.from_iterable(lists)
    padded[np.arange(padded.shape[1]) < lengths[:, np.newaxis]] = np.fromiter(tokens, object, lengths.sum())
    return padded


def _since_epoch(text: str, per_second: int) -> int:
    if _WITH_FRACTION.fullmatch(text):
        return _checked_ms(math.floor(Decimal(text) * 1000 / per_second), text)
    try:
        time = int(text)
    except ValueError as error:
        raise UnreadableValueError(f"expected a time since the epoch, a number, got {shown(text)}") from error
    return _checked_ms(time * 1000 // per_second, text)


def _checked_ms(time_ms: int, came: object) -> int:
    if abs(time_ms) > LARGEST_MS:
        raise UnreadableValueError(f"expected a time before the year 10000, got {shown(came)}")
    return time_ms
