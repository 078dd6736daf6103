"""What a raw value is once it is read, how large it may be, and how a message shows it; `features.raw` reads values one by one, `features.quick_columns` whole columns."""

import json

import numpy as np

MISSING_TEXT = ""
MISSING_TIME = -(2**63)
"""Stands for a missing time: the smallest int64, which no clock shows."""

Value = str | float | int | list[str]
"""One raw value: text, a float (NaN when missing), milliseconds since the epoch, or a list of text."""

LARGEST_MS = 253_402_300_799_999
"""The end of the year 9999, in milliseconds since the epoch."""
LARGEST_INTEGER_BITS = 512
"""Far beyond any id, and Python writes no integer of any size."""
BEYOND_INTEGERS = 2.0**64
"""From here on readers of JSON make a float of an integer, and of neighbouring ids the same one."""
LARGEST_FLOAT32 = float(np.finfo(np.float32).max)


def shown(value: object) -> str:
    """Any value, short enough for a message and in UTF-8; what JSON has other words for than Python is in the words of JSON."""
    if value is None or isinstance(value, bool | list | dict):
        try:
            text = json.dumps(value, default=repr, ensure_ascii=False)
        except RecursionError:
            text = "something nested too deeply"
    else:
        text = repr(value)
    text = text if len(text) <= 60 else f"{text[:57]}..."
    return text.encode(errors="backslashreplace").decode()
