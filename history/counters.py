"""Counters per key: how often it was shown and clicked, with decay, and how long ago; `history.history` keeps them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.spec import Activity
from history.columns import Int64Array, Keys
from history.errors import StoreError
from history.timeline import Timeline

Float64Array = NDArray[np.float64]

_AS_OF, _IMPRESSION, _CLICK, _SUMS = 0, 1, 2, 3
"""Places in a record: moment of the sums, of the last impression and click (0 for none), then the decayed sums."""


@dataclass(frozen=True)
class Counters:
    """The counters of one feature, as arithmetic on records.

    A record is ``[as of, last impression, last click, impressions per horizon..., clicks per horizon...]``, float64: times
    are whole milliseconds and exact.
    """

    feature: Activity

    @property
    def width(self) -> int:
        return _SUMS + 2 * len(self.feature.horizons)

    def decoded(self, records: Sequence[bytes | None]) -> Float64Array:
        """Records as an array ``(keys, width)``; a key without one has seen nothing.

        Raises:
            StoreError: If a record is not as long as those of this feature.
        """
        nothing = bytes(8 * self.width)
        for length in {len(record) for record in records if record}:
            if length != len(nothing):
                raise StoreError(
                    f"expected records of {len(nothing)} bytes for history {self.feature.name!r}, got one of {length}: "
                    "the store was filled with other half_lives; give the feature another name, or fill the store anew"
                )
        joined = b"".join(record or nothing for record in records)
        return np.frombuffer(joined, "<f8").reshape(len(records), self.width)

    def encoded(self, records: Float64Array) -> list[bytes]:
        """Records as bytes, one per key."""
        return [row.tobytes() for row in np.ascontiguousarray(records, "<f8")]

    def advance(
        self, records: Float64Array, asked: "Asked", happened: "Happened"
    ) -> tuple[dict[str, NDArray[np.float32]], Float64Array]:
        """Answer questions in the middle of events.

        Args:
            records: What each key had before, shape ``(keys, width)``.
            asked: The questions.
            happened: The events.

        Returns:
            The columns of the feature, each ``(questions,)``, and the records after all events.
        """
        keys = len(records)
        line = Timeline.of(np.arange(keys), happened.keys.codes, happened.visible_ms)
        time_ms = np.concatenate([records[:, _AS_OF].astype(np.int64), happened.time_ms])[line.order]
        as_of = line.running_latest(time_ms)
        clicked = happened.clicked.astype(bool)
        shown_at = _moments(records[:, _IMPRESSION], happened.time_ms)[line.order]
        clicked_at = _moments(records[:, _CLICK], np.where(clicked, happened.time_ms, 0))[line.order]
        latest = np.stack([as_of, line.running_latest(shown_at), line.running_latest(clicked_at)])
        sums = self._sums(records, line, as_of, time_ms, clicked)
        answers = self._answers(line, latest, sums, asked)
        ends = line.ends()
        after = np.concatenate(
            [latest[:, ends].T, sums[:, :, ends].reshape(self.width - _SUMS, len(ends)).T], axis=1
        )
        return answers, after

    def _sums(
        self,
        records: Float64Array,
        line: Timeline,
        as_of: Int64Array,
        time_ms: Int64Array,
        clicked: Int64Array,
    ) -> Float64Array:
        """Impressions and clicks of every entry, decayed to its moment, shape ``(2, horizons, entries)``."""
        horizons = len(self.feature.horizons)
        before = records[:, _SUMS:].T.reshape(2, horizons, -1)
        events = np.broadcast_to(
            np.stack([np.ones(len(clicked)), clicked])[:, np.newaxis], (2, horizons, len(clicked))
        )
        amounts = np.concatenate([before, events], axis=2)[:, :, line.order]
        passed = np.diff(as_of, prepend=as_of[:1]).clip(0)
        # An event that comes late counts as if it had decayed since it happened.
        return line.decayed_sums(self._decay(passed), amounts * self._decay(as_of - time_ms))

    def _answers(
        self, line: Timeline, latest: Int64Array, sums: Float64Array, asked: "Asked"
    ) -> dict[str, NDArray[np.float32]]:
        found = line.last_before(asked.keys.codes, asked.read_ms[asked.keys.rows])
        at_ms = asked.at_ms[asked.keys.rows]
        now = sums[:, :, found] * self._decay((at_ms - latest[_AS_OF, found]).clip(0))
        columns = {
            name: asked.summed(values)
            for names, by_horizon in zip(self.feature.sum_columns, now, strict=True)
            for name, values in zip(names, by_horizon, strict=True)
        }
        for name, moments in zip(self.feature.since_columns, latest[_IMPRESSION:, found], strict=True):
            columns[name] = asked.nearest(np.where(moments > 0, (at_ms - moments).clip(0) / 1000.0, np.inf))
        return columns

    def _decay(self, passed_ms: Int64Array) -> Float64Array:
        """What is left of one after some milliseconds, shape ``(horizons, ...)``."""
        return np.stack(
            [
                np.ones(passed_ms.shape) if horizon is None else np.exp2(-passed_ms / horizon)
                for horizon in self.feature.horizons
            ]
        )


@dataclass(frozen=True)
class Asked:
    """Questions about impressions.

    Attributes:
        keys: Their keys.
        at_ms: Time of each impression, shape ``(questions,)``.
        read_ms: Only what was visible strictly before this is seen.
    """

    keys: Keys
    at_ms: Int64Array
    read_ms: Int64Array

    def summed(self, values: Float64Array) -> NDArray[np.float32]:
        """One number per question from one per key: their sum."""
        return np.bincount(self.keys.rows, values, len(self.at_ms)).astype(np.float32)

    def nearest(self, seconds: Float64Array) -> NDArray[np.float32]:
        """One number per question from one per key: the least; NaN where there is none."""
        least = np.full(len(self.at_ms), np.inf)
        np.minimum.at(least, self.keys.rows, seconds)
        return np.where(np.isinf(least), np.nan, least).astype(np.float32)


@dataclass(frozen=True)
class Happened:
    """Events, one per key of an impression: when it was shown, from when on its outcome is known, and the outcome."""

    keys: Keys
    time_ms: Int64Array
    visible_ms: Int64Array
    clicked: NDArray[np.bool_]


def _moments(before: Float64Array, events: Int64Array) -> Int64Array:
    return np.concatenate([before.astype(np.int64), events])
