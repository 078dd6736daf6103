"""Who was shown what, when and where: a world comes in, impressions go out to the clicks and to the log."""

from dataclasses import dataclass

import numpy as np

from simulator import tastes
from simulator.chance import (
    BoolArray,
    Float64Array,
    Int64Array,
    Stream,
    draw_cumulative,
    generator,
)
from simulator.errors import UnknownBlockError
from simulator.world import World

BLOCK_PAGES = 8_192
"""Pages per block. Part of the world: another number would be another log."""

# A page with the same item twice is drawn again this often; then it stays as it is.
_REDRAWS = 20


@dataclass(frozen=True)
class Impressions:
    """Items shown to users; all arrays have the shape ``(impressions,)``.

    Attributes:
        time_ms: Epoch milliseconds, UTC; the impressions of one page share it.
        user: Index into `World.users`.
        item: Index into `World.items`.
        position: Place on the page, from 1.
    """

    time_ms: Int64Array
    user: Int64Array
    item: Int64Array
    position: Int64Array

    def __len__(self) -> int:
        return len(self.time_ms)


def block_count(world: World) -> int:
    """How many blocks the log of this world has; every one can be drawn alone."""
    return -(-world.config.impressions // (BLOCK_PAGES * world.config.positions))


def draw_impressions(world: World, block: int) -> Impressions:
    """Draw one block of the log, in the order of time; blocks follow one another in time.

    Raises:
        UnknownBlockError: If the world's log has no such block.
    """
    if not 0 <= block < block_count(world):
        raise UnknownBlockError(f"expected a block in [0, {block_count(world)}), got {block}")
    config, rng = world.config, generator(world.config.seed, Stream.EXPOSURE, block)
    all_pages = -(-config.impressions // config.positions)
    pages = np.arange(block * BLOCK_PAGES, min((block + 1) * BLOCK_PAGES, all_pages))
    # One page in each equal share of the visits: times rise without sorting the whole log.
    times_ms = world.clock.times_ms((pages + rng.random(len(pages))) / all_pages)
    users = _visitors(world, times_ms, rng)
    items = _pages_of_items(world, users, times_ms, rng)  # (pages, positions)
    # The last page of the log may be cut short.
    kept = min(items.size, config.impressions - block * BLOCK_PAGES * config.positions)
    positions = np.broadcast_to(np.arange(1, config.positions + 1), items.shape)
    return Impressions(
        time_ms=np.repeat(times_ms, config.positions)[:kept],
        user=np.repeat(users, config.positions)[:kept],
        item=items.ravel()[:kept],
        position=positions.ravel()[:kept],
    )


def _visitors(world: World, times_ms: Int64Array, rng: np.random.Generator) -> Int64Array:
    """One user per page among those signed up by then, by their activity."""
    cumulative = np.concatenate([[0.0], np.cumsum(world.users.activity)])
    signed_up = np.searchsorted(world.users.signed_up_ms, times_ms, side="right")
    return draw_cumulative(rng.random(len(times_ms)), cumulative, 0, signed_up)


def _pages_of_items(
    world: World, users: Int64Array, times_ms: Int64Array, rng: np.random.Generator
) -> Int64Array:
    """Items of every page, popular ones rather further up, shape ``(pages, positions)``."""
    positions = world.config.positions
    slot_users = np.repeat(users, positions)
    slot_times_ms = np.repeat(times_ms, positions)
    items = _pick(world, slot_users, slot_times_ms, rng)
    for _ in range(_REDRAWS):
        repeated = np.flatnonzero(_repeats(items.reshape(-1, positions)))
        if not len(repeated):
            break
        items[repeated] = _pick(world, slot_users[repeated], slot_times_ms[repeated], rng)
    pages = items.reshape(-1, positions)
    noise = -np.log(-np.log(rng.random(pages.shape)))
    order = np.argsort(-(np.log(world.items.popularity)[pages] + noise), axis=1)
    return np.take_along_axis(pages, order, axis=1)


def _repeats(pages: Int64Array) -> BoolArray:
    """Which items stand on their page a second time, the shape of ``pages``."""
    order = np.argsort(pages, axis=1, kind="stable")
    in_order = np.take_along_axis(pages, order, axis=1)
    again = np.zeros(pages.shape, dtype=np.bool_)
    again[:, 1:] = in_order[:, 1:] == in_order[:, :-1]
    repeats = np.empty_like(again)
    np.put_along_axis(repeats, order, again, axis=1)
    return repeats


def _pick(world: World, users: Int64Array, times_ms: Int64Array, rng: np.random.Generator) -> Int64Array:
    """One listed item per user and moment: now and then from the user's history, else any, by popularity."""
    items, chance = world.items, rng.random((3, len(users)))
    by_listing = np.concatenate([[0.0], np.cumsum(items.popularity)])
    listed = np.searchsorted(items.listed_ms, times_ms, side="right")
    picked = draw_cumulative(chance[0], by_listing, 0, listed)
    category = _browsed_category(world.users.history, users, chance[1])
    wanted = (chance[2] < world.config.personalised) & (category >= 0)
    wanted_category = category[wanted]
    first, end, shelf = _shelves(world, wanted_category, times_ms[wanted])
    by_shelf = np.concatenate([[0.0], np.cumsum(items.popularity[shelf])])
    stocked = end > first
    chosen = np.flatnonzero(wanted)[stocked]
    drawn = draw_cumulative(chance[0][chosen], by_shelf, first[stocked], end[stocked])
    picked[chosen] = shelf[drawn]
    return picked


def _browsed_category(history: BoolArray, users: Int64Array, uniform: Float64Array) -> Int64Array:
    """One category of each user's history, evenly; -1 where it is empty."""
    lengths = history.sum(axis=1)
    # Browsed categories first, in their own order: a stable sort of "not browsed".
    ordered = np.argsort(~history, axis=1, kind="stable")
    chosen = (uniform * lengths[users]).astype(np.int64)
    return np.where(lengths[users] > 0, ordered[users, chosen], -1)


def _shelves(
    world: World, category: Int64Array, times_ms: Int64Array
) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Where on the shelf the listed items of a category lie at a moment.

    Returns:
        First and one past the last place, each shape ``(n,)``, and the shelf itself: every item, by
        category and then by listing, shape ``(items,)``.
    """
    items = world.items
    shelf = np.argsort(items.category, kind="stable").astype(np.int64)
    # Category and listing in one rising key, so that one search finds the place.
    span = max(int(items.listed_ms[-1]), world.clock.end_ms) - int(items.listed_ms[0]) + 1
    keys = items.category[shelf] * span + (items.listed_ms[shelf] - items.listed_ms[0])
    first = np.searchsorted(items.category[shelf], np.arange(len(tastes.CATEGORIES)))[category]
    moment = times_ms - items.listed_ms[0]
    return first, np.searchsorted(keys, category * span + moment, side="right"), shelf
