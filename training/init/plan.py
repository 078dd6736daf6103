"""All decisions about an unknown log, in their order: time, keys, sides, leaks, kinds, cuts.

A `Question` comes in; a `Draft` goes out to `training.init.document`, which writes it down.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.raw import MISSING_TEXT, MISSING_TIME
from features.spec import Side
from history import has_moment
from training.errors import DataError
from training.init.choice import Choice, with_own_names
from training.init.column import Column
from training.init.cuts import Cuts, choose_cuts
from training.init.defaults import CLEAR_FREQUENCY, FEWEST_CLICKS_TO_COUNT, LARGEST_SEGMENT, are_few
from training.init.keys import guess_key, side_of
from training.init.kinds import Log, choose, left_out
from training.init.leaks import Strength, leak_reason, outlier_note, strengths
from training.init.moments import TimeGuess, guess_clock, guess_time
from training.init.past import counted, staleness
from training.init.reading import Question, Seen, see
from training.init.signal import frequency_effect
from training.init.times import choose_time, clock_choice, impression_choice
from training.progress import Progress
from training.univariate import EARLIER

_MOSTLY_COUNTED = 0.99
"""Share of the times that history must know; the rest may be clocks that were wrong, and is refused row by row."""


@dataclass(frozen=True)
class Draft:
    """A task that is not yet written.

    Attributes:
        seen: The log.
        time: The time of the impression; None where the order of the rows stands for it.
        cuts: Shares at which the later slices begin.
        keys: Side -> column that identifies users or items.
        times: Every column of times, and of times of day.
        choices: What becomes of each column but the label.
        history: What is counted of the past, as entries of ``features.history``.
        stale: How old the counts may be where files are scored, as a duration.
        segments: Columns by which the report repeats its figures.
    """

    seen: Seen
    time: TimeGuess | None
    cuts: Cuts
    keys: dict[Side, Column]
    times: tuple[TimeGuess, ...]
    choices: tuple[Choice, ...]
    history: tuple[dict[str, Any], ...]
    stale: str
    segments: tuple[str, ...]

    @property
    def ids(self) -> int:
        """The largest number of distinct values that a column of ids has."""
        return max(
            (
                choice.distinct
                for choice in self.choices
                for entry in choice.features
                if entry["kind"] in {"categorical", "hashed"}
            ),
            default=1,
        )


def draft(question: Question, progress: Progress) -> Draft:
    """Look at a log and decide.

    Raises:
        DataError: If the log cannot be used; see `see` and `choose_cuts`.
    """
    seen = see(question, progress)
    keys = _keys(seen)
    times = {column.name: guess for column in seen.columns if (guess := guess_time(column)) is not None}
    clocks = {
        column.name: guess
        for column in seen.columns
        if column.name not in times and (guess := guess_clock(column)) is not None
    }
    sides = {column.name: side_of(column, keys) for column in seen.columns}
    time = _impression_time(times, sides)
    cuts = choose_cuts(None if time is None else time.time_ms, seen.clicked)
    if not cuts.by_time:
        time = None
    learned = _learned(time, len(seen.clicked))
    log = Log(seen.glimpse.rows, seen.glimpse.stride, seen.clicked, learned, _order(time, len(learned)))
    strong = strengths([_as_read(column, times, time) for column in seen.columns], seen.clicked, learned)
    leaks = _leaks(seen, sides, strong)
    if any(key.name in leaks for key in keys.values()):
        keys = _keys(seen, without=leaks)
        sides = {column.name: side_of(column, keys) for column in seen.columns}
    chooser = _Chooser(log, keys, sides, strong, leaks, times, clocks, time)
    choices = with_own_names([chooser.choose(column) for column in seen.columns])
    if not any(choice.features for choice in choices):
        reasons = "; ".join(f"{choice.column!r} {choice.note}" for choice in choices[:10])
        raise DataError(
            f"expected a column that a model can learn from, got none: {reasons or 'only a label'}"
        )
    return Draft(
        seen=seen,
        time=time,
        cuts=cuts,
        keys=keys,
        times=(*times.values(), *clocks.values()),
        choices=choices,
        history=counted(choices, keys, seen.glimpse.rows, _telling(seen)) if _can_count(seen, time) else (),
        stale=staleness(time, cuts, seen.glimpse.rows),
        segments=_segments(choices, strong),
    )


def _can_count(seen: Seen, time: TimeGuess | None) -> bool:
    """Whether there is something to count, at times that history knows."""
    if are_few(seen.clicks, seen.glimpse.rows, FEWEST_CLICKS_TO_COUNT):
        return False
    known = None if time is None else time.time_ms[time.time_ms != MISSING_TIME]
    return known is None or float(has_moment(known).mean()) > _MOSTLY_COUNTED


def _telling(seen: Seen) -> set[str]:
    """Columns whose frequent values are clicked clearly more, or less, than their rare ones."""
    effects = {
        column.name: frequency_effect(column, seen.clicked) for column in seen.columns if not column.lists
    }
    return {name for name, effect in effects.items() if abs(effect) > CLEAR_FREQUENCY}


def _keys(seen: Seen, without: Collection[str] = ()) -> dict[Side, Column]:
    """The tables' keys, or else the columns of the log whose names say so, but for those ``without``."""
    by_name = {column.name: column for column in seen.columns if column.side is None}
    log_columns = [column for name, column in by_name.items() if name not in without]
    found = {
        side: by_name[seen.keys[side]]
        if side in seen.keys
        else guess_key(log_columns, side, seen.glimpse.rows)
        for side in (Side.USER, Side.ITEM)
    }
    return {side: column for side, column in found.items() if column is not None}


def _leaks(seen: Seen, sides: dict[str, Side], strong: dict[str, Strength]) -> dict[str, str]:
    """Column that knows the click -> the reason; a table cannot be joined without its key, so that one stays."""
    reasons = {
        column.name: leak_reason(column, seen.clicked, strong[column.name], sides[column.name])
        for column in seen.columns
        if column.name not in seen.keys.values()
    }
    return {name: reason for name, reason in reasons.items() if reason is not None}


def _as_read(column: Column, times: Mapping[str, TimeGuess], time: TimeGuess | None) -> Column:
    """The column, or how long before the impression its times are, as a feature would read them."""
    other = times.get(column.name)
    if time is None or other is None or other is time:
        return column
    known = (other.time_ms != MISSING_TIME) & (time.time_ms != MISSING_TIME)
    ages = np.where(known, time.time_ms - other.time_ms, np.nan)
    texts = pl.Series(ages).fill_nan(None).cast(pl.String).fill_null(MISSING_TEXT)
    return replace(column, texts=texts, numbers=ages)


def _impression_time(times: dict[str, TimeGuess], sides: dict[str, Side]) -> TimeGuess | None:
    candidates = [
        guess
        for name, guess in times.items()
        if guess.column.side is None and sides[name] is Side.CONTEXT and guess.likeness > 0
    ]
    return max(candidates, key=lambda guess: guess.likeness, default=None)


def _learned(time: TimeGuess | None, rows: int) -> NDArray[np.bool_]:
    """The earlier impressions, from which columns are judged on the later ones."""
    order = np.arange(rows) if time is None else time.time_ms
    learned: NDArray[np.bool_] = order <= np.quantile(order, EARLIER)
    return learned if not learned.all() else np.arange(rows) <= EARLIER * rows


def _order(time: TimeGuess | None, rows: int) -> NDArray[np.intp]:
    """Places of the impressions in the order of time."""
    return np.arange(rows) if time is None else np.argsort(time.time_ms, kind="stable")


@dataclass(frozen=True)
class _Chooser:
    """Asks about one column after the other."""

    log: Log
    keys: dict[Side, Column]
    sides: dict[str, Side]
    strengths: dict[str, Strength]
    leaks: dict[str, str]
    times: dict[str, TimeGuess]
    clocks: dict[str, TimeGuess]
    time: TimeGuess | None

    def choose(self, column: Column) -> Choice:
        side = self.sides[column.name]
        if self.time is not None and column.name == self.time.column.name:
            return impression_choice(self.time)
        key = any(key.name == column.name for key in self.keys.values())
        if column.name in self.leaks:
            return left_out(column, self.leaks[column.name])
        if column.name in self.times:
            return choose_time(self.times[column.name], side, self.time)
        if column.name in self.clocks:
            return clock_choice(self.clocks[column.name], side)
        choice = choose(column, side, self.log, key=key)
        warning = outlier_note(self.strengths[column.name]) if choice.features else ""
        return replace(choice, note=f"{choice.note}; {warning}") if warning else choice


def _segments(choices: Sequence[Choice], strong: dict[str, Strength]) -> tuple[str, ...]:
    """The column with few values that tells the most."""
    usable = [
        choice.column
        for choice in choices
        if choice.kind == "categorical" and 2 <= choice.distinct <= LARGEST_SEGMENT
    ]
    return tuple(sorted(usable, key=lambda name: -strong[name].auc)[:1])
