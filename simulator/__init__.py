"""A shop whose true click probabilities are known: a `WorldConfig` comes in, log and truth go out."""

from simulator.chance import Float64Array, Int64Array
from simulator.clicks import click_probabilities, draw_clicks
from simulator.errors import MismatchedTruthError, SimulatorError, UnknownBlockError
from simulator.exposure import Impressions, block_count, draw_impressions
from simulator.figures import WorldFigures, measure
from simulator.outcomes import draw_outcomes, play_probabilities, purchase_probabilities
from simulator.shop import ShopFiles, write_shop
from simulator.world import World, WorldConfig, build_world

__all__ = [
    "Float64Array",
    "Impressions",
    "Int64Array",
    "MismatchedTruthError",
    "ShopFiles",
    "SimulatorError",
    "UnknownBlockError",
    "World",
    "WorldConfig",
    "WorldFigures",
    "block_count",
    "build_world",
    "click_probabilities",
    "draw_clicks",
    "draw_impressions",
    "draw_outcomes",
    "measure",
    "play_probabilities",
    "purchase_probabilities",
    "write_shop",
]
