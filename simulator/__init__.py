"""A shop whose true click probabilities are known: a `WorldConfig` comes in, log and truth go out."""

from simulator.chance import Float64Array, Int64Array
from simulator.clicks import click_probabilities, draw_clicks
from simulator.exposure import Impressions, draw_impressions
from simulator.figures import WorldFigures, measure
from simulator.shop import ShopFiles, write_shop
from simulator.world import World, WorldConfig, build_world

__all__ = [
    "Float64Array",
    "Impressions",
    "Int64Array",
    "ShopFiles",
    "World",
    "WorldConfig",
    "WorldFigures",
    "build_world",
    "click_probabilities",
    "draw_clicks",
    "draw_impressions",
    "measure",
    "write_shop",
]
