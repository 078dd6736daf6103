"""Counters of many keys at once: records at places come in, columns go out, equal to those of `history.counters`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from features.spec import Activity
from history.columns import Int64Array
from history.counters import Float64Array
from history.packed.coded import Coded
from history.packed.keys import KeyIndex

_AS_OF, _SINCE, _SUMS = 0, slice(1, 3), 3
"""Places in a record, as `history.counters` writes it."""

Columns = dict[str, Any]
"""Float32 ``(size,)`` by column, or `CodedTexts` of that length."""


@dataclass(frozen=True)
class PackedActivity:
    """One feature.

    Attributes:
        feature: What it counts.
        index: Where the record of a key lies.
        records: By place, shape ``(places, width)``; the first has seen nothing.
        columns: Their names in the order of a record.
        half_lives: In milliseconds, of the sums that fade.
    """

    feature: Activity
    index: KeyIndex
    records: Float64Array
    columns: tuple[str, ...] = field(init=False)
    half_lives: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", self.feature.columns)
        # The first horizon never fades.
        object.__setattr__(self, "half_lives", tuple(horizon for horizon in self.feature.horizons if horizon))


class _Places(NamedTuple):
    activity: PackedActivity
    places: Int64Array


def answer(
    activities: Sequence[PackedActivity], coded: Mapping[str, Coded], at_ms: Float64Array, size: int
) -> Columns:
    """The columns of some activities, each ``(size,)``.

    Args:
        activities: Which.
        coded: Their key columns.
        at_ms: Time of each impression, or one for all.
        size: Number of impressions.
    """
    answers: Columns = {}
    # What has the same shape is answered in one go: with few rows a request pays by the call of NumPy, not by the number.
    together: dict[tuple[int, int], list[_Places]] = {}
    for activity in activities:
        columns = [coded[name] for name in activity.feature.of]
        starts = next((column.starts for column in columns if column.starts is not None), None)
        if starts is not None:
            answers |= _of_lists(activity, columns, starts, at_ms)
            continue
        found = _Places(activity, activity.index.places([column.codes for column in columns]))
        together.setdefault((activity.records.shape[1], len(found.places)), []).append(found)
    for group in together.values():
        numbers = _faded(group, at_ms).astype(np.float32)
        if numbers.shape[2] != size:
            numbers = np.repeat(numbers, size, axis=2)
        for (activity, _), of_one in zip(group, numbers, strict=True):
            answers |= zip(activity.columns, of_one, strict=True)
    return answers


def _of_lists(
    activity: PackedActivity, columns: Sequence[Coded], starts: Int64Array, at_ms: Float64Array
) -> Columns:
    """One activity by a column with any number of values: sums over them, and the least of their times.

    Args:
        activity: Which.
        columns: That it counts by.
        starts: Where the values of each impression begin, shape ``(size + 1,)``.
        at_ms: Time of each impression, or one for all.
    """
    lengths = np.diff(starts)
    rows = np.repeat(np.arange(len(lengths)), lengths)
    codes = [column.codes if column.starts is not None else column.codes_of(rows) for column in columns]
    found = _Places(activity, activity.index.places(codes))
    since, sums = np.split(_faded([found], at_ms[rows] if len(at_ms) > 1 else at_ms)[0], [_SUMS - 1])
    numbers = np.full((len(activity.columns), len(lengths)), np.nan, np.float32)
    some = np.flatnonzero(lengths)
    if len(some):
        numbers[: len(since), some] = np.fmin.reduceat(since, starts[some], axis=1)
    for place, values in enumerate(sums, len(since)):
        numbers[place] = np.bincount(rows, values, len(lengths))
    return dict(zip(activity.columns, numbers, strict=True))


def _faded(group: Sequence[_Places], at_ms: Float64Array) -> Float64Array:
    """What is told of keys, before it becomes float32: shape ``(activities, columns, keys)``."""
    keys, width = len(group[0].places), group[0].activity.records.shape[1]
    gathered = np.empty((len(group), keys, width))
    for (activity, places), records in zip(group, gathered, strict=True):
        np.take(activity.records, places, axis=0, out=records, mode="clip")
    if keys < len(at_ms):
        gathered = np.repeat(gathered, len(at_ms), axis=1)
    numbers = np.ascontiguousarray(gathered.transpose(0, 2, 1))  # (activities, width, keys)
    passed_ms = np.maximum(at_ms - numbers[:, _AS_OF], 0)
    half_lives = np.array([activity.half_lives for activity, _ in group], np.float64)
    sums = numbers[:, _SUMS:].reshape(len(group), 2, 1 + half_lives.shape[1], numbers.shape[2])
    sums[:, :, 1:] *= np.exp2(-passed_ms[:, np.newaxis] / half_lives[..., np.newaxis])[:, np.newaxis]
    moments = numbers[:, _SINCE]
    numbers[:, _SINCE] = np.where(moments > 0, np.maximum(at_ms - moments, 0) / 1000.0, np.nan)
    return numbers[:, _AS_OF + 1 :]
