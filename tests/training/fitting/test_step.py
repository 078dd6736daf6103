"""One step of gradient descent: whose rate moves which weight, and which ids become out of vocabulary."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.training.conftest import draw_inputs, make_network, run_fit, write_store
from tests.training.toys import TOY, toy_log
from training.config import TrainingConfig
from training.encoding.encode import UNKNOWN_IS_MISSING
from training.fitting.step import IdDropout, TrainingStep
from training.models.layers import is_table

SGD = {"name": "sgd", "learning_rate": 0.1}


@pytest.fixture
def batch(tmp_path):
    ids, values = draw_inputs(TOY, 16)
    store = write_store(tmp_path / "store", TOY, np.arange(16) % 2, ids=ids, values=values)
    return store.read(0, 16)


def moved(batch, *, factor=1.0, **training: Any):
    """How far one step moves the embeddings and the other weights of a network, one array per weight."""
    network = make_network(TOY)
    network.set_weights([np.full(weight.shape, 0.1) for weight in network.get_weights()])
    before = [variable.numpy() for variable in network.trainable_variables]
    TrainingStep(network, TrainingConfig.model_validate(training), np.zeros(2, np.int32))(batch, factor, 0)
    distances = [
        variable.numpy() - start for variable, start in zip(network.trainable_variables, before, strict=True)
    ]
    tables = [is_table(variable) for variable in network.trainable_variables]
    return (
        np.concatenate([d.ravel() for d, table in zip(distances, tables, strict=True) if table]),
        np.concatenate([d.ravel() for d, table in zip(distances, tables, strict=True) if not table]),
    )


# Two optimisers


def test_without_settings_of_their_own_embeddings_follow_the_optimizer(eagerly, batch):
    one, both = moved(batch, optimizer=SGD), moved(batch, optimizer=SGD, embedding_optimizer=SGD)
    assert np.concatenate(one) == pytest.approx(np.concatenate(both))


def test_embeddings_have_a_rate_of_their_own(eagerly, batch):
    plain = moved(batch, optimizer=SGD)
    quick = moved(batch, optimizer=SGD, embedding_optimizer={**SGD, "learning_rate": 0.3})
    assert quick[0] == pytest.approx(3 * plain[0], rel=1e-3)
    assert quick[1] == pytest.approx(plain[1], rel=1e-3)


def test_embeddings_have_a_decay_of_their_own(eagerly, batch):
    # A rate of 0.1 and a decay of 2 take off a fifth of 0.1; the gradient is the same.
    plain = moved(batch, optimizer=SGD)
    decayed = moved(batch, optimizer=SGD, embedding_optimizer={**SGD, "weight_decay": 2.0})
    assert decayed[0] == pytest.approx(plain[0] - 0.2 * 0.1, abs=1e-6)
    assert decayed[1] == pytest.approx(plain[1], rel=1e-3)


def test_each_optimiser_clips_its_own_gradients(eagerly, batch):
    plain = moved(batch, optimizer=SGD)
    clipped = moved(batch, optimizer=SGD, embedding_optimizer={**SGD, "clip_norm": 1e-3})
    assert np.linalg.norm(clipped[0]) == pytest.approx(0.1 * 1e-3, rel=1e-2)
    assert clipped[1] == pytest.approx(plain[1], rel=1e-3)


def test_the_schedule_leads_both_optimisers(eagerly, batch):
    two = {"optimizer": SGD, "embedding_optimizer": {**SGD, "learning_rate": 0.3}}
    full, half = moved(batch, **two), moved(batch, factor=0.5, **two)
    assert np.concatenate(half) == pytest.approx(np.concatenate(full) / 2, abs=1e-6)


def test_the_warm_up_rises_in_equal_steps_for_both_optimisers(eagerly, tmp_path):
    # 8 steps, half of them warm-up: 1/5, 2/5, 3/5, 4/5 of the full rate, then all of it.
    store = toy_log(tmp_path / "train", 256, 1)
    model = run_fit(
        (store, store),
        TOY,
        epochs=1,
        schedule={"warmup": 0.5},
        embedding_optimizer={"learning_rate": 0.01},
        early_stopping={"checks_per_epoch": 8, "patience": 8},
    )
    rates = [point.learning_rate for point in model.learning_curve]
    assert rates == pytest.approx([0.01, 0.02, 0.03, 0.04, 0.05, 0.05, 0.05, 0.05])


# Unknown ids


def dropped(ids, oov_ids, rates=(0.0, 0.0, 0.0, 0.0, 0.0, 0.5)):
    """Two columns of ids after some of the first were made out of vocabulary, with a chance for each id."""
    first = {TOY.ids[0].name: np.array(rates)}
    drop = IdDropout(TOY, np.array([oov_ids, 0], np.int32), first, seed=1)
    columns = np.repeat(np.array(ids, np.int32)[:, np.newaxis], 2, axis=1)
    return drop(tf.constant(columns), tf.constant(0)).numpy()


@pytest.mark.parametrize("oov_ids", [1, 2, 3])
def test_dropped_ids_are_spread_evenly_over_the_oov_ids(oov_ids):
    column = dropped([5] * 6000, oov_ids)[:, 0]
    shares = np.bincount(column, minlength=6)[1 : 1 + oov_ids] / 6000
    assert shares == pytest.approx([0.5 / oov_ids] * oov_ids, abs=0.03)
    assert set(column) == {*range(1, 1 + oov_ids), 5}


def test_every_id_has_a_chance_of_its_own():
    column = dropped([3] * 6000 + [4] * 6000, 1, rates=(0, 0, 0, 0.1, 0.8))[:, 0]
    assert np.mean(column[:6000] == 1) == pytest.approx(0.1, abs=0.02)
    assert np.mean(column[6000:] == 1) == pytest.approx(0.8, abs=0.02)


def test_where_unknown_is_missing_dropped_ids_become_missing():
    column = dropped([5] * 6000, UNKNOWN_IS_MISSING)[:, 0]
    assert set(column) == {0, 5}
    assert np.mean(column == 0) == pytest.approx(0.5, abs=0.03)


def test_missing_and_unknown_ids_are_not_dropped():
    assert dropped([0, 1, 2] * 100, oov_ids=2)[:, 0].tolist() == [0, 1, 2] * 100


def test_other_columns_are_not_touched():
    assert dropped([5] * 100, oov_ids=2)[:, 1].tolist() == [5] * 100
