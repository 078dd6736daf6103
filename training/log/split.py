"""Past trains, future judges: where the cuts in time fall and which slice an impression belongs to."""

import math
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from features.moments import epoch_ms, moment_of
from training.config import SplitConfig
from training.errors import DataError


class Slice(IntEnum):
    """Part of the log, by time."""

    TRAIN = 0
    VALIDATION = 1
    TEST = 2


@dataclass(frozen=True)
class Cuts:
    """Moments (milliseconds since the epoch, UTC; else numbers of rows) at which the later slices begin."""

    validation_from_ms: int
    test_from_ms: int | None

    def slices(self, time_ms: NDArray[np.int64]) -> NDArray[np.int8]:
        """The `Slice` of each impression, shape ``(n,)``."""
        slices = (time_ms >= self.validation_from_ms).astype(np.int8)
        if self.test_from_ms is not None:
            slices += (time_ms >= self.test_from_ms).astype(np.int8)
        return slices

    @property
    def held_out(self) -> Slice:
        """The latest slice, which judges."""
        return Slice.VALIDATION if self.test_from_ms is None else Slice.TEST


def cuts_of(config: SplitConfig, time_ms: NDArray[np.int64], *, dated: bool = True) -> Cuts:
    """The cuts of a log.

    Args:
        config: Moments or shares.
        time_ms: Times of all impressions in any order, shape ``(n,)``; impressions of one moment stay together.
        dated: Whether these are milliseconds since the epoch; else they are numbers of rows, from 0.

    Raises:
        DataError: If a slice stays empty.
    """
    cuts = Cuts(
        _moment(config.validation_from, time_ms),
        None if config.test_from is None else _moment(config.test_from, time_ms),
    )
    counts = np.bincount(cuts.slices(time_ms), minlength=3)
    show = shown if dated else shown_row
    for part in (Slice.TRAIN, Slice.VALIDATION, cuts.held_out):
        if counts[part] == 0:
            raise DataError(
                f"expected impressions in the {part.name.lower()} slice, got none: the log runs from "
                f"{show(int(time_ms.min()))} to {show(int(time_ms.max()))} and split cuts it at "
                f"{show(cuts.validation_from_ms)}"
                + ("" if cuts.test_from_ms is None else f" and {show(cuts.test_from_ms)}")
            )
    return cuts


def moment(time_ms: int | None) -> datetime | None:
    """The moment of a time in milliseconds since the epoch, UTC; None where nobody knows it."""
    return None if time_ms is None else moment_of(time_ms)


def shown_row(number: int) -> str:
    """The number of a row, from 0, for people, who count from 1."""
    return f"row {number + 1:,}"


def shown(time_ms: int) -> str:
    """A time for people: ISO 8601, UTC, to the second."""
    return moment_of(time_ms).isoformat(timespec="seconds")


def _moment(cut: datetime | float, time_ms: NDArray[np.int64]) -> int:
    if isinstance(cut, datetime):
        return epoch_ms(cut)
    rank = math.ceil(cut * (len(time_ms) - 1))
    return int(np.partition(time_ms, rank)[rank])
