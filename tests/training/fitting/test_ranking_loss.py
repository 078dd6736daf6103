"""Smoothed labels and the ranking part of the loss, by hand and by their laws."""

import math

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit, logit

from tests.training.conftest import run_fit
from tests.training.toys import TOY, toy_log
from training.errors import ConfigError
from training.fitting.losses import binary_crossentropy, ranking_loss, smoothed
from training.metrics import auc


def ranked(logits, clicked, contexts=None):
    """The ranking loss of a few impressions, all in one context unless told otherwise."""
    contexts = np.zeros(len(logits), np.int32) if contexts is None else np.array(contexts, np.int32)
    return ranking_loss(tf.constant(logits, tf.float64), tf.constant(clicked, tf.float64), contexts).numpy()


# Smoothing


def test_smoothed_labels_keep_their_mean():
    clicked = tf.constant([1.0, 0.0, 0.0, 0.0])
    assert smoothed(clicked, 0.2, click_rate=0.25).numpy().tolist() == pytest.approx([0.85, 0.05, 0.05, 0.05])


def test_without_smoothing_labels_stay_as_they_are():
    clicked = tf.constant([1.0, 0.0])
    assert smoothed(clicked, 0.0, click_rate=0.3) is clicked


def test_a_certain_click_is_best_predicted_with_less_than_certainty():
    # 1 - 0.2 of a click and 0.2 of a click rate of 0.1.
    label = smoothed(tf.constant([1.0], tf.float64), 0.2, click_rate=0.1)
    grid = np.linspace(-4, 4, 8001)
    losses = binary_crossentropy(tf.constant(grid), tf.fill([8001], label[0]))
    assert expit(grid[np.argmin(losses)]) == pytest.approx(0.82, abs=1e-3)


# Ranking


def test_a_click_is_contrasted_with_its_context():
    # Probabilities 0.8 and 0.4; the first was clicked: -log(0.8 / 1.2), and for the other -log(0.6 / 0.8).
    losses = ranked(logit([0.8, 0.4]), [1.0, 0.0])
    assert losses == pytest.approx([math.log(1.2 / 0.8), math.log(0.8 / 0.6)])


def test_contexts_do_not_see_each_other():
    logits = logit([0.8, 0.1, 0.4, 0.9])
    losses = ranked(logits, [1.0, 1.0, 0.0, 0.0], contexts=[0, 1, 0, 1])
    apart = [*ranked(logits[[0, 2]], [1.0, 0.0]), *ranked(logits[[1, 3]], [1.0, 0.0])]
    assert losses == pytest.approx([apart[0], apart[2], apart[1], apart[3]])


def test_an_impression_alone_costs_nothing():
    assert ranked([0.3, -2.0], [1.0, 0.0], contexts=[0, 1]) == pytest.approx([0.0, 0.0])


def test_the_better_order_costs_less():
    assert ranked([2.0, -1.0], [1.0, 0.0]).sum() < ranked([-1.0, 2.0], [1.0, 0.0]).sum()


@pytest.mark.parametrize("logits", [[-500.0, 500.0], [500.0, 500.0], [-500.0, -500.0]])
def test_hopeless_logits_keep_a_finite_gradient(logits):
    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(ranking_loss(variable, tf.constant([1.0, 0.0]), np.zeros(2, np.int32)))
    assert np.isfinite([*tape.gradient(loss, variable).numpy(), float(loss)]).all()


def test_true_probabilities_are_lowest_where_labels_are_the_true_chances():
    chances = np.array([0.1, 0.3, 0.6, 0.05])
    variable = tf.Variable(logit(chances))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(ranking_loss(variable, tf.constant(chances), np.zeros(4, np.int32)))
    assert tape.gradient(loss, variable).numpy() == pytest.approx(np.zeros(4), abs=1e-12)


def test_gradients_agree_with_finite_differences():
    logits, clicked, contexts = np.array([-3.0, -0.4, 0.2, 2.5]), [0.0, 1.0, 0.0, 1.0], [0, 0, 0, 1]
    variable, step = tf.Variable(logits), 1e-5
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(ranking_loss(variable, tf.constant(clicked, tf.float64), np.array(contexts)))
    moves = step * np.eye(4)
    slopes = [
        (ranked(logits + move, clicked, contexts).sum() - ranked(logits - move, clicked, contexts).sum())
        / (2 * step)
        for move in moves
    ]
    assert tape.gradient(total, variable).numpy() == pytest.approx(slopes, abs=1e-8)


# In a fit


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    directory = tmp_path_factory.mktemp("ranking")
    return toy_log(directory / "train", 192, 1), toy_log(directory / "validation", 100, 2)


@pytest.mark.parametrize("key", [None, "brand"])
def test_ranking_alone_learns_the_order(eagerly, toy, key):
    model = run_fit(toy, TOY, epochs=3, seed=1, ranking_weight=0.9, ranking_key=key)
    clicked = toy[1].read(0, 100)["clicked"].astype(int)
    assert (auc(clicked, model.predictor.logits(toy[1])) or 0.0) > 0.95


def test_a_key_that_is_no_single_valued_id_is_refused(toy):
    with pytest.raises(ConfigError, match=r"ranking_key: .*one of \['brand', 'city'\], got 'price'"):
        run_fit(toy, TOY, ranking_weight=0.5, ranking_key="price")


def test_smoothing_keeps_a_separable_log_from_certainty(eagerly, toy):
    # The same weights meet the same impressions: only the labels differ.
    sure, modest = (
        np.abs(run_fit(toy, TOY, epochs=2, label_smoothing=share).predictor.logits(toy[1])).max()
        for share in (0.0, 0.4)
    )
    assert modest < sure
