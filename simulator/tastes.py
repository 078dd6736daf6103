"""Who likes what in this shop: fixed tables in logits, read by users, items and clicks.

These tables are the world. They are written by hand rather than drawn, so that every seed has the same shop
with other visitors, and so that a reader can check what a model should find.
"""

from typing import Final

import numpy as np

from simulator.chance import Float64Array

AGE_BANDS: Final = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")
AGE_BAND_SHARES: Final = (0.18, 0.26, 0.21, 0.16, 0.11, 0.08)

GENDERS: Final = ("f", "m", None)
"""The last is not given; the column is then empty."""
GENDER_SHARES: Final = (0.50, 0.42, 0.08)

DEVICES: Final = ("phone", "desktop", "tablet")
DEVICE_SHARES: Final = (
    (0.84, 0.12, 0.04),
    (0.74, 0.20, 0.06),
    (0.62, 0.28, 0.10),
    (0.50, 0.36, 0.14),
    (0.40, 0.42, 0.18),
    (0.34, 0.42, 0.24),
)
"""Share of each device by age band."""

CITIES: Final = (
    "Berlin", "Hamburg", "Munich", "Cologne", "Frankfurt", "Stuttgart", "Leipzig", "Bremen",
    "Dresden", "Hanover", "Nuremberg", "Bonn", "Mainz", "Kiel", "Erfurt", "Potsdam",
)  # fmt: skip
"""Largest first: the n-th city has a share in proportion to 1 / n."""
CITY_APPEAL: Final = (
    0.10, -0.05, 0.05, 0.0, -0.10, 0.05, 0.0, -0.05, 0.10, 0.0, -0.10, 0.05, -0.05, 0.10, 0.0, -0.10,
)  # fmt: skip

CATEGORIES: Final = (
    "electronics", "fashion", "beauty", "home", "garden", "sports", "toys", "books",
)  # fmt: skip
CATEGORY_SHARES: Final = (0.16, 0.21, 0.12, 0.15, 0.08, 0.11, 0.08, 0.09)
CATEGORY_APPEAL: Final = (0.25, 0.40, 0.10, -0.25, -0.50, -0.10, 0.15, -0.25)
CATEGORY_LOG_PRICE: Final = (4.7, 3.7, 3.0, 3.9, 3.6, 3.9, 3.1, 2.7)
"""Mean of the natural logarithm of the price in euros."""
LOG_PRICE_SPREAD: Final = 0.65
LOG_PRICE_CENTRE: Final = 3.5
LOG_PRICE_SCALE: Final = 1.0

BRANDS_PER_CATEGORY: Final = 4
BRAND_LOG_PRICE: Final = (-0.4, -0.1, 0.1, 0.5)
"""From the cheap brand of a category to its premium brand."""
BRAND_APPEAL: Final = (-0.10, 0.05, 0.15, -0.05)

BASE: Final = -4.38
AGE_BAND_APPEAL: Final = (0.15, 0.10, 0.0, -0.05, -0.10, -0.15)
DEVICE_APPEAL: Final = (0.0, 0.10, -0.10)
HOUR_SWING: Final = 0.20
"""Evenings see more clicks than mornings: a cosine over the local hour that peaks at 21."""
POSITION_DROP: Final = 0.26
"""Loss per logarithm (base 2) of the position on a desktop."""
DEVICE_POSITION_FACTOR: Final = (1.9, 1.0, 1.4)
"""The smaller the screen, the less is seen of the later positions."""
NOVELTY: Final = 0.35
NOVELTY_DAYS: Final = 10.0
PRICE_SLOPE: Final = -0.05
"""Per unit of scaled logarithmic price."""

HISTORY_MATCH: Final = 0.95
"""What an item gains when its category is in the user's history."""
PRICE_FIT: Final = 1.10
PRICE_FIT_WIDTH: Final = 0.8
IDEAL_PRICE: Final = (-1.1, -0.5, 0.3, 0.9, 0.5, -0.3)
"""Scaled logarithmic price that each age band likes best."""
DEVICE_PRICE_SLOPE: Final = (-0.20, 0.30, 0.05)
"""Dear things are bought at a desk."""
DAYPART_SWING: Final = 0.25
CATEGORY_PEAK_HOUR: Final = (20.0, 13.0, 8.0, 18.0, 10.0, 7.0, 16.0, 22.0)
AGE_STRENGTH: Final = 0.53
GENDER_STRENGTH: Final = 0.50

MOOD: Final = 1.2
"""What an item gains when the visitor happens to be in the mood for its category."""
MOOD_WHEN_BROWSED: Final = 0.40
MOOD_ELSEWHERE: Final = 0.10
"""Probability of that mood, drawn anew for every impression."""

PLAY_BASE: Final = 0.35
CATEGORY_PLAY: Final = (0.9, -0.3, 0.4, -0.6, -0.9, 0.5, 0.8, -0.8)
"""A click opens the item's video: what moves is watched."""
DEVICE_PLAY: Final = (0.5, -0.3, 0.1)
POSITION_PLAY: Final = -0.15
"""Per logarithm (base 2) of the position: who scrolled that far has less time."""

PURCHASE_BASE: Final = -2.8
CATEGORY_PURCHASE: Final = (-0.7, 0.3, 0.6, 0.0, 0.3, -0.2, 0.2, 0.7)
DEVICE_PURCHASE: Final = (-0.5, 0.5, 0.0)
PURCHASE_PRICE_SLOPE: Final = -0.55
"""Per unit of scaled logarithmic price: dear things are looked at, cheap ones bought."""
PURCHASE_PRICE_FIT: Final = 0.9
PURCHASE_HISTORY_MATCH: Final = 0.6

USER_SPREAD: Final = 0.04
ITEM_SPREAD: Final = 0.06
"""Standard deviation of what an id adds beyond its columns; small, because nobody can learn much of it."""

AGE_AUDIENCE: Final = (
    # electronics, fashion, beauty, home, garden, sports, toys, books
    (3, 2, 1, -2, -3, 1, -2, -1),
    (2, 1, 1, 0, -2, 2, 0, -1),
    (0, 0, 0, 1, 0, 1, 3, -1),
    (0, -1, -1, 2, 1, 0, 1, 0),
    (-1, -1, 0, 1, 3, -1, 0, 2),
    (-2, -2, -1, -1, 2, -2, 1, 3),
)
GENDER_AUDIENCE: Final = (-3, 2, 3, 1, 0, -2, 1, 1)
"""How much more women like a category than men; a gender not given counts in between."""


def interaction(table: Float64Array, strength: float) -> Float64Array:
    """Keep of ``table`` only what no sum of a row effect and a column effect expresses.

    Args:
        table: Affinities, shape ``(rows, columns)``, of any scale.
        strength: Standard deviation of the entries returned, in logits.

    Returns:
        Logits, the shape of ``table``; every row and every column sums to 0.
    """
    rows, columns = table.mean(axis=1, keepdims=True), table.mean(axis=0, keepdims=True)
    centred = table - rows - columns + table.mean()
    return np.asarray(strength * centred / centred.std(), dtype=np.float64)


def age_audience() -> Float64Array:
    """Logits by age band and category, shape ``(6, 8)``."""
    return interaction(np.asarray(AGE_AUDIENCE, dtype=np.float64), AGE_STRENGTH)


def gender_audience() -> Float64Array:
    """Logits by gender and category, shape ``(3, 8)``; those of a gender not given are 0."""
    appeal = np.asarray(GENDER_AUDIENCE, dtype=np.float64)
    return interaction(np.outer([1.0, -1.0, 0.0], appeal), GENDER_STRENGTH)


def dayparts() -> Float64Array:
    """Logits by local hour and category, shape ``(24, 8)``: every category has its own best hour."""
    distance = np.arange(24.0)[:, None] - np.asarray(CATEGORY_PEAK_HOUR)[None, :]
    return np.asarray(DAYPART_SWING * np.cos(distance * 2 * np.pi / 24), dtype=np.float64)
