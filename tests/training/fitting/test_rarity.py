"""Rare ids pay as much per epoch as frequent ones and are dropped more often: counts by hand, prices, and gradients."""

import numpy as np
import pytest
import tensorflow as tf

from features.spec import FIRST_OOV_ID, Half
from tests.training.conftest import (
    EVERY_HALF,
    draw_inputs,
    draw_weights,
    make_layout,
    make_network,
    run_fit,
    write_store,
)
from training.encoding.encode import UNKNOWN_IS_MISSING
from training.fitting.rarity import HALF_DROPPED, drop_rates, looked_up, occurrences_of_ids
from training.models import FAMILIES

CITY = make_layout([("city", Half.USER, 4)])
TAGS = make_layout([("city", Half.USER, 4), ("tags", Half.ITEM, 5)])


def cities(path, ids):
    column = np.array(ids)[:, np.newaxis]
    return write_store(path / "train", CITY, np.arange(len(ids)) % 2, ids=column)


def penalty_of(network, ids):
    """What the rows that a batch looks up cost, and the gradient of the table."""
    table = network.embedding.table
    with tf.GradientTape() as tape:
        network((np.array(ids, np.int32), np.empty((len(ids), 0), np.float32)), training=True)
        total = tf.add_n(network.losses)
    return float(total), tf.convert_to_tensor(tape.gradient(total, table.value)).numpy()


@pytest.fixture
def priced():
    """A network whose city 2 was seen ten times and city 3 once; row r of its table is [r, r]."""
    network = make_network(CITY, embedding_dim=2)
    network.embedding.table.assign(np.repeat(np.arange(4.0)[:, np.newaxis], 2, axis=1))
    network.embedding.price_ids({"city": np.array([0, 0, 10, 1.0])}, weight=0.5)
    return network


def test_ids_are_counted(tmp_path):
    counts = occurrences_of_ids(cities(tmp_path, [2, 3, 2, 0]), CITY)
    assert counts["city"].tolist() == [1, 0, 2, 1]


def test_every_value_of_a_list_is_counted(tmp_path):
    ids = np.array([[2, 4, 4, 0], [3, 4, 0, 0]])
    store = write_store(tmp_path / "train", TAGS, np.array([0, 1]), ids=ids)
    assert occurrences_of_ids(store, TAGS)["tags"].tolist() == [3, 0, 0, 0, 3]


# Dropped ids

SEEN = {"city": np.array([5.0, 5.0, HALF_DROPPED, 0.0])}
ONE_OOV = np.array([1], np.int32)


def test_the_rarer_an_id_the_more_often_it_is_dropped():
    rates = drop_rates(SEEN, CITY, ONE_OOV, 0.4)
    assert rates["city"].tolist() == [0.0, 0.0, 0.2, 0.4]  # missing and OOV ids stay what they are


def test_every_id_of_some_frequency_is_hidden_about_as_often():
    counts = np.array([0.0, 0.0, 50 * HALF_DROPPED, 100 * HALF_DROPPED])
    rates = drop_rates({"city": counts}, CITY, ONE_OOV, 0.2)["city"]
    assert (rates * counts)[2:] == pytest.approx([0.2 * HALF_DROPPED] * 2, rel=0.02)


def test_columns_without_oov_ids_lose_none():
    assert drop_rates(SEEN, CITY, np.zeros(1, np.int32), 0.4) == {}


def test_without_id_dropout_no_id_is_lost():
    assert drop_rates(SEEN, CITY, ONE_OOV, 0.0) == {}


def test_dropped_ids_are_looked_up_as_out_of_vocabulary():
    expected = looked_up(SEEN, {"city": np.array([0.0, 0.0, 0.2, 0.4])}, CITY, ONE_OOV)
    assert expected["city"].tolist() == [5, 5 + 0.2 * HALF_DROPPED, 0.8 * HALF_DROPPED, 0]


def test_dropped_ids_are_spread_over_the_oov_ids():
    counts = {"city": np.array([0.0, 0.0, 0.0, 4.0])}
    rates = {"city": np.array([0.0, 0.0, 0.0, 0.5])}
    assert looked_up(counts, rates, CITY, np.array([2], np.int32))["city"].tolist() == [0, 1, 1, 2]


def test_where_unknown_is_missing_dropped_ids_are_looked_up_as_missing():
    rates = drop_rates(SEEN, CITY, np.array([UNKNOWN_IS_MISSING], np.int32), 0.4)
    assert rates["city"].tolist() == pytest.approx([0.0, 0.4 * 1000 / 1005, 0.2, 0.4])
    expected = looked_up(SEEN, {"city": np.array([0.0, 0.0, 0.2, 0.4])}, CITY, np.array([UNKNOWN_IS_MISSING]))
    assert expected["city"].tolist() == [5 + 0.2 * HALF_DROPPED, 5, 0.8 * HALF_DROPPED, 0]


# Prices


def test_a_row_costs_its_squares_over_its_occurrences(priced):
    # Mean over two impressions of 0.5 * 2 * 2^2 / 10 and 0.5 * 2 * 3^2 / 1.
    assert penalty_of(priced, [[2], [3]])[0] == pytest.approx((0.4 + 9.0) / 2)


def test_the_gradient_pulls_a_rare_row_harder(priced):
    # 2 * 0.5 * row / occurrences / 2 impressions.
    gradient = penalty_of(priced, [[2], [3]])[1]
    assert gradient == pytest.approx(np.array([[0, 0], [0, 0], [0.1, 0.1], [1.5, 1.5]]))


def test_over_an_epoch_every_row_pays_once(priced):
    # Ten batches with city 2, one of them with city 3: 0.5 * 2 * (2^2 + 3^2) over the 11 impressions.
    total, _ = penalty_of(priced, [[2]] * 10 + [[3]])
    assert total == pytest.approx(0.5 * 2 * (4 + 9) / 11)


def test_an_id_that_never_occurred_costs_nothing(priced):
    assert penalty_of(priced, [[FIRST_OOV_ID]])[0] == 0.0


def test_outside_training_nothing_costs(priced):
    priced((np.array([[3]], np.int32), np.empty((1, 0), np.float32)), training=False)
    assert priced.losses == []


def test_prices_are_no_part_of_the_network(priced):
    assert len(priced.variables) == len(make_network(CITY, embedding_dim=2).variables)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_the_tables_of_every_family_pay(family):
    network, inputs = make_network(family=family), draw_inputs(EVERY_HALF, 8)
    draw_weights(network)
    occurrences = {field.name: np.ones(field.rows) for field in EVERY_HALF.ids}
    costs = []
    for weight in (0.0, 1.0, 2.0):
        for embedding in network.field_embeddings():
            embedding.price_ids(occurrences, weight)
        network(inputs, training=True)
        costs.append(float(sum(network.losses)))
    assert costs == [0.0, pytest.approx(costs[2] / 2), pytest.approx(costs[1] * 2)]
    assert costs[1] > 0


def test_a_strong_prior_keeps_rows_small(eagerly, tmp_path):
    store = cities(tmp_path, [2, 3] * 32)
    free, bound = (
        run_fit((store, store), CITY, epochs=4, l2_rare=weight).network.embedding.table.numpy()[2:]
        for weight in (0.0, 100.0)
    )
    assert np.square(bound).sum() < 0.5 * np.square(free).sum()
