"""Fitting on a toy log: it learns, keeps its best weights, repeats itself bit by bit and says when it cannot go on."""

import math
from typing import Any

import numpy as np
import pytest

from features.spec import FIRST_OOV_ID
from tests.training.conftest import EVERY_HALF, draw_inputs, run_fit, write_store
from tests.training.toys import TOY, noise_log, same_weights, toy_log, validation_loss
from training.errors import DataError, DivergedError
from training.fitting.optimizers import OPTIMIZERS
from training.fitting.trained import Predictor
from training.models import FAMILIES

OPTIMIZER_NAMES = sorted(OPTIMIZERS)


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """A training store of 256 impressions and a validation store of 100."""
    directory = tmp_path_factory.mktemp("toy")
    return toy_log(directory / "train", 256, 1), toy_log(directory / "validation", 100, 2)


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    directory = tmp_path_factory.mktemp("noise")
    return noise_log(directory / "train", 64, 1), noise_log(directory / "validation", 64, 2)


@pytest.fixture(scope="module")
def learned(toy):
    return run_fit(toy, TOY, epochs=10, seed=1)


@pytest.fixture(scope="module")
def overfitted(noise):
    """A network that had enough time to learn the noise by heart, with all the patience in the world."""
    hearty = {"hidden": (32,), "embedding_dim": 8}
    return run_fit(noise, TOY, model=hearty, epochs=30, early_stopping={"patience": 1000})


def losses(model):
    return [point.validation_loss for point in model.learning_curve]


# Learning


def test_the_training_loss_falls(learned):
    first, last = (learned.learning_curve[place].train_loss for place in (0, -1))
    assert first > 0.5
    assert last < 0.1


def test_a_separable_log_is_learned(learned, toy):
    clicked = toy[1].read(0, 100)["clicked"] == 1
    assert ((learned.predictor.logits(toy[1]) > 0) == clicked).all()


def test_validations_are_spread_evenly_over_the_epochs(eagerly, toy):
    model = run_fit(toy, TOY, epochs=2, early_stopping={"checks_per_epoch": 4})
    assert [point.step for point in model.learning_curve] == [2, 4, 6, 8, 10, 12, 14, 16]


def test_the_curve_counts_epochs(eagerly, toy):
    model = run_fit(toy, TOY, epochs=1, early_stopping={"checks_per_epoch": 2})
    assert [point.epoch for point in model.learning_curve] == [0.5, 1.0]


def test_a_batch_larger_than_the_log_is_the_whole_log(eagerly, toy):
    assert run_fit(toy, TOY, epochs=1, batch_size=10_000).learning_curve[-1].step == 1


def test_the_parameters_are_counted(learned):
    # Two tables of 6 rows and 2 numbers, a first layer of 5 inputs and 4 units, an output of 4 weights, 5 biases, a shift.
    assert learned.parameters == 2 * 6 * 2 + 5 * 4 + 4 + 5 + 1


# The best weights


def test_the_best_weights_are_restored(overfitted, noise):
    assert validation_loss(overfitted, noise[1]) == pytest.approx(min(losses(overfitted)), abs=1e-9)


def test_the_best_weights_were_not_the_last(overfitted):
    assert losses(overfitted)[-1] > min(losses(overfitted)) + 0.05


def test_fitting_stops_when_patience_is_lost(eagerly, noise):
    model = run_fit(noise, TOY, epochs=500, early_stopping={"patience": 3, "checks_per_epoch": 1})
    best = int(np.argmin(losses(model)))
    assert len(losses(model)) == best + 1 + 3


@pytest.mark.parametrize("checks_per_epoch", [4, 8])
def test_fitting_stops_inside_an_epoch(eagerly, toy, checks_per_epoch):
    stopping = {"patience": 2, "checks_per_epoch": checks_per_epoch, "min_delta": 10.0}
    model = run_fit(toy, TOY, epochs=5, early_stopping=stopping)
    # Nothing improves on the first validation by ten: the third one ends it, and the weights of the first are kept.
    assert [point.epoch for point in model.learning_curve] == [
        place / checks_per_epoch for place in (1, 2, 3)
    ]
    assert validation_loss(model, toy[1]) == pytest.approx(losses(model)[0], abs=1e-9)


# Chance


def test_one_seed_gives_the_same_weights_to_the_last_bit(toy):
    chance: dict[str, Any] = {"model": {"dropout": 0.3}, "id_dropout": 0.3, "droppable": np.ones(2, np.int32)}
    assert same_weights(*(run_fit(toy, TOY, seed=3, epochs=1, **chance) for _ in range(2)))


def test_another_seed_gives_other_weights(eagerly, toy):
    assert not same_weights(*(run_fit(toy, TOY, epochs=1, seed=seed) for seed in (3, 4)))


# Failing


@pytest.mark.parametrize(
    "checks_per_epoch", [pytest.param(1, id="within an epoch"), pytest.param(1000, id="at the very step")]
)
def test_a_rate_that_diverges_is_refused_with_what_to_do(eagerly, toy, checks_per_epoch):
    with pytest.raises(DivergedError, match=r"lower training\.optimizer\.learning_rate \(now 1e\+30\)"):
        run_fit(
            toy,
            TOY,
            optimizer={"name": "sgd", "learning_rate": 1e30},
            early_stopping={"checks_per_epoch": checks_per_epoch},
        )


def test_a_network_that_is_very_sure_is_no_failure(eagerly, toy):
    steep: dict[str, Any] = {
        "optimizer": {"name": "sgd", "learning_rate": 3e4},
        "model": {"family": "logistic"},
    }
    assert math.isfinite(losses(run_fit(toy, TOY, epochs=1, **steep))[-1])


def test_nothing_to_train_on_is_refused(tmp_path, toy):
    with pytest.raises(DataError, match="expected impressions to train on, got none"):
        run_fit((toy_log(tmp_path / "train", 0, 1), toy[1]), TOY)


# Every choice of the task file


def first_and_last_loss(toy, **training):
    curve = run_fit(toy, TOY, epochs=3, **training).learning_curve
    return curve[0].train_loss, curve[-1].train_loss


@pytest.mark.parametrize("name", OPTIMIZER_NAMES)
def test_every_optimiser_learns(eagerly, toy, name):
    first, last = first_and_last_loss(toy, optimizer={"name": name, "learning_rate": 0.05})
    assert last < first


@pytest.mark.parametrize("loss", ["binary_crossentropy", "absolute_error", "squared_error"])
def test_every_loss_falls(eagerly, toy, loss):
    first, last = first_and_last_loss(toy, loss=loss)
    assert last < first


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_family_is_fitted_with_all_regularisation(eagerly, tmp_path, family):
    ids, values = draw_inputs(EVERY_HALF, 64)
    store = write_store(tmp_path / "train", EVERY_HALF, np.arange(64) % 2, ids=ids, values=values)
    everything = {"family": family, "dropout": 0.2, "embedding_dropout": 0.2, "batch_norm": True}
    model = run_fit((store, store), EVERY_HALF, model=everything, l2=0.01, l2_embedding=0.01, epochs=1)
    assert math.isfinite(losses(model)[-1])


def test_clipping_the_gradient_keeps_a_large_rate_in_check(eagerly, toy):
    clipped = {"name": "sgd", "learning_rate": 10.0, "clip_norm": 0.01}
    assert max(losses(run_fit(toy, TOY, optimizer=clipped))) < 1.0


def test_the_rate_follows_its_schedule(eagerly, toy):
    # 8 steps in one epoch, looked at after the 4th and the 8th: half a cosine at steps 3 and 7 of 8.
    model = run_fit(toy, TOY, epochs=1, schedule={"name": "cosine", "floor": 0.0})
    expected = [0.05 * 0.5 * (1 + math.cos(math.pi * step / 8)) for step in (3, 7)]
    assert [point.learning_rate for point in model.learning_curve] == pytest.approx(expected)


# Unknown ids and downsampled non-clicks


def oov_row(model):
    """The embedding of the city that is out of vocabulary."""
    return model.network.embedding.table.numpy()[FIRST_OOV_ID]


@pytest.mark.parametrize(("id_dropout", "moves"), [(0.0, False), (0.5, True)])
def test_id_dropout_trains_the_oov_embedding(eagerly, toy, id_dropout, moves):
    droppable = np.array([1, 0], np.int32)
    runs = [
        run_fit(toy, TOY, seed=1, id_dropout=id_dropout, droppable=droppable, epochs=epochs)
        for epochs in (1, 3)
    ]
    assert np.array_equal(*map(oov_row, runs)) is not moves


def test_ids_that_must_not_be_dropped_stay(eagerly, toy):
    runs = [
        run_fit(toy, TOY, seed=1, id_dropout=0.5, droppable=np.array([0, 1], np.int32), epochs=epochs)
        for epochs in (1, 3)
    ]
    assert np.array_equal(*map(oov_row, runs))


def test_the_validation_loss_is_on_the_full_log(eagerly, toy):
    model = run_fit(toy, TOY, epochs=1, keep_rate=0.25)
    assert min(losses(model)) == pytest.approx(validation_loss(model, toy[1], keep_rate=0.25), abs=1e-9)


# Predicting


def test_predictions_do_not_depend_on_the_size_of_batches(learned, toy):
    sizes = (1, 7, 64, 1000)
    whole, *others = (Predictor(learned.network, size).logits(toy[1]) for size in sizes)
    assert [logits == pytest.approx(whole, abs=1e-5) for logits in others] == [True] * 3


def test_an_empty_store_has_no_predictions(learned, tmp_path):
    assert learned.predictor.logits(toy_log(tmp_path / "none", 0, 1)).shape == (0,)
