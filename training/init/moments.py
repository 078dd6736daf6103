"""Which columns hold times, how they are written, and which of them is the time of the impression.

A `Column` comes in; a `TimeGuess` goes out to `training.init.plan`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from features.errors import UnreadableValueError
from features.raw import MISSING_TIME, time_from_text
from features.spec import TimeColumn
from training.init.column import Column

_MS_PER_DAY = 86_400_000
_MS_PER_HOUR = 3_600_000
_EARLIEST = datetime(1985, 1, 1, tzinfo=UTC).timestamp() * 1000
_EARLIEST_DATE = datetime(1900, 1, 1, tzinfo=UTC).timestamp() * 1000
"""Of years, months and days, as of birth; counts of seconds would be any numbers."""
_LATEST = datetime(2100, 1, 1, tzinfo=UTC).timestamp() * 1000
_LATEST_OF_SHORT_YEARS = datetime(2050, 1, 1, tzinfo=UTC).timestamp() * 1000
"""Two digits are read as 1969 to 2068: whoever is born in 1962 would be born in 2062."""
_PROBES = 300
_FEWEST_DIGITS_ALIKE = 3

_BY_DIGITS = {
    8: ("%Y%m%d", "%y%m%d%H"),
    9: ("epoch_s",),
    10: ("%Y%m%d%H", "epoch_s"),
    12: ("%Y%m%d%H%M", "auto"),
    13: ("auto",),
    14: ("%Y%m%d%H%M%S",),
    16: ("epoch_us",),
    17: ("%Y%m%d%H%M%S%f",),
}
"""Digits of an integer -> how it may be written; auto reads integers as milliseconds."""

_WITH_FRACTION = {9: ("epoch_s",), 10: ("epoch_s",), 13: ("epoch_ms",), 16: ("epoch_us",)}
"""Digits before the point, of the shortest."""

_PATTERNS = (
    "auto",
    *(
        f"{date}{clock}"
        for date in (
            "%Y/%m/%d",
            "%d/%m/%Y",
            "%m/%d/%Y",
            "%Y.%m.%d",
            "%d.%m.%Y",
            "%d-%m-%Y",
            "%m-%d-%Y",
            "%d %b %Y",
            "%d %B %Y",
            "%d-%b-%Y",
            "%d-%b-%y",
            "%b %d, %Y",
            "%B %d, %Y",
            "%d/%m/%y",
            "%m/%d/%y",
        )
        for clock in ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
    ),
    # Without a clock it may as well be a version.
    "%d.%m.%y %H:%M",
    "%d.%m.%y %H:%M:%S",
    "%Y-%m-%d %H:%M:%S %Z",
    "%Y-%m-%d %H:%M:%S.%f %Z",
    "%a %b %d %H:%M:%S %Y",
    "%a %b %d %H:%M:%S %Z %Y",
    "%a %b %d %H:%M:%S %z %Y",
    "%a, %d %b %Y %H:%M:%S %Z",
    "%a, %d %b %Y %H:%M:%S %z",
    "%d/%b/%Y:%H:%M:%S %z",
    "%Y-%m-%d-%H",
    "%Y-%m-%d %H",
)

# Possessive: a long cell that is no time is not tried in as many ways as it has digits and signs.
_MAY_BE_TIME = re.compile(r"\D*+\d[^-/.: T]*+[-/.: T]\D*+\d")

_CLOCKS = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p")
_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( [AaPp][Mm])?")

_AMBIGUOUS = frozenset(form for form in _PATTERNS if form.startswith(("%d/%m", "%d-%m", "%m/%d", "%m-%d")))

_WORDS_FOR = frozenset(
    {
        "time",
        "timestamp",
        "ts",
        "date",
        "datetime",
        "hour",
        "dt",
        "day",
        "when",
        "at",
        "ms",
        "event",
        "impression",
        "shown",
    }
)
_WORDS_AGAINST = frozenset(
    {"birth", "birthday", "birthdate", "dateofbirth", "dob", "born", "upload", "uploaded", "release", "released",
     "publish", "published", "listed", "listing", "signup", "register", "registered", "registration", "joined", "expiry", "expires", "end", "last", "first", "since",
     "click", "clicked", "conversion", "until", "update", "updated", "modified", "installed", "status"}
)  # fmt: skip


@dataclass(frozen=True)
class TimeGuess:
    """A column of times.

    Attributes:
        column: The column.
        format: For `TimeColumn`.
        time_ms: Of every kept impression, `MISSING_TIME` where missing, shape ``(n,)``.
        in_order: Share of steps between neighbouring rows that do not go back in time.
    """

    column: Column
    format: str
    time_ms: NDArray[np.int64]
    in_order: float

    @property
    def days(self) -> float:
        """From the earliest time to the latest."""
        known = self.time_ms[self.time_ms != MISSING_TIME]
        return float((known.max() - known.min()) / _MS_PER_DAY)

    @property
    def has_hours(self) -> bool:
        """Whether the times say more than the day."""
        known = self.time_ms[self.time_ms != MISSING_TIME]
        return len(np.unique(known % _MS_PER_DAY)) > 1

    @property
    def likeness(self) -> float:
        """How much it looks like the time of the impression; above 0 it may be taken for it."""
        if self.column.missing > 0.005 or self.column.distinct < 2:
            return -1.0
        words = self.column.words
        named = 2.0 * bool(words & _WORDS_FOR) - 4.0 * bool(words & _WORDS_AGAINST)
        order = 2.0 if self.in_order > 0.999 else 1.0 if self.in_order > 0.9 else 0.0
        return named + order + 0.5 * self.has_hours + 0.1 * min(1.0, self.column.distinct / 1000)


def guess_time(column: Column) -> TimeGuess | None:
    """The times of a column, if every value of it is one."""
    if column.lists:
        return None
    texts = column.texts.filter(column.present).unique(maintain_order=True).to_list()
    if not texts or _is_row_number(column):
        return None
    probes = texts[:: max(1, len(texts) // _PROBES)]
    for form in _formats(probes):
        known = _read(probes, form)
        if known is None or not _plausible(column, form, known.values()):
            continue
        known = _read(texts, form)
        if known is not None:
            found = _guess(column, form, known)
            twin = _read(texts, _swapped(form))
            return found if twin is None else _likelier(found, _guess(column, _swapped(form), twin))
    return None


def guess_clock(column: Column) -> TimeGuess | None:
    """The times of day of a column, if every value of it is one and they do not all fall into one hour.

    The day that stands before them is of no meaning.
    """
    if column.lists or column.numbers is not None:
        return None
    texts = column.texts.filter(column.present).unique(maintain_order=True).to_list()
    if not all(_CLOCK.fullmatch(text.strip()) for text in texts):
        return None
    for form in _CLOCKS:
        known = _read(texts, form)
        if known is not None:
            hours = {time_ms // _MS_PER_HOUR for time_ms in known.values()}
            return _guess(column, form, known) if len(hours) > 1 else None
    return None


def _swapped(form: str) -> str:
    """The same with day and month the other way round, where there are both as numbers."""
    return form.translate({ord("d"): "m", ord("m"): "d"}) if form in _AMBIGUOUS else form


def _likelier(one: TimeGuess, other: TimeGuess) -> TimeGuess:
    """Of two ways to read the same texts the one that keeps the rows in order, or else has them closer together."""
    return min(one, other, key=lambda guess: (-round(guess.in_order, 3), guess.days))


def _guess(column: Column, form: str, known: dict[str, int]) -> TimeGuess:
    time_ms = np.asarray([known.get(text, MISSING_TIME) for text in column.texts.to_list()], dtype=np.int64)
    present = time_ms[time_ms != MISSING_TIME]
    in_order = float((np.diff(present) >= 0).mean()) if len(present) > 1 else 0.0
    return TimeGuess(column, form, time_ms, in_order)


def _formats(probes: list[str]) -> Iterable[str]:
    if all(text.strip().isdecimal() for text in probes):
        lengths = {len(text.strip()) for text in probes}
        if lengths == {9, 10}:
            return ("epoch_s",)
        return _BY_DIGITS.get(lengths.pop(), ()) if len(lengths) == 1 else ()
    if all(re.fullmatch(r"[0-9]+\.[0-9]+", text.strip()) for text in probes):
        return _WITH_FRACTION.get(min(len(text.strip().partition(".")[0]) for text in probes), ())
    # Cheaper than trying to read every text that is no time at all.
    return _PATTERNS if all(map(_MAY_BE_TIME.match, probes[:20])) else ()


def _read(texts: list[str], form: str) -> dict[str, int] | None:
    how = TimeColumn(format=form)
    try:
        return {text: time_from_text(how, text) for text in texts}
    except UnreadableValueError:
        return None


def _plausible(column: Column, form: str, times: Iterable[int]) -> bool:
    known = list(times)
    dated = "%" in form or column.numbers is None
    earliest = _EARLIEST_DATE if dated else _EARLIEST
    latest = _LATEST_OF_SHORT_YEARS if "%y" in form else _LATEST
    if not earliest < min(known) <= max(known) < latest:
        return False
    # A few integers may be anything: their name must speak for a time.
    return column.numbers is None or len(known) >= _FEWEST_DIGITS_ALIKE or bool(column.words & _WORDS_FOR)


def _is_row_number(column: Column) -> bool:
    """Whether it counts the rows: integers that rise by the same step, and no name that speaks for a time."""
    if column.numbers is None or len(column.numbers) < 3 or column.words & _WORDS_FOR:
        return False
    steps = np.unique(np.diff(column.numbers))
    return len(steps) == 1 and steps[0] != 0
