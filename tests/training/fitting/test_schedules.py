"""How the learning rate moves: worked out by hand at a few steps, and within its bounds at all of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.config import ScheduleConfig
from training.fitting.schedules import Plateau, learning_rate_factor

NAMES = ["constant", "exponential", "cosine", "restarts", "plateau"]


def factors(steps, *, total=100, epoch=10, **schedule):
    config = ScheduleConfig.model_validate(schedule)
    return [learning_rate_factor(config, step, total_steps=total, epoch_steps=epoch) for step in steps]


def test_a_constant_rate_stays():
    assert factors([0, 50, 99], name="constant") == [1.0, 1.0, 1.0]


def test_warm_up_rises_in_equal_steps_to_the_full_rate():
    rising = factors(range(5), total=40, warmup=0.1)
    assert rising == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


def test_the_first_step_of_a_warm_up_already_moves():
    assert factors([0], warmup=0.5)[0] > 0


def test_cosine_falls_from_one_over_the_middle_to_the_floor():
    assert factors([0, 50, 100], name="cosine", floor=0.1) == pytest.approx([1.0, 0.55, 0.1])


def test_cosine_starts_when_the_warm_up_ends():
    assert factors([20, 60, 100], name="cosine", floor=0.0, warmup=0.2) == pytest.approx([1.0, 0.5, 0.0])


def test_exponential_starts_when_the_warm_up_ends():
    assert factors([20, 30, 40], name="exponential", decay=0.5, warmup=0.2) == pytest.approx([1.0, 0.5, 0.25])


def test_restarts_begin_when_the_warm_up_ends():
    falling = factors([15, 20, 25, 30], name="restarts", floor=0.0, warmup=0.15)
    assert falling == pytest.approx([1.0, 0.5, 1.0, 0.5])


def test_restarts_begin_again_with_every_epoch():
    assert factors([0, 5, 10, 15], name="restarts", floor=0.0) == pytest.approx([1.0, 0.5, 1.0, 0.5])


def test_exponential_falls_by_its_factor_every_epoch():
    assert factors([0, 10, 20], name="exponential", decay=0.5) == pytest.approx([1.0, 0.5, 0.25])


def test_exponential_ends_at_the_floor():
    assert factors([99], name="exponential", decay=0.1, floor=0.02) == [0.02]


@pytest.mark.parametrize("name", NAMES)
@given(step=st.integers(0, 99), warmup=st.floats(0, 0.9), floor=st.floats(0, 1))
def test_the_rate_is_never_above_the_full_one_nor_below_zero(name, step, warmup, floor):
    assert 0.0 <= factors([step], name=name, warmup=warmup, floor=floor)[0] <= 1.0


@pytest.mark.parametrize("name", NAMES)
def test_a_run_of_one_step_has_a_rate(name):
    assert factors([0], total=1, epoch=1, name=name) == [1.0]


@pytest.fixture
def plateau():
    """Halves the rate, down to 0.2."""
    return Plateau(ScheduleConfig(name="plateau", decay=0.5, floor=0.2))


def test_a_falling_loss_keeps_the_rate(plateau):
    for loss in (0.5, 0.4, 0.3):
        plateau.update(loss)
    assert plateau.factor == 1.0


@pytest.mark.parametrize("next_loss", [0.5, 0.6], ids=["still", "rising"])
def test_a_loss_that_no_longer_falls_cuts_the_rate(plateau, next_loss):
    plateau.update(0.5)
    plateau.update(next_loss)
    assert plateau.factor == 0.5


def test_the_rate_is_not_cut_below_the_floor(plateau):
    for _ in range(6):
        plateau.update(0.5)
    assert plateau.factor == 0.2


def test_other_schedules_have_no_plateau():
    constant = Plateau(ScheduleConfig(name="constant"))
    constant.update(0.5)
    constant.update(0.6)
    assert constant.factor == 1.0
