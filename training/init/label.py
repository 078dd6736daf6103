"""Which values of the label column mean a click.

The counted values of the column come in; a `LabelGuess` goes out to `training.init.plan`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from training.errors import DataError
from training.init.column import MISSING_MARKERS
from training.log.labels import label_key, read_labels

_CLICK_WORDS = frozenset(
    {"yes", "y", "t", "clicked", "click", "positive", "pos", "p", "good", "subscribed", "converted", "on", "+", "success",
     "ja", "oui", "si", "sí", "sim", "да", "是"}
)  # fmt: skip
_NO_CLICK_WORDS = frozenset(
    {"no", "n", "f", "none", "negative", "neg", "bad", "off", "-", "failure", "nein", "non", "nao", "não", "нет", "否",
     "notclicked", "notclick", "noclick", "nonclick", "unclicked", "skip", "skipped"}
)  # fmt: skip
_SOMETIMES_A_LABEL = frozenset({"None", "-", "--"})
"""Markers of missing values that may as well be the other outcome."""


@dataclass(frozen=True)
class LabelGuess:
    """What the label column says.

    Attributes:
        column: Its name in the task file.
        positive: Texts that mean a click; empty where the reader knows the values anyway.
        rate: Share of clicks among the labelled rows, in (0, 1).
        missing: Share of rows without a label, in [0, 1).
        why: How the positive value was found, for people.
        markers: Texts of the label column that mean missing.
        outcomes: Those that are labels.
    """

    column: str
    positive: tuple[str, ...]
    rate: float
    missing: float
    why: str
    markers: frozenset[str] = frozenset()
    outcomes: frozenset[str] = frozenset()


def guess_label(
    column: str, texts: Counter[str], rows: int, positive: Sequence[str], *, marked: bool = True
) -> LabelGuess:
    """Decide what a click is.

    Args:
        column: Name of the label column.
        texts: How often it holds which text, without missing values.
        rows: Rows of the log.
        positive: What the user says; empty to guess.
        marked: Whether a text such as NA can be declared missing, as in files of text.

    Raises:
        DataError: If the column holds fewer or more than two values and the user does not say which mean a click, or
            says what never appears.
    """
    markers = _markers(texts, positive, marked=marked)
    labels = Counter({text: count for text, count in texts.items() if text not in markers})
    shown = ", ".join(f"{text!r} ({count:,} times)" for text, count in labels.most_common(6))
    if labels and rows > labels.total():
        shown += f", and {rows - labels.total():,} rows without one"
    if positive:
        values, why = _checked(column, labels, positive, shown), "as asked for with --positive"
    elif not read_labels(list(labels))[1]:
        words = any(text.isalpha() for text in labels)
        values, why = (), "true and false" if words else "0 and 1"
    else:
        values, why = _guessed(column, labels, shown)
    clicked, _ = read_labels(list(labels), values)
    total = labels.total()
    clicks = sum(count for count, click in zip(labels.values(), clicked, strict=True) if click)
    if clicks in {0, total}:
        raise DataError(
            f"column {column!r}: expected clicks and non-clicks, got one kind only: {shown or 'no value at all'}; "
            "name another column with --label"
        )
    missing = max(0.0, 1 - total / rows)
    return LabelGuess(column, values, clicks / total, missing, why, markers, frozenset(labels))


def _markers(texts: Iterable[str], positive: Sequence[str], *, marked: bool) -> frozenset[str]:
    """The texts that mean missing, where two other values or more remain."""
    possible = MISSING_MARKERS.intersection(texts).difference(positive)
    if not positive and not read_labels([text for text in texts if text not in possible])[1]:
        markers = possible
    else:
        markers = possible - _SOMETIMES_A_LABEL if marked else frozenset()
    return markers if len({label_key(text) for text in texts if text not in markers}) > 1 else frozenset()


def _checked(column: str, labels: Counter[str], positive: Sequence[str], shown: str) -> tuple[str, ...]:
    seen = {label_key(text) for text in labels}
    for value in positive:
        if label_key(value) not in seen:
            raise DataError(
                f"column {column!r}: expected {value!r} (--positive) somewhere, got only {shown}; name one of these"
            )
    return tuple(positive)


def _guessed(column: str, labels: Counter[str], shown: str) -> tuple[tuple[str, ...], str]:
    keys = {label_key(text): text for text in labels}
    if len(keys) != 2:
        kinds = "one value" if len(keys) < 2 else f"{len(keys)} values"
        raise DataError(
            f"column {column!r}: expected two values, one of them a click, got {kinds}: {shown}; "
            "say with --positive VALUE (more than once if need be) which mean a click, or name another --label"
        )
    texts = list(keys.values())
    for text, other in (texts, texts[::-1]):
        if text.lower() in _CLICK_WORDS or re.sub(r"[\s_-]+(?=\w)", "", other.lower()) in _NO_CLICK_WORDS:
            return (text,), "by its wording"
    numbers = [key for key in keys if isinstance(key, float)]
    if len(numbers) == 2:
        return (keys[max(numbers)],), "the larger of two numbers"
    rarer = min(texts, key=lambda text: (labels[text], text))
    return (rarer,), "the rarer of the two"
