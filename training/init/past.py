"""What to count of the past: columns of ids come in, entries of ``features.history`` and the age of the state go out.

`training.init.plan` gathers them and `training.init.document` writes them.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from features.spec import Side
from training.init.choice import Choice, unused
from training.init.column import Column
from training.init.cuts import Cuts
from training.init.defaults import (
    FEWEST_TO_COUNT,
    FEWEST_VALUES_TO_COUNT,
    MOST_COUNTED,
    MOST_PAIRS,
    MOST_ROWS_FOR_PAIRS,
    MOST_VALUES_TO_COUNT,
)
from training.init.moments import TimeGuess

_ENDS = ("_rate", "_impressions", "_clicks")
"""Of the names of an activity's features and columns."""

_UNITS_MS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}


def counted(
    choices: Sequence[Choice], keys: Mapping[Side, Column], rows: int, telling: Collection[str]
) -> tuple[dict[str, Any], ...]:
    """Activities of the columns whose values come back, those with the most values first, and of users with others.

    Args:
        choices: What becomes of every column.
        keys: Columns that identify users and items.
        rows: Of the whole log.
        telling: Columns of which it tells something how often a value came. The network sees the counts of no other: all
            of them grow with the log, and it may take them for a clock, which goes on after the log as nothing else does.
    """
    worth = sorted(
        (choice for choice in choices if _is_worth_counting(choice, rows)),
        key=lambda choice: -choice.distinct,
    )
    singles = [[choice.column] for choice in worth[:MOST_COUNTED]]
    user = keys.get(Side.USER)
    if user is None or [user.name] not in singles or rows > MOST_ROWS_FOR_PAIRS:
        return _activities(singles, choices, telling)
    others = [choice.column for choice in choices if choice.side is not Side.USER and _makes_pairs(choice)]
    pairs = [[user.name, other] for other in others[:MOST_PAIRS]]
    return _activities([*singles, *pairs], choices, telling)


def staleness(time: TimeGuess | None, cuts: Cuts, rows: int) -> str:
    """How long the held-out slices last: the state of a version that scores a file may be as old as that.

    Args:
        time: Of the impressions; None where a row stands for a millisecond.
        cuts: Where the slices begin.
        rows: Of the whole log.
    """
    begins = cuts.validation_from
    if time is None:
        return f"{round(rows * (1.0 - begins))}ms"
    lasts = int(time.time_ms.max() - np.quantile(time.time_ms, begins))
    unit, length = next(
        (unit, length) for unit, length in _UNITS_MS.items() if lasts >= 3 * length or unit == "ms"
    )
    return f"{max(1, round(lasts / length))}{unit}"


def _is_worth_counting(choice: Choice, rows: int) -> bool:
    by_value = choice.kind in {"categorical", "hashed"}
    enough = rows * (1.0 - choice.missing) >= FEWEST_TO_COUNT * choice.distinct
    return by_value and FEWEST_VALUES_TO_COUNT <= choice.distinct <= MOST_VALUES_TO_COUNT and enough


def _makes_pairs(choice: Choice) -> bool:
    return choice.kind in {"categorical", "multi"}


def _activities(
    keys: Sequence[list[str]], choices: Sequence[Choice], telling: Collection[str]
) -> tuple[dict[str, Any], ...]:
    """One for each key; the names of its columns begin with its own."""
    taken = {
        name for choice in choices for entry in choice.features for name in (choice.column, entry["name"])
    }
    activities: list[dict[str, Any]] = []
    for of in keys:
        name = unused("_".join([*of, "past"]), taken, _ENDS)
        taken.update(f"{name}{end}" for end in _ENDS)
        silent = {} if len(of) == 1 and of[0] in telling else {"counts": False}
        activities.append({"kind": "activity", "name": name, "of": of, **silent, "since": False})
    return tuple(activities)
