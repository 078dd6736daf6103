"""The shop's users: a world's configuration comes in, columns go out to exposure and clicks."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from simulator import tastes
from simulator.chance import BoolArray, Float64Array, Int64Array, Stream, draw, generator
from simulator.clock import DAY_MS, Clock

_HISTORY_LENGTHS = (0.08, 0.22, 0.30, 0.25, 0.15)
_NEWCOMER_HISTORY_LENGTHS = (0.30, 0.35, 0.25, 0.10, 0.0)
_LONGEST_MEMBERSHIP_DAYS = 900
_ACTIVITY_SPREAD = 0.7


@dataclass(frozen=True)
class Users:
    """Every user, by the moment of signing up; all arrays have the shape ``(users,)`` unless said otherwise.

    Attributes:
        signed_up_ms: Epoch milliseconds, UTC, rising.
        age_band: Index into `tastes.AGE_BANDS`.
        gender: Index into `tastes.GENDERS`.
        device: Index into `tastes.DEVICES`.
        city: Index into `tastes.CITIES`.
        history: Whether the user browsed each category before, shape ``(users, categories)``.
        activity: Visits relative to other users, positive.
        appeal: What the id adds to every logit beyond the columns; a part of the truth, in no file.
    """

    signed_up_ms: Int64Array
    age_band: Int64Array
    gender: Int64Array
    device: Int64Array
    city: Int64Array
    history: BoolArray
    activity: Float64Array
    appeal: Float64Array

    def __len__(self) -> int:
        return len(self.signed_up_ms)

    def ids(self) -> pl.Series:
        """The ids, in the order of the arrays."""
        return pl.Series("user_id", [f"u{index:06d}" for index in range(len(self))])

    def table(self) -> pl.DataFrame:
        """What the shop knows of its users, one line each."""
        names = np.asarray(tastes.CATEGORIES)
        return pl.DataFrame(
            {
                "user_id": self.ids(),
                "signed_up_ms": self.signed_up_ms,
                "gender": [tastes.GENDERS[index] for index in self.gender],
                "age_band": [tastes.AGE_BANDS[index] for index in self.age_band],
                "city": [tastes.CITIES[index] for index in self.city],
                "device": [tastes.DEVICES[index] for index in self.device],
                "history": [",".join(names[browsed]) or None for browsed in self.history],
            },
            schema_overrides={"gender": pl.String, "history": pl.String},
        )


def draw_users(seed: int, count: int, *, arriving: float, clock: Clock) -> Users:
    """Draw ``count`` users, a share ``arriving`` of whom sign up during the window."""
    rng = generator(seed, Stream.USERS)
    signed_up_ms = arrivals(rng, count, arriving, clock, longest_days=_LONGEST_MEMBERSHIP_DAYS)
    age_band = draw(rng.random(count), np.asarray(tastes.AGE_BAND_SHARES))
    gender = draw(rng.random(count), np.asarray(tastes.GENDER_SHARES))
    device_steps = np.cumsum(tastes.DEVICE_SHARES, axis=1)[age_band, :-1]
    return Users(
        signed_up_ms=signed_up_ms,
        age_band=age_band,
        gender=gender,
        device=(rng.random((count, 1)) >= device_steps).sum(axis=1),
        city=draw(rng.random(count), 1.0 / np.arange(1, len(tastes.CITIES) + 1)),
        history=_histories(rng, age_band, gender, newcomer=signed_up_ms >= clock.start_ms),
        activity=np.exp(_ACTIVITY_SPREAD * rng.standard_normal(count)),
        appeal=tastes.USER_SPREAD * rng.standard_normal(count),
    )


def arrivals(
    rng: np.random.Generator, count: int, arriving: float, clock: Clock, *, longest_days: int
) -> Int64Array:
    """Rising moments, in epoch milliseconds: a share before the window, the rest evenly within it.

    Args:
        rng: Source of chance.
        count: How many moments.
        arriving: Share of them that falls inside the window, in [0, 1).
        clock: The window.
        longest_days: The earliest lies this many days before the window.
    """
    inside = round(count * arriving)
    before = clock.start_ms - rng.random(count - inside) * longest_days * DAY_MS
    during = clock.start_ms + rng.random(inside) * (clock.end_ms - clock.start_ms)
    return np.sort(np.concatenate([before, during])).astype(np.int64)


def _histories(
    rng: np.random.Generator, age_band: Int64Array, gender: Int64Array, *, newcomer: BoolArray
) -> BoolArray:
    """Categories browsed before, shape ``(users, categories)``; newcomers have browsed fewer."""
    count = len(age_band)
    lengths = np.where(
        newcomer,
        draw(rng.random(count), np.asarray(_NEWCOMER_HISTORY_LENGTHS)),
        draw(rng.random(count), np.asarray(_HISTORY_LENGTHS)),
    )
    appeal = np.log(tastes.CATEGORY_SHARES) + 0.5 * (
        tastes.age_audience()[age_band] + tastes.gender_audience()[gender]
    )
    # The largest sums of a log weight and Gumbel noise are a weighted draw without replacement.
    keys = appeal - np.log(-np.log(rng.random((count, len(tastes.CATEGORIES)))))
    ranks = np.argsort(np.argsort(-keys, axis=1), axis=1)
    return np.asarray(ranks < lengths[:, None], dtype=np.bool_)
