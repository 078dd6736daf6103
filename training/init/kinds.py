"""Which kind of feature a column becomes.

A `Column` and what is known of the log come in; entries of the task file, with the reason, go out to
`training.init.plan`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.spec import Side
from features.values import BEYOND_INTEGERS
from training.init.choice import Choice
from training.init.column import Column
from training.init.defaults import (
    HASH_BUCKETS,
    HASHED_ABOVE,
    INTEGERS_AS_CATEGORIES,
    buckets_for,
    defaults_for,
)
from training.init.lists import Splitting, splitting_of
from training.init.numbers import is_far_and_dense, is_heavy_tailed, sentinels
from training.init.signal import clearly_less, come_once, crossed_losses, repetition, seen_before, value_codes
from training.univariate import bin_codes

_CODE_WORDS = frozenset(
    {"id", "ids", "code", "type", "cat", "category", "class", "zip", "postcode", "zipcode", "hash", "region", "city",
     "country", "state", "brand", "site", "app", "uid", "iid", "pid", "uuid", "ip"}
)  # fmt: skip
_THINGS = frozenset(
    {"os", "channel", "browser", "platform", "device", "carrier", "publisher", "advertiser", "merchant", "seller", "vendor",
     "store", "shop", "company", "agent", "occupation", "customer", "user", "member", "account", "item", "product", "article"}
)  # fmt: skip
"""Names of columns that are made of nothing else are those of codes."""
_AMOUNT_WORDS = frozenset(
    {"age", "price", "cost", "amount", "count", "cnt", "num", "number", "score", "rate", "ratio", "days", "hours",
     "minutes", "seconds", "ms", "sec", "length", "len", "size", "height", "width", "weight", "income", "balance", "gain",
     "loss", "duration", "year", "distance", "avg", "mean", "sum", "total", "ctr", "freq", "recency", "popularity", "views"}
)  # fmt: skip
_PERIODS = frozenset({"day", "date", "week", "month", "quarter", "year", "period"})
_UNIQUE = 0.9
_SHORT_RANGE = 3
_FREE_TEXT = 40
_MOST_LONG_NAMES = 1000
_SEEN_AGAIN = 0.05
_MOSTLY_SEEN = 0.5
_BEFORE_AND_AFTER = 2
_LARGE_IF_REPEATED = 1e6
_LARGE = 1e7
"""From such a median on, whole numbers without a long tail are taken for names."""
_FAR_LESS = 5.0
"""Standard errors by which the order of names must tell more than the names: a column of ids is not lightly a number."""
_PADDED = r"^\s*0[0-9]"
_STRAY = 0.001
_MIDNIGHT = 2400
"""As hour and minute, which is a number: 0930 is between 0929 and 0931."""


@dataclass(frozen=True)
class Log:
    """What every choice needs to know of the log.

    Attributes:
        rows: Of the whole log.
        stride: Every so many-th row was kept.
        clicked: Labels of the kept impressions, shape ``(n,)``.
        learned: The earlier ones among them, shape ``(n,)``.
        order: Their places in the order of time, shape ``(n,)``.
    """

    rows: int
    stride: int
    clicked: NDArray[np.int8]
    learned: NDArray[np.bool_]
    order: NDArray[np.intp]


def choose(column: Column, side: Side, log: Log, *, key: bool) -> Choice:
    """The features of a column that is no time and no leak.

    Args:
        column: The column.
        side: Where it belongs.
        log: Around it.
        key: Whether it identifies users or items.
    """
    reason = useless(column, log, key=key)
    if reason is not None:
        return left_out(column, reason)
    if (key or _is_named_code(column)) and _has_rounded(column):
        return left_out(column, "numbers of more than 64 bits, which were rounded: write such ids as text")
    splitting = None if key or column.numbers is not None else splitting_of(column)
    if splitting is not None:
        return _multi(column, side, splitting, log)
    number = (
        None if key or column.numbers is None or _is_code(column, column.numbers, log) else column.numbers
    )
    if not key and _goes_by(column, log) and (number is None or _runs_on(number[log.order])):
        return left_out(
            column, "its values go by with time: later impressions have others, which nobody has seen"
        )
    return _category(column, side, log, key=key) if number is None else _number(column, number, side, log)


def left_out(column: Column, reason: str) -> Choice:
    """The choice to leave a column out."""
    return Choice(column.name, "left out", None, (), reason, column.distinct, column.missing)


def useless(column: Column, log: Log, *, key: bool) -> str | None:
    """Why nothing can be learned from a column; None if something can."""
    if not column.present.any():
        return (
            "no value at all"
            if column.distinct <= 1
            else "no value that any kind of feature reads, such as objects"
        )
    if column.distinct == 1 and column.missing == 0:
        return "one value only, which tells a model nothing"
    numbers = column.numbers
    if _is_unique(column, log) and (
        numbers is None or key or _is_named_code(column) or _counts_rows(numbers, log)
    ):
        return "a different value in nearly every row: nothing to learn from"
    if not key and _is_free_text(column, log):
        return "free text: no kind of feature reads it"
    counted = log.stride == 1 or repetition(column) >= 3
    if counted and column.numbers is None and seen_before(column, log.learned) < _SEEN_AGAIN:
        return "its values do not come back: hardly any later impression has one that was seen before"
    return None


def _goes_by(column: Column, log: Log) -> bool:
    """Whether the values come one after the other and never again, as days and weeks do."""
    named = bool(column.words & _PERIODS)
    others = column.distinct > _BEFORE_AND_AFTER and seen_before(column, log.learned) < _MOSTLY_SEEN
    return come_once(column, log.order) and (named or others)


def _runs_on(numbers: NDArray[np.float64]) -> bool:
    """Whether numbers in the order of time only rise, or only fall, as a clock does."""
    steps = np.diff(numbers[~np.isnan(numbers)])
    return bool((steps >= 0).all() or (steps <= 0).all())


def _is_free_text(column: Column, log: Log) -> bool:
    """Whether a column holds sentences that hardly ever come back; what has no spaces is a name, however long."""
    if column.numbers is not None or column.lists or column.distinct <= _MOST_LONG_NAMES:
        return False
    known = column.texts.filter(column.present)
    sentences = (known.str.len_chars() > _FREE_TEXT) & known.str.contains(" ", literal=True)
    rare = log.rows * (1 - column.missing) < 2 * column.distinct
    return rare and int(sentences.sum()) > len(known) / 2


def _is_unique(column: Column, log: Log) -> bool:
    return column.side is None and column.distinct > _UNIQUE * log.rows * (1 - column.missing)


def _counts_rows(numbers: NDArray[np.float64], log: Log) -> bool:
    """Whether unique numbers only rise or fall, or were handed out: drawn from so short a range, some would be alike."""
    steps = np.diff(numbers)
    short = float(np.ptp(numbers)) < _SHORT_RANGE * log.rows
    return bool((numbers == np.floor(numbers)).all() and ((steps > 0).all() or (steps < 0).all() or short))


def _is_code(column: Column, numbers: NDArray[np.float64], log: Log) -> bool:
    """Whether a column of numbers is really one of names."""
    if not column.integers or _has_rounded(column):
        return False
    known = numbers[~np.isnan(numbers)]
    if len(np.unique(known)) <= INTEGERS_AS_CATEGORIES:
        return True
    if column.words & _AMOUNT_WORDS:
        return False
    if _is_named_code(column):
        return not _is_in_order(column, numbers, log)
    return not _is_unique(column, log) and _says_more_by_value(column, numbers, log)


def _is_in_order(column: Column, numbers: NDArray[np.float64], log: Log) -> bool:
    """Whether names were given in an order that tells far more than each of them, such as when somebody came first."""
    by_value = crossed_losses(value_codes(column), log.clicked)
    by_chance, *by_size = _losses_by_size(numbers, log.clicked)
    others = (by_value, by_chance)
    return any(all(clearly_less(losses, other, _FAR_LESS) for other in others) for losses in by_size)


def _has_rounded(column: Column) -> bool:
    """Whether some are floats so large that no feature reads them as names; digits in a cell of text are not."""
    if column.numbers is None:
        return False
    floats = column.texts.str.contains("e+", literal=True).to_numpy()
    return bool((floats & (np.abs(column.numbers) >= BEYOND_INTEGERS)).any())


def _says_more_by_value(column: Column, numbers: NDArray[np.float64], log: Log) -> bool:
    """Whether clicks follow single values rather than sizes; where they follow neither, whether the sizes are those of names."""
    by_value = crossed_losses(value_codes(column), log.clicked)
    by_size = _losses_by_size(numbers, log.clicked)
    if all(clearly_less(by_value, losses) for losses in by_size):
        return True
    if any(clearly_less(losses, by_value) and clearly_less(losses, by_size[0]) for losses in by_size[1:]):
        return False
    return _looks_handed_out(column, numbers)


def _looks_handed_out(column: Column, numbers: NDArray[np.float64]) -> bool:
    """Whether whole numbers are written or spread as names are that were given one after the other, such as 01067 or 100417."""
    known = numbers[~np.isnan(numbers) & ~np.isin(numbers, sentinels(numbers))]
    padded = int(column.texts.str.contains(_PADDED).sum()) > _STRAY * len(column.texts)
    if padded and not (known.max() <= _MIDNIGHT and (known % 100 < 60).all()):
        return True
    large = float(np.median(known)) >= (_LARGE_IF_REPEATED if repetition(column) >= 2 else _LARGE)
    return (large and not is_heavy_tailed(known)) or is_far_and_dense(known)


def _losses_by_size(numbers: NDArray[np.float64], clicked: NDArray[np.int8]) -> list[NDArray[np.float64]]:
    """Losses where the numbers say nothing, and where their size says something, in a few bins and in many."""
    return [crossed_losses(bin_codes(numbers, bins), clicked) for bins in (1, 16, 64)]


def _is_named_code(column: Column) -> bool:
    joined = any(word.endswith("id") and len(word) > 5 and word != "android" for word in column.words)
    return joined or bool(column.words & _CODE_WORDS) or bool(column.words and column.words <= _THINGS)


def _category(column: Column, side: Side, log: Log, *, key: bool) -> Choice:
    what = "key" if key else ("integer code" if column.numbers is not None else "text")
    if column.distinct > HASHED_ABOVE:
        entry = {"kind": "hashed", "name": column.name, "buckets": HASH_BUCKETS}
        note = f"{what} with too many values for a vocabulary"
    else:
        few = column.distinct <= 100
        entry = {"kind": "categorical", "name": column.name}
        min_count = 2 if few else defaults_for(log.rows).min_count
        if min_count != 2:
            entry["min_count"] = min_count
        note = what if key or column.numbers is not None else ("few values" if few else "many values")
    return _chosen(column, side, (entry,), note)


def _multi(column: Column, side: Side, splitting: Splitting, log: Log) -> Choice:
    entry: dict[str, Any] = {
        "kind": "multi",
        "name": column.name,
        "separator": splitting.separator,
        "max_length": splitting.max_length,
    }
    min_count = defaults_for(log.rows).min_count
    if min_count != 2:
        entry["min_count"] = min_count
    note = f"lists, {splitting.mean:.1f} tokens each"
    return Choice(column.name, "multi", side, (entry,), note, splitting.tokens, column.missing)


def _number(column: Column, numbers: NDArray[np.float64], side: Side, log: Log) -> Choice:
    odd = sentinels(numbers)
    known = numbers[~np.isnan(numbers) & ~np.isin(numbers, odd)]
    heavy = is_heavy_tailed(known)
    numeric: dict[str, Any] = {
        "kind": "numeric",
        "name": column.name,
        "scale": "log" if heavy else "standard",
    }
    shared: dict[str, Any] = {"missing_values": [_plain(value) for value in odd]} if odd else {}
    if odd or column.missing > 0:
        numeric["indicator"] = True
    notes = ["long tail" if heavy else "number"]
    if odd:
        notes.append(f"{', '.join(str(_plain(value)) for value in odd)} means missing")
    notes += _as_sent(column, numbers)
    _, counts = np.unique(known, return_counts=True)
    count = buckets_for(log.rows, int(log.clicked.sum()) * log.stride, counts.max() / len(known))
    buckets = {"kind": "buckets", "name": f"{column.name}_bucket", "column": column.name, "buckets": count}
    return _chosen(column, side, (numeric | shared, buckets | shared), ", ".join(notes))


def _as_sent(column: Column, numbers: NDArray[np.float64]) -> list[str]:
    """How a request sends a number that the file writes as an amount, such as ``$1,234.50``; nothing where none is."""
    plain = column.texts.str.strip_chars().cast(pl.Float64, strict=False).is_not_null().to_numpy()
    places = np.flatnonzero(column.present & ~plain)
    if not len(places):
        return []
    first = int(places[0])
    return [f"a request sends {column.texts[first].strip()!r} as {numbers[first]:.10g}"]


def _plain(value: float) -> float | int:
    return int(value) if value == int(value) else value


def _chosen(column: Column, side: Side, entries: tuple[dict[str, Any], ...], note: str) -> Choice:
    kinds = " + ".join(str(entry["kind"]) for entry in entries)
    return Choice(column.name, kinds, side, entries, note, column.distinct, column.missing)
