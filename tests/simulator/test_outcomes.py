"""What clicks lead to: plays and purchases, none without a click, each as often as its truth says."""

import numpy as np
import polars as pl
import pytest

from simulator import (
    ShopFiles,
    WorldConfig,
    build_world,
    draw_clicks,
    draw_impressions,
    draw_outcomes,
    purchase_probabilities,
)
from simulator.chance import Stream, generator


@pytest.fixture(scope="module")
def impressions(default_shop: ShopFiles) -> pl.DataFrame:
    """The default log with its truth beside it."""
    return pl.concat([pl.read_csv(default_shop.log), pl.read_csv(default_shop.truth)], how="horizontal")


@pytest.mark.parametrize("label", ["played", "purchased"])
def test_nothing_happens_without_a_click(impressions: pl.DataFrame, label: str):
    assert impressions.filter(pl.col("clicked") == 0)[label].sum() == 0


@pytest.mark.parametrize(("label", "target"), [("played", "play"), ("purchased", "purchase")])
@pytest.mark.parametrize("fifth", range(5))
def test_each_happens_as_often_as_its_truth_says(impressions: pl.DataFrame, label, target, fifth):
    some = impressions.sort(f"probability_{target}")[fifth * 100_000 : (fifth + 1) * 100_000]
    truth = some[f"probability_{target}"].to_numpy()
    assert abs(some[label].sum() - truth.sum()) < 4 * np.sqrt((truth * (1 - truth)).sum())


@pytest.mark.parametrize("target", ["play", "purchase"])
def test_nothing_is_likelier_than_the_click_before_it(impressions: pl.DataFrame, target: str):
    assert (impressions[f"probability_{target}"] < impressions["probability"]).all()


def test_clicked_impressions_are_a_biased_choice_for_purchases():
    world = build_world(WorldConfig())
    shown = draw_impressions(world, 0)
    after_click = purchase_probabilities(world, shown)
    clicked = draw_clicks(world, shown, generator(1, Stream.CLICKS)) == 1
    assert after_click[clicked].mean() > 1.1 * after_click.mean()


def test_the_same_chance_draws_the_same_outcomes():
    world = build_world(WorldConfig())
    shown = draw_impressions(world, 0)
    clicked = np.ones(len(shown), np.int64)
    once, again = (draw_outcomes(world, shown, clicked, generator(1, Stream.OUTCOMES)) for _ in range(2))
    assert np.array_equal(once, again)
