"""Several networks as one: the mean of their logits, what of it is reported, its student, and its export."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from features.spec import Half
from tests.training.conftest import EVERY_HALF, draw_inputs, draw_weights, make_network, run_fit
from tests.training.toys import TOY, same_weights, toy_log, validation_loss
from training.fitting.ensemble import seeds_of
from training.models import FAMILIES
from training.models.ensemble import Ensemble

FAMILY = pytest.mark.parametrize("family", sorted(FAMILIES))
CHANCE = {"dropout": 0.3, "embedding_dropout": 0.1}


def drawn_members(family="mlp", members=3):
    """Networks of one family in which no weight is zero, each with its own."""
    networks = [make_network(family=family) for _ in range(members)]
    for seed, network in enumerate(networks):
        draw_weights(network, seed)
    return networks


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    directory = tmp_path_factory.mktemp("ensemble")
    return toy_log(directory / "train", 128, 1), toy_log(directory / "validation", 64, 2)


@pytest.fixture(scope="module")
def trio(toy):
    """Three networks that learned for one epoch each."""
    tf.config.run_functions_eagerly(True)
    fitted = run_fit(toy, TOY, model={"ensemble": 3}, epochs=1, seed=4)
    tf.config.run_functions_eagerly(False)
    return fitted


# One network of several


@FAMILY
def test_the_logit_is_the_mean_of_the_members(family):
    members, inputs = drawn_members(family), draw_inputs(EVERY_HALF, 8)
    expected = np.mean([member(inputs, training=False) for member in members], axis=0)
    assert Ensemble(members)(inputs, training=False).numpy() == pytest.approx(expected, abs=1e-5)


@FAMILY
def test_the_joint_part_over_both_states_is_the_whole_ensemble(family):
    network, inputs = Ensemble(drawn_members(family)), draw_inputs(EVERY_HALF, 8)
    user, item, joint = (network.half(inputs, half) for half in Half)
    states = network.user_state(user, training=False), network.item_state(item, training=False)
    split = network.joint(*states, joint, training=False)
    assert np.array_equal(split.numpy(), network(inputs, training=False).numpy())


@FAMILY
def test_an_ensemble_has_the_weights_of_its_members_and_a_shift_of_its_own(family):
    members = drawn_members(family)
    assert Ensemble(members).count_params() == 3 * members[0].count_params() + 1


def test_saved_weights_restore_every_bit():
    inputs, network = draw_inputs(EVERY_HALF, 8), Ensemble(drawn_members())
    restored = Ensemble([make_network() for _ in range(3)])
    restored.set_weights(network.get_weights())
    assert np.array_equal(restored(inputs), network(inputs))


@pytest.mark.parametrize(("seed", "seeds"), [(7, [7, 8, 9]), (2**32 - 2, [2**32 - 2, 2**32 - 1, 0])])
def test_members_have_the_seeds_that_follow(seed, seeds):
    assert seeds_of(seed, 3) == seeds


# In a fit


def test_every_member_is_the_network_of_its_seed(eagerly, trio, toy):
    alone = run_fit(toy, TOY, epochs=1, seed=6)
    assert same_weights(trio.members[2], alone)


def test_the_members_differ(trio):
    assert not same_weights(trio.members[0], trio.members[1])


def test_every_member_has_a_curve(trio):
    assert list(trio.learning_curves("mlp")) == ["mlp 1", "mlp 2", "mlp 3"]


def test_the_first_member_stands_beside_the_ensemble(trio):
    assert trio.beside("mlp") == {"mlp 1": trio.members[0]}


def test_the_parameters_of_all_members_are_counted(trio):
    assert trio.parameters == 3 * trio.cost.parameters_of_one


def test_the_seconds_of_every_member_are_reported(trio):
    assert len(trio.cost.seconds) == 3


def test_predictions_are_the_mean_of_the_members_and_balanced(trio, toy):
    expected = np.mean([member.predictor.logits(toy[1]) for member in trio.members], axis=0)
    assert trio.predictor.logits(toy[1]) == pytest.approx(expected + trio.network.shift.numpy(), abs=1e-5)


def test_one_seed_gives_the_same_ensemble_to_the_last_bit(toy):
    # Compiled, as a real run is, and with everything that draws.
    how: dict[str, Any] = {
        "id_dropout": 0.3,
        "droppable": np.full(2, 2, np.int32),
        "ema": 0.9,
        "l2_rare": 0.1,
    }
    runs = [run_fit(toy, TOY, model={"ensemble": 2, **CHANCE}, epochs=1, seed=3, **how) for _ in range(2)]
    assert same_weights(*runs)


# A student


@pytest.fixture(scope="module")
def student(toy):
    tf.config.run_functions_eagerly(True)
    fitted = run_fit(toy, TOY, model={"ensemble": 2}, epochs=5, seed=4, distill=True, distill_weight=1.0)
    tf.config.run_functions_eagerly(False)
    return fitted


def test_a_student_is_one_network(student):
    assert student.parameters == student.teacher.cost.parameters_of_one


def test_a_student_and_its_teacher_are_both_reported(student):
    assert list(student.beside("mlp")) == ["mlp ensemble", "mlp ensemble 1"]


def test_a_student_answers_like_its_teacher(student, toy):
    # It never saw a click: what it knows, it knows from the ensemble.
    answers = [model.predictor.logits(toy[1]) for model in (student, student.teacher)]
    assert np.corrcoef(*answers)[0, 1] > 0.95
    assert validation_loss(student, toy[1]) < 0.3


def test_the_labels_for_the_student_are_cleared_away(student, toy):
    assert not toy[0].path.with_name("distilled.records").exists()
