"""What to count of the past: columns of ids come in, entries of ``features.history`` and the age of the state go out.

`training.init.plan` gathers them and `training.init.document` writes them.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from features.spec import Side
from training.init.choice import Choice
from training.init.column import Column
from training.init.cuts import Cuts
from training.init.defaults import FEWEST_TO_COUNT, FEWEST_VALUES_TO_COUNT, MOST_COUNTED, MOST_PAIRS
from training.init.moments import TimeGuess
from training.init.signal import repetition

_UNITS_MS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}


def counted(
    choices: Iterable[Choice], columns: Mapping[str, Column], keys: Mapping[Side, Column]
) -> tuple[dict[str, Any], ...]:
    """Activities of the columns whose values come back, the ones with the most values first, and of users with them.

    Args:
        choices: What becomes of every column.
        columns: Every column by name.
        keys: Columns that identify users and items.
    """
    worth = sorted(
        (choice for choice in choices if _is_worth_counting(choice, columns[choice.column])),
        key=lambda choice: -choice.distinct,
    )
    singles = [[choice.column] for choice in worth[:MOST_COUNTED]]
    user = keys.get(Side.USER)
    pairs = []
    if user is not None and [user.name] in singles:
        others = [
            choice.column for choice in choices if _makes_pairs(choice) and choice.side is not Side.USER
        ]
        pairs = [[user.name, other] for other in others[:MOST_PAIRS]]
    return tuple(_activity(of) for of in (*singles, *pairs))


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


def _is_worth_counting(choice: Choice, column: Column) -> bool:
    by_value = choice.kind in {"categorical", "hashed"}
    return by_value and choice.distinct >= FEWEST_VALUES_TO_COUNT and repetition(column) >= FEWEST_TO_COUNT


def _makes_pairs(choice: Choice) -> bool:
    return choice.kind in {"categorical", "multi"} and choice.distinct >= 2


def _activity(of: list[str]) -> dict[str, Any]:
    return {"kind": "activity", "name": "_".join([*of, "past"]), "of": of, "since": False}
