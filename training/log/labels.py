"""What a cell of the label column must be to be a click or none.

Values of the label column come in; 0 and 1 go out to the log reader.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CLICKED: dict[object, int] = {
    "0": 0,
    "1": 1,
    "0.0": 0,
    "1.0": 1,
    "false": 0,
    "true": 1,
    # 0.0 and False, 1.0 and True are the same keys.
    0: 0,
    1: 1,
}


def read_labels(
    values: Sequence[Any], positive: Sequence[str] = ()
) -> tuple[NDArray[np.int8], dict[int, str]]:
    """Read a label column.

    Args:
        values: Cells of text or typed values, length ``n``.
        positive: Texts that mean a click; every other value means none. Without them, only 0 and 1, false and true
            are labels.

    Returns:
        0 or 1 for every row, shape ``(n,)``, and the reason for every row (by its place) that is neither.
    """
    if positive:
        return _read_named(values, positive)
    try:
        return np.asarray([_CLICKED[value] for value in values], dtype=np.int8), {}
    except (KeyError, TypeError):
        return _read_one_by_one(values)


def _read_one_by_one(values: Sequence[Any]) -> tuple[NDArray[np.int8], dict[int, str]]:
    clicked = np.zeros(len(values), dtype=np.int8)
    reasons: dict[int, str] = {}
    for place, value in enumerate(values):
        label = _label(value)
        if label is None:
            reasons[place] = _reason(value)
        else:
            clicked[place] = label
    return clicked, reasons


def _read_named(values: Sequence[Any], positive: Sequence[str]) -> tuple[NDArray[np.int8], dict[int, str]]:
    wanted = {label_key(value) for value in positive}
    keys = [label_key(value) for value in values]
    reasons = {place: "expected a label, got nothing" for place, key in enumerate(keys) if key is None}
    return np.asarray([key in wanted for key in keys], dtype=np.int8), reasons


def label_key(value: object) -> str | float | None:
    """What makes two labels the same: the number they say, or else their text without the spaces around it.

    None for what says nothing; so 1, 1.0 and "1" are one label, and so are true and "true".
    """
    if isinstance(value, bool):
        return str(value).lower()
    text = "" if value is None else str(value).strip()
    try:
        number = float(text)
    except ValueError:
        return text or None
    return None if math.isnan(number) else number


def _label(value: object) -> int | None:
    if isinstance(value, str):
        return _CLICKED.get(value if value in _CLICKED else value.strip().lower())
    return _CLICKED.get(value) if isinstance(value, bool | int | float) else None


def _reason(value: object) -> str:
    return "expected 0 or 1, got nothing" if value in (None, "") else f"expected 0 or 1, got {value!r:.60}"
