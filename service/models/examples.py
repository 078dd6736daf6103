"""Values that a model can be tried with: what was fitted comes in, rows of a score request go out.

They stand in the API documentation as printed, and warm up a version that was packed without requests of its own.
"""

import math
from collections.abc import Iterator

from features.fitted import FittedEdges, FittedScale, FittedSpec, FittedVocabulary
from features.spec import Age, ColumnFeature, Hashed, RawInput, RawKind

EXAMPLE_ROWS = 2

_SOME_TIME_MS = 1_767_268_800_000  # 2026-01-01 12:00 UTC, when the spec tells nothing better
_MS_PER_DAY = 86_400_000

_ANY: dict[RawKind, list[object]] = {
    RawKind.TEXT: ["a", "b"],
    RawKind.NUMBER: [1.0],
    RawKind.TIME: [_SOME_TIME_MS],
    RawKind.TEXTS: [["a", "b"]],
}

Row = dict[str, dict[str, object]]


def example_rows(fitted: FittedSpec) -> list[Row]:
    """Two rows with every feature, of values that were frequent or central in training."""
    return [_row(fitted, place) for place in range(EXAMPLE_ROWS)]


def example_values(fitted: FittedSpec, raw: RawInput) -> list[object]:
    """Values of one column, the most frequent first; never empty."""
    for feature in features_reading(fitted, raw.column):
        values = list(_values(fitted, feature))
        if values:
            return [values] if raw.kind is RawKind.TEXTS else values
    return _ANY[raw.kind]


def features_reading(fitted: FittedSpec, column: str) -> list[ColumnFeature]:
    """The features that read a column, alone or beside another one."""
    return [feature for _, feature in fitted.spec.by_side() if column in feature.columns]


def plain(scaled: float, scale: str) -> float:
    """A number as people write it, from one after a feature's transform, to four digits.

    Args:
        scaled: After the transform.
        scale: ``log`` is undone: it was sign(x) log(1 + |x|).
    """
    number = math.copysign(math.expm1(abs(scaled)), scaled) if scale == "log" else scaled
    return float(f"{number:.4g}")


def _row(fitted: FittedSpec, place: int) -> Row:
    row: Row = {"user": {}, "item": {}, "context": {}}
    for raw in fitted.spec.log_inputs():
        values = example_values(fitted, raw)
        row[raw.side][raw.column] = values[place % len(values)]
    return row


def _values(fitted: FittedSpec, feature: ColumnFeature) -> Iterator[object]:
    match fitted.learned_for(feature):
        case FittedVocabulary(tokens=tokens):
            yield from tokens[:3]
        case FittedScale(mean=mean) if isinstance(feature, Age):
            yield _SOME_TIME_MS - int(max(0.0, plain(mean, feature.scale)) * _MS_PER_DAY)
        case FittedScale(mean=mean):
            yield plain(mean, getattr(feature, "scale", "none"))
        case FittedEdges(edges=edges) if edges:
            yield plain(edges[len(edges) // 2], "none")
        case _ if isinstance(feature, Hashed) and feature.fill:
            yield feature.fill
