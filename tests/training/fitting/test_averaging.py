"""The average of the weights: its closed form, its place in the network, and what a fit does with it."""

import numpy as np
import pytest
import tensorflow as tf

from tests.training.conftest import run_fit
from tests.training.toys import TOY, toy_log, validation_loss
from training.fitting.averaging import WeightAverage


def averaged(path, decay):
    """The average of one weight that had these values after its first, second, ... step."""
    weight = tf.Variable(-100.0)  # from before the first step: never part of the average
    average = WeightAverage([weight], decay)
    for step, value in enumerate(path):
        weight.assign(value)
        average.update(tf.constant(step, tf.int32))
    with average.in_place():
        return float(weight)


@pytest.mark.parametrize("decay", [0.5, 0.9, 0.999])
def test_after_one_step_the_average_is_the_weight(decay):
    assert averaged([3.0], decay) == pytest.approx(3.0, rel=1e-6)


def test_the_average_is_a_sum_with_falling_shares():
    # Shares 1/8, 1/4, 1/2 of 4, 2, 1, over their sum 7/8.
    assert averaged([4.0, 2.0, 1.0], decay=0.5) == pytest.approx((0.5 + 0.5 + 0.5) / 0.875, rel=1e-6)


def test_a_long_memory_is_nearly_the_mean():
    assert averaged([1.0, 2.0, 3.0, 4.0], decay=0.9999) == pytest.approx(2.5, abs=1e-3)


def test_the_closed_form_holds_after_many_steps():
    path = np.random.default_rng(1).normal(size=300)
    shares = 0.98 ** np.arange(299, -1, -1)
    assert averaged(path, decay=0.98) == pytest.approx((shares * path).sum() / shares.sum(), abs=1e-5)


def test_the_network_has_its_own_weights_again_afterwards():
    weight = tf.Variable([1.0, 2.0])
    average = WeightAverage([weight], 0.9)
    with pytest.raises(KeyError), average.in_place():
        raise KeyError
    assert weight.numpy().tolist() == [1.0, 2.0]


def test_looking_at_the_average_twice_gives_the_same():
    weight = tf.Variable(1.0)
    average = WeightAverage([weight], 0.9)
    average.update(tf.constant(0))
    weight.assign(5.0)
    looks = []
    for _ in range(2):
        with average.in_place():
            looks.append(float(weight))
    assert looks == [1.0, 1.0]


# In a fit


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    directory = tmp_path_factory.mktemp("averaging")
    return toy_log(directory / "train", 256, 1), toy_log(directory / "validation", 100, 2)


def test_the_curve_is_of_the_averaged_weights_which_are_kept(eagerly, toy):
    smoothed = run_fit(toy, TOY, epochs=3, ema=0.9, model={"batch_norm": True})
    lowest = min(point.validation_loss for point in smoothed.learning_curve)
    assert validation_loss(smoothed, toy[1]) == pytest.approx(lowest, abs=1e-6)


def test_the_weights_train_on_untouched_by_their_average(eagerly, toy):
    # Without an average nothing else differs, so the losses of the training batches are the same.
    plain, averaged = (run_fit(toy, TOY, epochs=2, ema=ema) for ema in (None, 0.9))
    losses = [[point.train_loss for point in model.learning_curve] for model in (plain, averaged)]
    assert losses[0] == losses[1]
