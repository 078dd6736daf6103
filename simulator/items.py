"""The shop's items: a world's configuration comes in, columns go out to exposure and clicks."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from simulator import tastes
from simulator.chance import Float64Array, Int64Array, Stream, draw, generator
from simulator.clock import Clock
from simulator.users import arrivals

_LONGEST_LISTING_DAYS = 240
_POPULARITY_EXPONENT = 0.5


@dataclass(frozen=True)
class Items:
    """Every item, by the moment of its listing; all arrays have the shape ``(items,)``.

    Attributes:
        listed_ms: Epoch milliseconds, UTC, rising.
        category: Index into `tastes.CATEGORIES`.
        brand: Number of the brand; each belongs to one category.
        price: Euros, above 0, whole cents.
        popularity: How often it is shown relative to other items, positive.
        appeal: What the id adds to every logit beyond the columns; a part of the truth, in no file.
    """

    listed_ms: Int64Array
    category: Int64Array
    brand: Int64Array
    price: Float64Array
    popularity: Float64Array
    appeal: Float64Array

    def __len__(self) -> int:
        return len(self.listed_ms)

    def ids(self) -> pl.Series:
        """The ids, in the order of the arrays."""
        return pl.Series("item_id", [f"i{index:05d}" for index in range(len(self))])

    def scaled_log_price(self) -> Float64Array:
        """The natural logarithm of the price, moved and scaled to about mean 0 and standard deviation 1."""
        scaled = (np.log(self.price) - tastes.LOG_PRICE_CENTRE) / tastes.LOG_PRICE_SCALE
        return np.asarray(scaled, dtype=np.float64)

    def table(self) -> pl.DataFrame:
        """What the shop knows of its items, one line each."""
        return pl.DataFrame(
            {
                "item_id": self.ids(),
                "listed_ms": self.listed_ms,
                "category": [tastes.CATEGORIES[index] for index in self.category],
                "brand": [f"brand_{index:02d}" for index in self.brand],
                "price": self.price,
            }
        )


def draw_items(seed: int, count: int, *, arriving: float, clock: Clock) -> Items:
    """Draw ``count`` items, a share ``arriving`` of which is listed during the window."""
    rng = generator(seed, Stream.ITEMS)
    listed_ms = arrivals(rng, count, arriving, clock, longest_days=_LONGEST_LISTING_DAYS)
    category = draw(rng.random(count), np.asarray(tastes.CATEGORY_SHARES))
    tier = draw(rng.random(count), np.ones(tastes.BRANDS_PER_CATEGORY))
    log_price = (
        np.asarray(tastes.CATEGORY_LOG_PRICE)[category]
        + np.asarray(tastes.BRAND_LOG_PRICE)[tier]
        + tastes.LOG_PRICE_SPREAD * rng.standard_normal(count)
    )
    return Items(
        listed_ms=listed_ms,
        category=category,
        brand=category * tastes.BRANDS_PER_CATEGORY + tier,
        price=np.maximum(np.round(np.exp(log_price), 2), 0.01),
        popularity=np.power(1.0 + rng.permutation(count), -_POPULARITY_EXPONENT, dtype=np.float64),
        appeal=tastes.ITEM_SPREAD * rng.standard_normal(count),
    )
