"""Which values of the label column mean a click.

The counted values of the column come in; a `LabelGuess` goes out to `training.init.plan`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from training.errors import DataError
from training.log.labels import label_key, read_labels

_CLICK_WORDS = {
    "yes",
    "y",
    "t",
    "clicked",
    "click",
    "positive",
    "pos",
    "p",
    "good",
    "subscribed",
    "converted",
}
_NO_CLICK_WORDS = {"no", "n", "f", "not clicked", "none", "negative", "neg", "bad"}


@dataclass(frozen=True)
class LabelGuess:
    """What the label column says.

    Attributes:
        column: Its name in the task file.
        positive: Texts that mean a click; empty where the reader knows the values anyway.
        rate: Share of clicks among the labelled rows, in (0, 1).
        missing: Share of rows without a label, in [0, 1).
        why: How the positive value was found, for people.
    """

    column: str
    positive: tuple[str, ...]
    rate: float
    missing: float
    why: str


def guess_label(column: str, labels: Counter[str], rows: int, positive: Sequence[str]) -> LabelGuess:
    """Decide what a click is.

    Args:
        column: Name of the label column.
        labels: How often it holds which text, without missing values.
        rows: Rows of the log.
        positive: What the user says; empty to guess.

    Raises:
        DataError: If the column holds fewer or more than two values and the user does not say which mean a click, or
            says what never appears.
    """
    shown = ", ".join(f"{text!r} ({count:,} times)" for text, count in labels.most_common(6))
    if labels and rows > labels.total():
        shown += f", and {rows - labels.total():,} rows without one"
    if positive:
        values, why = _checked(column, labels, positive, shown), "as asked for with --positive"
    elif not read_labels(list(labels))[1]:
        values, why = (), "0 and 1"
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
    return LabelGuess(column, values, clicks / total, max(0.0, 1 - total / rows), why)


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
        if text.lower() in _CLICK_WORDS or other.lower() in _NO_CLICK_WORDS:
            return (text,), "by its wording"
    numbers = [key for key in keys if isinstance(key, float)]
    if len(numbers) == 2:
        return (keys[max(numbers)],), "the larger of two numbers"
    rarer = min(texts, key=lambda text: (labels[text], text))
    return (rarer,), "the rarer of the two"
