"""A linear model mixed into the networks: its share, and the one graph of both."""

import numpy as np
import pytest
import tensorflow as tf

from features.spec import Half
from tests.training.conftest import EVERY_HALF, draw_inputs, draw_weights, make_network, run_fit
from tests.training.toys import TOY, toy_log
from training.fitting.blend import share_of_networks
from training.models.ensemble import Ensemble

NOTHING = np.zeros(400)
CLICKED = (np.arange(400) % 2 == 0).astype(np.float32)
RIGHT = np.where(CLICKED == 1, 3.0, -3.0)


def test_networks_that_know_more_get_nearly_everything():
    assert share_of_networks(RIGHT, NOTHING, CLICKED) > 0.95


def test_a_linear_model_that_knows_more_gets_nearly_everything():
    assert share_of_networks(NOTHING, RIGHT, CLICKED) < 0.05


def test_models_that_say_the_same_share_equally():
    assert share_of_networks(RIGHT, RIGHT, CLICKED) == pytest.approx(0.5, abs=1e-4)


def test_two_impressions_hardly_move_the_share_from_one_half():
    assert abs(share_of_networks(RIGHT[:2], NOTHING[:2], CLICKED[:2]) - 0.5) < 0.3


def mixed_ensemble():
    """A perceptron and a linear model whose states differ in width."""
    members = [make_network(family="mlp"), make_network(family="logistic")]
    for seed, network in enumerate(members):
        draw_weights(network, seed)
    return members, Ensemble(members, shares=(0.7, 0.3))


def test_the_logit_is_the_weighted_mean_of_members_of_any_family():
    members, ensemble = mixed_ensemble()
    inputs = draw_inputs(EVERY_HALF, 8)
    perceptron, linear = (member(inputs, training=False).numpy() for member in members)
    assert ensemble(inputs, training=False).numpy() == pytest.approx(
        0.7 * perceptron + 0.3 * linear, abs=1e-4
    )


def test_states_of_different_widths_give_the_whole_logit():
    _, ensemble = mixed_ensemble()
    inputs = draw_inputs(EVERY_HALF, 8)
    user, item, joint = (ensemble.half(inputs, half) for half in Half)
    states = ensemble.user_state(user, training=False), ensemble.item_state(item, training=False)
    split = ensemble.joint(*states, joint, training=False)
    assert np.array_equal(split.numpy(), ensemble(inputs, training=False).numpy())


@pytest.fixture(scope="module")
def blend(tmp_path_factory):
    """Two networks and a linear model that learned for one epoch each."""
    directory = tmp_path_factory.mktemp("blend")
    toy = toy_log(directory / "train", 128, 1), toy_log(directory / "validation", 64, 2)
    tf.config.run_functions_eagerly(True)
    fitted = run_fit(toy, TOY, model={"ensemble": 2, "linear_member": True}, epochs=1, seed=4)
    tf.config.run_functions_eagerly(False)
    return fitted, toy[1]


def test_the_linear_model_is_the_last_member(blend):
    assert [member.config.family for member in blend[0].members] == ["mlp", "mlp", "logistic"]


def test_the_curve_of_the_linear_model_is_none_of_a_network(blend):
    assert list(blend[0].learning_curves("mlp")) == ["mlp 1", "mlp 2", "mlp linear"]


def test_the_parameters_of_every_member_are_reported(blend):
    assert blend[0].cost.parameters == tuple(member.parameters for member in blend[0].members)
    assert blend[0].parameters == sum(blend[0].cost.parameters)


def test_a_blend_keeps_the_name_of_its_networks(blend):
    assert blend[0].config.family == "mlp"


def test_the_networks_share_equally_what_the_linear_model_leaves(blend):
    first, second, linear = blend[0].network.weights_of_members
    assert first == second
    assert first + second + linear == pytest.approx(3.0)


def test_predictions_are_the_weighted_mean_of_the_members(blend):
    fitted, validation = blend
    logits = [member.predictor.logits(validation) for member in fitted.members]
    expected = np.average(logits, axis=0, weights=fitted.network.weights_of_members)
    assert fitted.predictor.logits(validation) == pytest.approx(expected, abs=1e-5)
