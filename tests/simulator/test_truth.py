"""The truth: an average over moods, interactions that no sum expresses, tastes that stand still or turn."""

import numpy as np
import pytest

from simulator import Impressions, WorldConfig, build_world, click_probabilities, draw_clicks, tastes
from simulator.chance import Stream, generator

WEEK_MS = 7 * 86_400_000
NOON_MS = 1_772_406_000_000 + 12 * 3_600_000
"""Noon in Berlin on the first day of the default log."""
OLD_ITEM, OLD_USER = 0, 0


def make_impressions(*, time_ms=NOON_MS, user=OLD_USER, item=OLD_ITEM, position=1) -> Impressions:
    columns = np.broadcast_arrays(*(np.atleast_1d(column) for column in (time_ms, user, item, position)))
    return Impressions(*columns)


def logit(probabilities):
    return np.log(probabilities) - np.log1p(-probabilities)


@pytest.mark.parametrize("user", [OLD_USER, 1, 2])
def test_the_truth_is_the_average_click_over_all_moods(user):
    world = build_world(WorldConfig())
    shown = make_impressions(user=np.full(400_000, user), item=2)
    expected = click_probabilities(world, shown)[0]
    clicked = draw_clicks(world, shown, generator(1, Stream.CLICKS))
    assert clicked.mean() == pytest.approx(expected, abs=4 * np.sqrt(expected / 400_000))


def test_a_user_with_the_category_in_the_history_likes_the_item_better():
    world = build_world(WorldConfig())
    category = world.items.category[OLD_ITEM]
    browsed = world.users.history[:, category]
    probabilities = click_probabilities(world, make_impressions(user=np.arange(5_000)))
    # At least the match itself, less what the mood's average takes away.
    gap = logit(probabilities[browsed]).mean() - logit(probabilities[~browsed]).mean()
    assert gap > tastes.HISTORY_MATCH


def test_later_positions_lose_more_on_a_phone_than_on_a_desktop():
    world = build_world(WorldConfig())
    phone, desktop = (int(np.flatnonzero(world.users.device == device)[0]) for device in (0, 1))
    probabilities = click_probabilities(
        world, make_impressions(user=[phone, phone, desktop, desktop], position=[1, 5] * 2)
    )
    phone_loss, desktop_loss = logit(probabilities)[[0, 2]] - logit(probabilities)[[1, 3]]
    assert phone_loss > 1.5 * desktop_loss > 0


def test_an_interaction_holds_nothing_that_a_sum_of_effects_expresses():
    table = tastes.interaction(np.array([[3.0, 1.0], [1.0, 1.0]]), strength=0.4)
    assert table == pytest.approx(np.array([[0.4, -0.4], [-0.4, 0.4]]))


def test_a_sum_of_effects_has_no_interaction_left_beside_the_real_one():
    real = np.array([[1.0, -1.0], [-1.0, 1.0]])
    effects = np.array([[10.0], [20.0]]) + np.array([[3.0, 5.0]])
    assert tastes.interaction(real + effects, strength=1.0) == pytest.approx(real)


@pytest.mark.parametrize("weeks", [1, 2, 3])
def test_without_drift_tastes_are_the_same_every_week(weeks):
    world = build_world(WorldConfig())
    users = np.arange(1_000)
    now = click_probabilities(world, make_impressions(user=users))
    later = click_probabilities(world, make_impressions(user=users, time_ms=NOON_MS + weeks * WEEK_MS))
    # The item is eight months old: its novelty has worn off.
    assert later == pytest.approx(now, rel=1e-6)


def test_with_drift_tastes_turn_and_go_on_turning():
    world = build_world(WorldConfig(drift=0.3))
    users = np.arange(1_000)
    logits = [
        logit(click_probabilities(world, make_impressions(user=users, time_ms=NOON_MS + weeks * WEEK_MS)))
        for weeks in (0, 1, 3)
    ]
    assert 0.2 < (logits[1] - logits[0]).std() < (logits[2] - logits[0]).std()


def test_drift_leaves_the_first_moment_as_it_was():
    start = make_impressions(time_ms=1_772_406_000_000, user=np.arange(1_000))
    still, drifting = (build_world(WorldConfig(drift=drift)) for drift in (0.0, 1.0))
    assert click_probabilities(drifting, start).tolist() == pytest.approx(
        click_probabilities(still, start).tolist()
    )
