"""Configuration, clock and weighted draws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from simulator import World, WorldConfig, build_world
from simulator.chance import Stream, draw, draw_cumulative, generator
from simulator.clock import clock_of


def test_the_defaults_are_the_fixed_world():
    config = WorldConfig()
    assert (config.impressions, config.seed, config.drift) == (500_000, 2026, 0.0)


def test_an_unknown_key_is_refused():
    with pytest.raises(ValidationError, match="sead"):
        WorldConfig.model_validate({"sead": 1})


def test_an_unknown_time_zone_is_refused():
    with pytest.raises(
        ValidationError, match="expected an IANA time zone such as Europe/Berlin, got 'Berlin'"
    ):
        WorldConfig(time_zone="Berlin")


@pytest.mark.parametrize("key", ["impressions", "users", "items", "days", "positions"])
def test_a_world_of_nothing_is_refused(key):
    with pytest.raises(ValidationError, match=key):
        WorldConfig.model_validate({key: 0})


@pytest.fixture(scope="module")
def default_world() -> World:
    return build_world(WorldConfig())


def test_three_in_ten_users_sign_up_during_the_log(default_world: World):
    assert (default_world.users.signed_up_ms >= default_world.clock.start_ms).mean() == 0.3


def test_three_in_ten_items_are_listed_during_the_log(default_world: World):
    assert (default_world.items.listed_ms >= default_world.clock.start_ms).mean() == 0.3


def test_ids_are_unique(default_world: World):
    assert (default_world.users.ids().n_unique(), default_world.items.ids().n_unique()) == (5_000, 1_000)


def test_every_brand_belongs_to_one_category(default_world: World):
    brands = default_world.items.table().group_by("brand").agg(categories="category")
    assert brands["categories"].list.n_unique().max() == 1


def test_a_smaller_log_has_the_same_users(default_world: World):
    smaller = build_world(WorldConfig(impressions=10))
    assert smaller.users.table().equals(default_world.users.table())


@pytest.mark.parametrize(
    ("utc", "hour"),
    [
        pytest.param("2026-03-01T23:00", 0, id="local midnight, winter"),
        pytest.param("2026-03-28T12:00", 13, id="winter is an hour ahead of UTC"),
        pytest.param("2026-03-29T00:59", 1, id="the last minute of winter"),
        pytest.param("2026-03-29T01:00", 3, id="summer time skips 2 o'clock"),
        pytest.param("2026-03-29T12:00", 14, id="summer is two hours ahead"),
        pytest.param("2026-04-05T12:00", 14, id="beyond the window its last offset holds"),
    ],
)
def test_local_hours(default_world: World, utc, hour):
    time_ms = np.array([np.datetime64(utc, "ms").astype(np.int64)])
    assert default_world.clock.local_hours(time_ms).tolist() == [hour]


def test_a_window_begins_at_midnight_of_its_own_time_zone():
    tokyo = build_world(WorldConfig(time_zone="Asia/Tokyo")).clock
    assert tokyo.start_ms == 1_772_377_200_000  # 2026-03-01 15:00 UTC


def test_half_of_a_days_visits_come_by_ten_to_four():
    # Of 146.8 parts 68.3 come before 15 o'clock and 6.5 in the hour after it: 15 + 5.1 / 6.5 = 15.785 hours.
    clock = clock_of(WorldConfig().start, days=1, time_zone="UTC")
    [middle] = clock.times_ms(np.array([0.5]))
    assert (middle - clock.start_ms) / 3_600_000 == pytest.approx(15.785, abs=0.001)


def test_draws_follow_their_weights():
    drawn = draw(np.array([0.0, 0.24, 0.26, 0.99]), np.array([1.0, 0.5, 2.5]))
    assert drawn.tolist() == [0, 0, 1, 2]


@given(
    weights=st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=20),
    uniform=st.floats(0, 1, exclude_max=True),
    data=st.data(),
)
def test_every_draw_lies_in_its_range(weights, uniform, data):
    first = data.draw(st.integers(0, len(weights) - 1))
    end = data.draw(st.integers(first + 1, len(weights)))
    cumulative = np.concatenate([[0.0], np.cumsum(weights)])
    [drawn] = draw_cumulative(np.array([uniform]), cumulative, np.array([first]), np.array([end]))
    assert first <= drawn < end


def test_streams_and_blocks_of_chance_differ():
    numbers = {
        generator(2026, stream, block).random()
        for stream in (Stream.USERS, Stream.CLICKS)
        for block in (0, 1)
    }
    assert len(numbers) == 4
