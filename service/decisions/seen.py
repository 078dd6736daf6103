"""What a model saw of one ranked question: arrays come in, features by column as JSON has them go out.

`service.decisions.decision_log` calls it. Columns that history fills are left out: who trains counts them anew.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.raw import MISSING_TEXT, MISSING_TIME
from features.spec import RawInput, Side
from journal.records import Described, Features
from service.models.live import LiveModel
from service.ranking.ranked import Arrays, Ranked


def asker(live: LiveModel, ranked: Ranked) -> tuple[Features, Features]:
    """Features of the user and of the moment."""
    user, context = (
        _rows(_of_side(live, side), ranked.behind.askers, np.array([ranked.place]))[0]
        for side in (Side.USER, Side.CONTEXT)
    )
    return user, context


def candidates(live: LiveModel, ranked: Ranked, most: int) -> list[Described]:
    """The answered candidates, best first; behind the first so many, ids alone."""
    behind, best = ranked.behind, ranked.best[:most]
    found = behind.found[ranked.place]
    inputs, kept = _of_side(live, Side.ITEM), len(found.rows)
    features: list[Features] = [{}] * len(best)
    of_catalog, cold = np.flatnonzero(best < kept), np.flatnonzero(best >= kept)
    if behind.items is not None and len(of_catalog):
        rows = found.rows[best[of_catalog]]
        arrays = behind.items.arrays_of(rows, inputs)
        _place(features, of_catalog, _rows(inputs, arrays, np.arange(len(rows))))
    if len(cold):
        _place(features, cold, _rows(inputs, behind.cold.arrays, found.cold.start + best[cold] - kept))
    described = [Described(item, own) for item, own in zip(ranked.ids, features, strict=False)]
    return described + [Described(item) for item in ranked.ids[len(best) :]]


def _of_side(live: LiveModel, side: Side) -> list[RawInput]:
    return [raw for raw in live.reader.inputs if raw.side is side]


def _place(features: list[Features], places: NDArray[np.int64], rows: Iterable[Features]) -> None:
    for place, row in zip(places.tolist(), rows, strict=True):
        features[place] = row


def _rows(inputs: Sequence[RawInput], arrays: Arrays, rows: NDArray[np.int64]) -> list[Features]:
    names = [raw.column for raw in inputs]
    columns = [_values(arrays[name][rows]) for name in names]
    if not columns:
        return [{} for _ in rows]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _values(array: NDArray[Any]) -> list[Any]:
    """Values of a column as JSON has them; None is missing."""
    if array.ndim > 1:
        return [[token for token in tokens if token != MISSING_TEXT] for tokens in array.tolist()]
    if array.dtype == np.float32:
        # As they are: their JSON is the shortest that reads as the same float32, null for NaN.
        return list(array)
    missing = MISSING_TIME if array.dtype == np.int64 else MISSING_TEXT
    return [None if value == missing else value for value in array.tolist()]
