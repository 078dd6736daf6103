"""How each family lets features meet: factorisation machine, cross, bilinear fusion and convolution, by hand."""

import numpy as np
import pytest
from pydantic import ValidationError

from features.spec import Half
from tests.training.conftest import EVERY_HALF, draw_inputs, draw_weights, make_layout, make_network
from training.config import ModelConfig
from training.errors import ConfigError
from training.models.ccpm import kept_responses, strongest
from training.models.dcn_v2 import Cross
from training.models.deepfm import products_of_pairs, sums_of
from training.models.final_mlp import BilinearFusion, Gate
from training.models.layers import ValueVectors


def array(numbers):
    return np.array(numbers, np.float32)


def with_weights(layer, weights, *inputs):
    """The layer's first output once it has these weights."""
    layer(*inputs)
    layer.set_weights([array(weight) for weight in weights])
    return layer(*inputs).numpy()[0].tolist()


# Factorisation machine


def test_a_factorisation_machine_adds_the_products_of_all_pairs():
    vectors = array([[[1, 2], [3, 0], [-1, 1]]])
    assert products_of_pairs(*sums_of(vectors)).numpy().tolist() == [3 + 1 - 3]


def test_one_field_alone_has_no_pair():
    assert products_of_pairs(*sums_of(array([[[1, 2]]]))).numpy().tolist() == [0]


def test_a_value_is_a_field_of_its_size_times_a_vector():
    layout = make_layout([], [("income", Half.USER), ("price", Half.ITEM), ("weight", Half.ITEM)])
    vectors = ValueVectors(layout, 2)
    vectors.set_weights([array([[1, 1], [1, 2], [3, 4]])])
    fields = vectors(array([[10, -1]]), half=Half.ITEM)
    assert fields.numpy().tolist() == [[[10, 20], [-3, -4]]]


def test_the_deep_side_of_deepfm_adds_to_linear_part_and_products():
    layout = make_layout([], [("income", Half.USER), ("price", Half.ITEM)])
    network = make_network(layout, family="deepfm", embedding_dim=2, hidden=())
    weights = {"vectors": [[1, 2], [3, 4]], "user_kernel": [[5]], "item_kernel": [[7]], "bias": [0.5]}
    for variable in network.trainable_variables:
        variable.assign(array(weights[variable.name]))
    # Twice (linear part, deep side without hidden layers) 5 x 2 + 7 x 10 + 0.5, and (1, 2)(3, 4) x 2 x 10.
    logit = network((np.zeros((1, 0), np.int32), array([[2, 10]])), training=False)
    assert logit.numpy().tolist() == [2 * 80.5 + 11 * 20]


# Wide and deep


def test_without_its_deep_side_wide_and_deep_is_logistic():
    wide, logistic = (make_network(family=family) for family in ("wide_and_deep", "logistic"))
    draw_weights(logistic)
    wide.set_weights([np.zeros(weight.shape) for weight in wide.get_weights()])
    wide.wide.set_weights(logistic.linear.get_weights())
    wide.shift.assign(logistic.shift)
    inputs = draw_inputs(EVERY_HALF, 4)
    assert wide(inputs).numpy().tolist() == logistic(inputs).numpy().tolist()


# Cross layers


def test_a_cross_layer_multiplies_with_the_inputs_and_adds_what_it_saw():
    weights = [[[1, 0], [1, 1]], [0.5, 0]]
    crossed = with_weights(Cross(2, None, 0.0), weights, array([[1, 2]]), array([[3, 4]]))
    assert crossed == [1 * (3 + 4 + 0.5) + 3, 2 * 4 + 4]


def test_a_cross_layer_of_low_rank_squeezes_what_it_saw():
    weights = [[[1], [1]], [[2, 3]], [0, 0]]
    crossed = with_weights(Cross(2, 1, 0.0), weights, array([[1, 2]]), array([[3, 4]]))
    assert crossed == [1 * 14 + 3, 2 * 21 + 4]


def test_stacked_cross_layers_feed_the_hidden_layers():
    layout = make_layout([], [("income", Half.USER), ("price", Half.ITEM)])
    network = make_network(layout, family="dcn_v2", cross_structure="stacked", cross_layers=1, hidden=())
    # x0 = (2, 3); W x = (3, 2); x = (2 x 3 + 2, 3 x 2 + 3) = (8, 9); 10 x 8 + 9 + 0.5.
    network.crosses[0].set_weights([array([[0, 1], [1, 0]]), array([0, 0])])
    network.deep.set_weights([array([[10], [1]]), array([0.5])])
    logit = network((np.zeros((1, 0), np.int32), array([[2, 3]])), training=False)
    assert logit.numpy().tolist() == [89.5]


def test_a_rank_of_nothing_is_refused():
    with pytest.raises(ValidationError, match="cross_rank"):
        ModelConfig(cross_rank=0)


# Two streams


@pytest.mark.parametrize(
    ("heads", "bilinear"),
    [
        pytest.param(1, [[[[1, 0]], [[0, 2]]]], id="one head of two numbers"),
        pytest.param(2, [[[[1]]], [[[2]]]], id="two heads of one number"),
    ],
)
def test_two_streams_are_fused_by_a_bilinear_form(heads, bilinear):
    weights = {"bilinear": bilinear, "first": [[10], [0]], "bias": [0.5], "second": [[0], [1]]}
    layer = BilinearFusion(2, heads, 1, 0.0)
    streams = array([[1, 2]]), array([[3, 5]])
    layer(*streams)
    layer.bilinear.assign(array(weights["bilinear"]))
    layer.first.set_weights([array(weights["first"]), array(weights["bias"])])
    layer.second.set_weights([array(weights["second"])])
    assert layer(*streams).numpy().tolist() == [[10 + 5 + 0.5 + 1 * 1 * 3 + 2 * 2 * 5]]


def test_a_gate_that_knows_nothing_lets_everything_pass():
    numbers = array([[3, -4]])
    gate = Gate(2, ModelConfig(gate_units=1), 0.0)
    assert with_weights(gate, [[[0], [0]], [0], [[0, 0]], [0, 0]], numbers) == [3, -4]


def test_a_gate_opens_to_twice_and_closes_to_nothing():
    gate = Gate(2, ModelConfig(gate_units=1), 0.0)
    assert with_weights(gate, [[[0], [0]], [1], [[50, -200]], [0, 0]], array([[3, -4]])) == [6, 0]


@pytest.mark.parametrize("hidden", [(), (6,)], ids=["no hidden layer", "heads do not divide it"])
def test_streams_that_the_heads_do_not_divide_are_refused(hidden):
    with pytest.raises(ConfigError, match=r"model\.hidden: expected a last layer that model\.heads \(4\)"):
        make_network(family="final_mlp", hidden=hidden, heads=4)


# Convolution


@pytest.mark.parametrize(
    ("responses", "kept"),
    [
        pytest.param([3, 1, 4, 1, 5], [3, 4, 5], id="rising"),
        pytest.param([5, 1, 4, 3, 2], [5, 4, 3], id="falling"),
        pytest.param([2, 7, 2, 7, 2], [2, 7, 7], id="of equals the first"),
    ],
)
def test_the_strongest_responses_stay_in_their_order(responses, kept):
    maps = array(responses).reshape(1, 5, 1, 1)
    assert strongest(maps, 3).numpy().ravel().tolist() == kept


def test_every_number_and_channel_has_strongest_responses_of_its_own():
    maps = array([[[1, 9], [2, 8]], [[3, 5], [0, 4]]]).reshape(1, 2, 2, 2)
    assert strongest(maps, 1).numpy().tolist() == [[[[3, 9], [2, 8]]]]


@pytest.mark.parametrize(
    ("fields", "height", "layers", "kept"),
    [
        pytest.param(10, 5, 3, [8, 3, 3], id="(1 - 1/9) 10, (1 - 2/3) 10, and three"),
        pytest.param(40, 5, 2, [20, 3], id="half of them, and three"),
        pytest.param(1, 5, 2, [3, 3], id="never fewer than three"),
        pytest.param(1, 1, 2, [1, 1], id="unless there are fewer"),
    ],
)
def test_flexible_pooling_keeps_fewer_responses_the_deeper_it_is(fields, height, layers, kept):
    assert kept_responses(fields, height, layers) == kept
