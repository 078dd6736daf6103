"""When impressions happen: a window of days comes in, times and local hours go out to exposure and clicks."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from simulator.chance import Float64Array, Int64Array

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS
# The finest step between two known offsets from UTC.
_QUARTER_MS = HOUR_MS // 4

# Visits by local hour, midnight first: a quiet night, a lunch peak, a long evening.
_TRAFFIC = (
    3.0, 2.0, 1.3, 1.0, 1.0, 1.5, 3.0, 5.0, 6.0, 6.5, 7.0, 7.5,
    8.5, 8.0, 7.0, 6.5, 6.5, 7.5, 9.0, 11.0, 12.0, 11.5, 9.0, 5.5,
)  # fmt: skip


@dataclass(frozen=True)
class Clock:
    """The window of a log.

    Attributes:
        start_ms: First moment, in epoch milliseconds, UTC.
        end_ms: First moment after the window.
        offsets_ms: Local time minus UTC in every quarter of an hour of the window.
        traffic: Share of all visits before each hour since the start, and 1 last, shape ``(hours + 1,)``.
    """

    start_ms: int
    end_ms: int
    offsets_ms: Int64Array
    traffic: Float64Array

    def times_ms(self, shares: Float64Array) -> Int64Array:
        """The moments by which the given shares, each in [0, 1), of all visits have happened."""
        hours = np.interp(shares, self.traffic, np.arange(len(self.traffic)))
        return self.start_ms + (hours * HOUR_MS).astype(np.int64)

    def local_hours(self, times_ms: Int64Array) -> Int64Array:
        """Hour of the day, 0 to 23, in the shop's time zone; beyond the window its last offset holds."""
        quarters = (times_ms - self.start_ms) // _QUARTER_MS
        offsets = self.offsets_ms[np.clip(quarters, 0, len(self.offsets_ms) - 1)]
        return (times_ms + offsets) // HOUR_MS % 24

    def weeks(self, times_ms: Int64Array) -> Float64Array:
        """Weeks since the start of the window."""
        return (times_ms - self.start_ms) / WEEK_MS


def clock_of(start: date, *, days: int, time_zone: str) -> Clock:
    """The clock of a window that begins at local midnight of ``start`` and lasts ``days`` times 24 hours."""
    zone = ZoneInfo(time_zone)
    start_ms = round(datetime.combine(start, time(), tzinfo=zone).timestamp() * 1000)
    end_ms = start_ms + days * DAY_MS
    offsets_ms = [_offset_ms(moment, zone) for moment in range(start_ms, end_ms, _QUARTER_MS)]
    hours = np.arange(start_ms, end_ms, HOUR_MS) + np.asarray(offsets_ms, dtype=np.int64)[::4]
    visits = np.asarray(_TRAFFIC)[hours // HOUR_MS % 24]
    traffic = np.concatenate([[0.0], np.cumsum(visits) / visits.sum()])
    return Clock(start_ms, end_ms, np.asarray(offsets_ms, dtype=np.int64), traffic)


def _offset_ms(moment_ms: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(moment_ms / 1000, tz=UTC).astimezone(zone).utcoffset() or timedelta()
    return round(offset.total_seconds() * 1000)
