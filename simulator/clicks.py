"""What shown items are worth: impressions come in, true click probabilities and clicks go out to the log."""

import numpy as np

from simulator import tastes
from simulator.chance import Float64Array, Int64Array, sigmoid
from simulator.clock import DAY_MS
from simulator.exposure import Impressions
from simulator.world import World

# With drift, each category takes over the audience of the one this many places further.
_HEIR = 3


def click_probabilities(world: World, shown: Impressions) -> Float64Array:
    """The oracle: the expected click given all that a model can observe, that is every column and both ids.

    The latent taste of the moment is integrated out exactly: with some probability the visitor is in the
    mood for the item's category and clicks with sigmoid(logit + MOOD), otherwise with sigmoid(logit).
    Moods are drawn anew for every impression, hence no history of clicks tells more than this.

    Returns:
        Probabilities, shape ``(impressions,)``, each in (0, 1).
    """
    logits, mood = _logits(world, shown), _mood_probabilities(world, shown)
    return mood * sigmoid(logits + tastes.MOOD) + (1.0 - mood) * sigmoid(logits)


def draw_clicks(world: World, shown: Impressions, rng: np.random.Generator) -> Int64Array:
    """Let every visitor be in some mood and click or not; 0 or 1, shape ``(impressions,)``."""
    chance = rng.random((2, len(shown)))
    in_mood = chance[0] < _mood_probabilities(world, shown)
    probabilities = sigmoid(_logits(world, shown) + tastes.MOOD * in_mood)
    return np.asarray(chance[1] < probabilities, dtype=np.int64)


def _logits(world: World, shown: Impressions) -> Float64Array:
    """Logits of a visitor who is not in the mood for the item's category."""
    return (
        tastes.BASE
        + _user_effects(world, shown.user)
        + _item_effects(world, shown)
        + _position_effects(world, shown)
        + _price_fit(world, shown)
        + _taste(world, shown)
        + _hour_effects(world, shown)
    )


def _user_effects(world: World, user: Int64Array) -> Float64Array:
    users = world.users
    effects = (
        np.asarray(tastes.AGE_BAND_APPEAL)[users.age_band]
        + np.asarray(tastes.DEVICE_APPEAL)[users.device]
        + np.asarray(tastes.CITY_APPEAL)[users.city]
        + users.appeal
    )
    return np.asarray(effects[user], dtype=np.float64)


def _item_effects(world: World, shown: Impressions) -> Float64Array:
    items = world.items
    effects = (
        np.asarray(tastes.CATEGORY_APPEAL)[items.category]
        + np.asarray(tastes.BRAND_APPEAL)[items.brand % tastes.BRANDS_PER_CATEGORY]
        + tastes.PRICE_SLOPE * items.scaled_log_price()
        + items.appeal
    )
    age_days = (shown.time_ms - items.listed_ms[shown.item]) / DAY_MS
    novelty = tastes.NOVELTY * np.exp(-np.maximum(age_days, 0.0) / tastes.NOVELTY_DAYS)
    return np.asarray(effects[shown.item] + novelty, dtype=np.float64)


def _position_effects(world: World, shown: Impressions) -> Float64Array:
    """Later positions are seen less, the more so the smaller the screen."""
    factor = np.asarray(tastes.DEVICE_POSITION_FACTOR)[world.users.device[shown.user]]
    return np.asarray(-tastes.POSITION_DROP * factor * np.log2(shown.position), dtype=np.float64)


def _price_fit(world: World, shown: Impressions) -> Float64Array:
    """A bump around the price that the age band likes best, and a slope by device."""
    price = world.items.scaled_log_price()[shown.item]
    ideal = np.asarray(tastes.IDEAL_PRICE)[world.users.age_band[shown.user]]
    slope = np.asarray(tastes.DEVICE_PRICE_SLOPE)[world.users.device[shown.user]]
    bump = np.exp(-0.5 * ((price - ideal) / tastes.PRICE_FIT_WIDTH) ** 2)
    return np.asarray(tastes.PRICE_FIT * bump + slope * price, dtype=np.float64)


def _taste(world: World, shown: Impressions) -> Float64Array:
    """Affinity of users and categories; when the world drifts, each category turns into its heir."""
    category = world.items.category[shown.item]
    now, browsed = _affinity(world, shown.user, category), world.users.history[shown.user, category]
    if world.config.drift == 0.0:
        return now + tastes.HISTORY_MATCH * browsed
    heir = (category + _HEIR) % len(tastes.CATEGORIES)
    later, browsed_heir = _affinity(world, shown.user, heir), world.users.history[shown.user, heir]
    angle = world.config.drift * world.clock.weeks(shown.time_ms)
    cosine, sine = np.cos(angle), np.sin(angle)
    # Affinities average 0, so turning them keeps their spread; a match is a bonus, so its shares sum to 1.
    match = cosine**2 * browsed + sine**2 * browsed_heir
    return np.asarray(cosine * now + sine * later + tastes.HISTORY_MATCH * match, dtype=np.float64)


def _affinity(world: World, user: Int64Array, category: Int64Array) -> Float64Array:
    """What age band and gender add for a category before any drift, shape ``(impressions,)``."""
    by_age = tastes.age_audience()[world.users.age_band[user], category]
    by_gender = tastes.gender_audience()[world.users.gender[user], category]
    return np.asarray(by_age + by_gender, dtype=np.float64)


def _hour_effects(world: World, shown: Impressions) -> Float64Array:
    """The evening, and every category's own best hour, both in the shop's time zone."""
    hour = world.clock.local_hours(shown.time_ms)
    evening = tastes.HOUR_SWING * np.cos((np.arange(24.0) - 21.0) * 2 * np.pi / 24)
    by_hour = evening[:, None] + tastes.dayparts()  # (24, categories)
    return np.asarray(by_hour[hour, world.items.category[shown.item]], dtype=np.float64)


def _mood_probabilities(world: World, shown: Impressions) -> Float64Array:
    """How likely the visitor is in the mood for the item's category, shape ``(impressions,)``."""
    browsed = world.users.history[shown.user, world.items.category[shown.item]]
    return np.where(browsed, tastes.MOOD_WHEN_BROWSED, tastes.MOOD_ELSEWHERE)
