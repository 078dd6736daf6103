import math
from typing import get_args

import numpy as np
import pytest
import tensorflow as tf

from training.config import TrainingConfig
from training.fitting.losses import (
    LOSSES,
    absolute_error,
    binary_crossentropy,
    softmax_crossentropy,
    squared_error,
)

CERTAIN_087 = math.log(0.87 / 0.13)
"""The logit of a probability of 0.87."""


def of_one(loss, logit, clicked):
    return float(loss(tf.constant([logit], tf.float32), tf.constant([clicked], tf.float32))[0])


def test_the_absolute_error_of_087_for_a_click_is_013():
    assert of_one(absolute_error, CERTAIN_087, 1.0) == pytest.approx(0.13, abs=1e-6)


def test_the_squared_error_of_087_for_a_click_is_013_squared():
    assert of_one(squared_error, CERTAIN_087, 1.0) == pytest.approx(0.0169, abs=1e-6)


@pytest.mark.parametrize(("clicked", "chance"), [(1.0, 0.87), (0.0, 0.13)])
def test_the_crossentropy_is_the_surprise_at_the_outcome(clicked, chance):
    assert of_one(binary_crossentropy, CERTAIN_087, clicked) == pytest.approx(-math.log(chance), rel=1e-5)


def test_a_hopeless_logit_keeps_a_finite_crossentropy():
    assert of_one(binary_crossentropy, -500.0, 1.0) == 500.0


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
def test_every_impression_has_its_own_loss(loss):
    assert loss(tf.zeros(7), tf.ones(7)).shape == (7,)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
def test_the_right_outcome_costs_less_than_the_wrong_one(loss):
    assert of_one(loss, 2.0, 1.0) < of_one(loss, 2.0, 0.0)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
def test_gradients_agree_with_finite_differences(loss):
    logits = np.array([-3.0, -0.4, 0.2, 2.5])
    clicked = tf.constant([0.0, 1.0, 0.0, 1.0], tf.float64)
    step = 1e-5
    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(loss(variable, clicked))
    higher, lower = loss(tf.constant(logits + step), clicked), loss(tf.constant(logits - step), clicked)
    assert tape.gradient(total, variable).numpy() == pytest.approx(
        ((higher - lower) / (2 * step)).numpy(), abs=1e-8
    )


def test_a_softmax_of_two_classes_is_the_sigmoid_of_their_difference():
    two = tf.constant([[0.3, 1.9], [2.0, -1.0], [0.0, 0.0]])
    clicked = tf.constant([1, 1, 0])
    one = binary_crossentropy(two[:, 1] - two[:, 0], tf.cast(clicked, tf.float32))
    assert softmax_crossentropy(two, clicked).numpy() == pytest.approx(one.numpy(), rel=1e-6)


def test_a_softmax_knows_more_than_two_classes():
    # Odds of 1 : 2 : 5, and the third class is right.
    logits = tf.math.log(tf.constant([[1.0, 2.0, 5.0]]))
    assert softmax_crossentropy(logits, tf.constant([2])).numpy()[0] == pytest.approx(-math.log(5 / 8))


def test_softmax_gradients_agree_with_finite_differences():
    logits, labels, step = np.array([[0.3, 1.9, -1.0]]), tf.constant([1]), 1e-5
    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(softmax_crossentropy(variable, labels))
    moves = [step * np.eye(3)[[place]] for place in range(3)]
    expected = [
        float((softmax_crossentropy(logits + move, labels) - softmax_crossentropy(logits - move, labels))[0])
        / (2 * step)
        for move in moves
    ]
    assert tape.gradient(total, variable).numpy()[0] == pytest.approx(expected, abs=1e-8)


def test_the_task_file_may_name_every_loss():
    assert set(get_args(TrainingConfig.model_fields["loss"].annotation)) == set(LOSSES)
