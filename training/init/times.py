"""What becomes of columns with times: parts of the day and week, ages, or nothing.

A `TimeGuess` comes in; a `Choice` goes out to `training.init.plan`.
"""

from typing import Any

import numpy as np

from features.raw import MISSING_TIME
from features.spec import Side
from training.init.choice import Choice
from training.init.kinds import left_out
from training.init.moments import TimeGuess

_DAYS_FOR_HOURS = 2
_DAYS_FOR_WEEKDAYS = 14
_SAME_MS = 2 * 86_400_000


def impression_choice(time: TimeGuess) -> Choice:
    """Features of the time of the impression: only those that come round again within the log."""
    column = time.column
    parts = [
        part
        for part, useful in (
            ("hour", time.has_hours and time.days >= _DAYS_FOR_HOURS),
            ("weekday", time.days >= _DAYS_FOR_WEEKDAYS),
        )
        if useful
    ]
    entries = tuple(_time_part(column.name, part) for part in parts)
    note = (
        "time of the impression; time_zone may be set to that of the users"
        if parts
        else "time of the impression"
    )
    return Choice(column.name, "time", Side.CONTEXT, entries, note, column.distinct, column.missing)


def clock_choice(clock: TimeGuess, side: Side) -> Choice:
    """The hour of a column of times of day."""
    column = clock.column
    entry = _time_part(column.name, "hour")
    return Choice(column.name, "time", side, (entry,), "a time of day", column.distinct, column.missing)


def _time_part(column: str, part: str) -> dict[str, Any]:
    return {
        "kind": "time_part",
        "name": f"{column}_{part}",
        "column": column,
        "part": part,
        "time_zone": "UTC",
    }


def choose_time(times: TimeGuess, side: Side, impression: TimeGuess | None) -> Choice:
    """The age of something at the time of the impression, if that is known and differs."""
    column = times.column
    if impression is None:
        return left_out(
            column, f"a time ({times.format}), and there is no time of the impression to compare it with"
        )
    both = (times.time_ms != MISSING_TIME) & (impression.time_ms != MISSING_TIME)
    away = np.abs(times.time_ms[both] - impression.time_ms[both])
    if len(away) and float((away < _SAME_MS).mean()) > 0.99:
        return left_out(
            column, f"says the same as {impression.column.name}, which is the time of the impression"
        )
    entry: dict[str, Any] = {
        "kind": "age",
        "name": f"{column.name}_age",
        "column": column.name,
        "at": impression.column.name,
    }
    if column.missing > 0:
        entry["indicator"] = True
    return Choice(
        column.name,
        "age",
        side,
        (entry,),
        "days from then to the impression",
        column.distinct,
        column.missing,
    )
