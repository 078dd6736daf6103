"""What clicks lead to: impressions and clicks come in, plays and purchases and their true probabilities go out."""

import numpy as np

from simulator import tastes
from simulator.chance import Float64Array, Int64Array, sigmoid
from simulator.exposure import Impressions
from simulator.world import World


def play_probabilities(world: World, shown: Impressions) -> Float64Array:
    """How likely a click on each impression is followed by a play, shape ``(impressions,)``, each in (0, 1).

    Moods say nothing about it, so that the probability of a play, click or not, is this times the click's.
    """
    logits = (
        tastes.PLAY_BASE
        + np.asarray(tastes.CATEGORY_PLAY)[world.items.category[shown.item]]
        + np.asarray(tastes.DEVICE_PLAY)[world.users.device[shown.user]]
        + tastes.POSITION_PLAY * np.log2(shown.position)
    )
    return sigmoid(logits)


def purchase_probabilities(world: World, shown: Impressions) -> Float64Array:
    """How likely a click on each impression is followed by a purchase, likewise."""
    category = world.items.category[shown.item]
    price = world.items.scaled_log_price()[shown.item]
    ideal = np.asarray(tastes.IDEAL_PRICE)[world.users.age_band[shown.user]]
    logits = (
        tastes.PURCHASE_BASE
        + np.asarray(tastes.CATEGORY_PURCHASE)[category]
        + np.asarray(tastes.DEVICE_PURCHASE)[world.users.device[shown.user]]
        + tastes.PURCHASE_PRICE_SLOPE * price
        + tastes.PURCHASE_PRICE_FIT * np.exp(-0.5 * ((price - ideal) / tastes.PRICE_FIT_WIDTH) ** 2)
        + tastes.PURCHASE_HISTORY_MATCH * world.users.history[shown.user, category]
    )
    return sigmoid(logits)


def draw_outcomes(
    world: World, shown: Impressions, clicked: Int64Array, rng: np.random.Generator
) -> tuple[Int64Array, Int64Array]:
    """Plays and purchases, each 0 or 1, shape ``(impressions,)``; none without a click, each regardless of the other."""
    chance = rng.random((2, len(shown)))
    played = clicked * (chance[0] < play_probabilities(world, shown))
    purchased = clicked * (chance[1] < purchase_probabilities(world, shown))
    return played.astype(np.int64), purchased.astype(np.int64)
