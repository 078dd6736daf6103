"""The people of the loop: days come in, visits with candidates, clicks in their own time and the truth about them go out.

`benchmarks.closed_loop.loop` puts the visits to the service and tells it what people did.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.closed_loop.plan import DAY_MS, LoopPlan
from simulator import (
    Float64Array,
    Impressions,
    Int64Array,
    block_count,
    click_probabilities,
    draw_clicks,
    draw_impressions,
)
from simulator.exposure import BLOCK_PAGES

CHANCE = 9
"""Of the stream of random numbers that are the loop's own, beside those of the world."""


@dataclass(frozen=True)
class Visits:
    """Who came when, and what could be shown.

    Attributes:
        time_ms: Epoch milliseconds, UTC, rising, shape ``(visits,)``.
        user: Index into the world's users, likewise.
        items: Indices of the candidates, shape ``(visits, candidates)``.
        explores: Whether the page shows its first candidates, whatever the model says of the others.
    """

    time_ms: Int64Array
    user: Int64Array
    items: Int64Array
    explores: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.time_ms)

    def pages(self, shown: Int64Array) -> Impressions:
        """The impressions of pages that show these items, ``(visits, positions)``, from the top."""
        positions = shown.shape[1]
        return Impressions(
            time_ms=np.repeat(self.time_ms, positions),
            user=np.repeat(self.user, positions),
            item=shown.ravel(),
            position=np.tile(np.arange(1, positions + 1), len(self)),
        )


@dataclass(frozen=True)
class Reaction:
    """What people did with impressions, each of shape ``(impressions,)``.

    Attributes:
        shown: The impressions.
        clicked: 0 or 1.
        clicked_ms: When the click comes, where there is one.
        truth: The true click probability at that moment.
    """

    shown: Impressions
    clicked: Int64Array
    clicked_ms: Int64Array
    truth: Float64Array


class Shop:
    """The simulated world as the loop uses it.

    Args:
        plan: Says which world.
    """

    def __init__(self, plan: LoopPlan) -> None:
        self.plan = plan
        self.world = plan.world()
        self.users = self.world.users.table().drop("signed_up_ms")
        self.items = self.world.items.table()

    def day_ms(self, day: int) -> int:
        """When a day begins, in epoch milliseconds."""
        return self.world.clock.start_ms + day * DAY_MS

    def visits(self, first: int, end: int) -> Visits:
        """The visits from one day to before another."""
        begin_ms, end_ms = self.day_ms(first), self.day_ms(end)
        drawn = [draw_impressions(self.world, block) for block in self._blocks(begin_ms, end_ms)]
        width = self.plan.candidates
        time_ms, user = (
            np.concatenate([getattr(block, name)[::width] for block in drawn]) for name in ("time_ms", "user")
        )
        items = np.concatenate([block.item.reshape(-1, width) for block in drawn])
        inside = (time_ms >= begin_ms) & (time_ms < end_ms)
        explores = self._chance(first).random(int(inside.sum())) < self.plan.explored
        return Visits(time_ms[inside], user[inside], items[inside], explores)

    def react(self, shown: Impressions, first: int) -> Reaction:
        """Let people click; ``first`` is the day from which on it happens, and seeds it."""
        rng = np.random.default_rng([self.plan.seed, CHANCE, 1, first])
        clicked = draw_clicks(self.world, shown, rng)
        delay_ms = rng.integers(1, self.plan.longest_delay_ms, len(shown))
        return Reaction(shown, clicked, shown.time_ms + delay_ms, click_probabilities(self.world, shown))

    def first_log(self) -> pl.DataFrame:
        """What the shop noted before there was a model: pages of items as its exposure draws them, in the form of a joined log."""
        visits = self.visits(0, self.plan.first_days)
        reaction = self.react(visits.pages(visits.items[:, : self.plan.shown]), 0)
        shown = reaction.shown
        log = pl.DataFrame(
            {
                "time_ms": shown.time_ms,
                "user_id": self.users["user_id"].gather(shown.user),
                "item_id": self.items["item_id"].gather(shown.item),
                "position": shown.position,
                "clicked": reaction.clicked,
                **dict.fromkeys(("played", "purchased", "disliked"), np.zeros_like(reaction.clicked)),
                "decision_id": pl.repeat("", len(shown), eager=True),
                "answered_probability": pl.repeat(None, len(shown), dtype=pl.Float64, eager=True),
                "version": np.zeros_like(reaction.clicked),
            }
        )
        users = self.users.with_columns(pl.col("history").fill_null("").str.split(","))
        return log.join(users, on="user_id", how="left", maintain_order="left").join(
            self.items, on="item_id", how="left", maintain_order="left"
        )

    def _blocks(self, begin_ms: int, end_ms: int) -> list[int]:
        """The blocks of the world's exposure that touch a period."""
        count, pages = block_count(self.world), self.world.config.impressions // self.plan.candidates
        shares = np.minimum(np.arange(count + 1) * BLOCK_PAGES / pages, 1.0)
        edges_ms = self.world.clock.times_ms(shares)
        touches = (edges_ms[1:] >= begin_ms) & (edges_ms[:-1] < end_ms)
        return [int(block) for block in np.flatnonzero(touches)]

    def _chance(self, first: int) -> np.random.Generator:
        return np.random.default_rng([self.plan.seed, CHANCE, 0, first])
