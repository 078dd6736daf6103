"""Several values in one field: mean, sum and attention, by hand and as laws that hold in every family."""

import functools

import numpy as np
import pytest

from features.layout import EncodedLayout, IdField
from features.spec import Half
from tests.training.conftest import ATTENDING, draw_weights, make_layout, make_network
from training.config import ModelConfig
from training.models import FAMILIES
from training.models.attention import LocalActivation
from training.models.layers import FieldEmbedding

FAMILY = pytest.mark.parametrize("family", sorted(FAMILIES))
POOLING = pytest.mark.parametrize("pooling", ["mean", "sum", "attention"])
TAGS = {pooling: make_layout([("tags", Half.ITEM, 8)], pooling=pooling) for pooling in ("mean", "sum")}
LAYOUTS = {**TAGS, "attention": ATTENDING}


@functools.cache
def drawn_network(family, pooling):
    network = make_network(LAYOUTS[pooling], family=family)
    draw_weights(network)
    return network


def logits_of_lists(family, pooling, *lists):
    """The logits of impressions that differ in one multi-valued field only."""
    layout = LAYOUTS[pooling]
    ids = [[2, 2, 4, *tokens] if pooling == "attention" else tokens for tokens in lists]
    values = np.ones((len(lists), layout.value_width), np.float32)
    return drawn_network(family, pooling)((np.array(ids, np.int32), values), training=False).numpy()


# Laws of every family


@FAMILY
@POOLING
def test_padding_and_order_inside_a_list_do_not_matter(family, pooling):
    logits = logits_of_lists(family, pooling, [2, 5, 0], [5, 0, 2], [0, 2, 5])
    assert logits == pytest.approx([logits[0]] * 3, rel=1e-6, abs=1e-6)


@FAMILY
def test_a_mean_does_not_grow_with_repetition(family):
    once, thrice = logits_of_lists(family, "mean", [4, 0, 0], [4, 4, 4])
    assert once == pytest.approx(thrice, abs=1e-6)


@pytest.mark.parametrize(
    ("family", "pooling"),
    [
        # A single neuron has one weight per id and nothing to attend with: it takes the mean.
        (family, pooling)
        for family in sorted(FAMILIES)
        for pooling in ("sum", "attention")
        if (family, pooling) != ("logistic", "attention")
    ],
)
def test_a_sum_grows_with_repetition(family, pooling):
    once, thrice = logits_of_lists(family, pooling, [4, 0, 0], [4, 4, 4])
    assert abs(once - thrice) > 1e-3


# Attention by hand


def make_activation(kernels, *, units=(), softmax=False, width=2):
    """A local activation over embeddings of two numbers, with the given weights."""
    config = ModelConfig(attention_units=units, attention_softmax=softmax, activation="relu")
    layer = LocalActivation(width, config)
    layer(np.zeros((1, width, 2), np.float32), np.zeros((1, 2), np.float32), np.ones((1, width), bool))
    if kernels is not None:
        layer.set_weights([np.array(kernel, np.float32) for kernel in kernels])
    return layer


def pooled(layer, tokens, query, present=(True, True)):
    arrays = (np.array([tokens], np.float32), np.array([query], np.float32), np.array([present]))
    return layer(*arrays).numpy()[0].tolist()


TOKENS = [[1.0, 0.0], [0.0, 2.0]]
PART = {
    "query": [[1], [1], [0], [0], [0], [0], [0], [0]],
    "token": [[0], [0], [1], [1], [0], [0], [0], [0]],
    "difference": [[0], [0], [0], [0], [1], [1], [0], [0]],
    "product": [[0], [0], [0], [0], [0], [0], [1], [1]],
}


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param("query", [4.0, 8.0], id="the weights are 3 + 1 and 3 + 1"),
        pytest.param("token", [1.0, 4.0], id="the weights are 1 and 2"),
        pytest.param("difference", [3.0, 4.0], id="the weights are 4 - 1 and 4 - 2"),
        pytest.param("product", [3.0, 4.0], id="the weights are 3 times 1 and 1 times 2"),
    ],
)
def test_a_token_is_weighed_by_what_the_activation_unit_sees(seen, expected):
    assert pooled(make_activation([PART[seen], [0.0]]), TOKENS, [3.0, 1.0]) == expected


def test_the_activation_unit_has_hidden_layers():
    # The hidden unit is relu(product - 2.5): 0.5 for the first token, 0 for the second; doubled, plus one.
    layer = make_activation([PART["product"], [-2.5], [[2.0]], [1.0]], units=(1,))
    assert pooled(layer, TOKENS, [3.0, 1.0]) == [2.0, 2.0]


def test_a_padded_place_has_no_weight():
    layer = make_activation([PART["token"], [5.0]])
    assert pooled(layer, TOKENS, [3.0, 1.0], present=(False, True)) == [0.0, 14.0]


def test_the_weights_of_a_softmax_sum_to_one():
    assert pooled(make_activation([PART["query"]], softmax=True), TOKENS, [3.0, 1.0]) == [0.5, 1.0]


def test_a_softmax_leaves_padding_out():
    layer = make_activation([PART["query"]], softmax=True)
    assert pooled(layer, TOKENS, [3.0, 1.0], present=(False, True)) == [0.0, 2.0]


@pytest.mark.parametrize("softmax", [False, True])
def test_a_sequence_of_padding_pools_to_nothing(softmax):
    assert pooled(make_activation(None, softmax=softmax), TOKENS, [3.0, 1.0], (False, False)) == [0.0, 0.0]


def test_training_begins_near_the_mean_of_a_full_list():
    layer = make_activation(None, width=4)
    layer.weigh.kernel.assign(np.zeros((8, 1)))
    tokens = [[1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [6.0, 0.0]]
    assert pooled(layer, tokens, [9.0, 9.0], (True,) * 4) == [3.0, 0.0]


# Shared embeddings


def test_a_field_that_is_like_another_has_no_rows_of_its_own():
    assert FieldEmbedding(ATTENDING, 2).table.shape == (6 + 5 + 7, 2)


def test_weights_of_a_linear_part_are_not_shared():
    assert FieldEmbedding(ATTENDING.first_order(), 1).table.shape == (6 + 5 + 7 + 7, 1)


def test_a_shared_id_is_looked_up_in_the_table_of_the_other_field():
    item = IdField("item", Half.ITEM, rows=3, start=1)
    clicked = IdField("clicked", Half.USER, rows=3, start=0, pooling="sum", like="item")
    embedding = FieldEmbedding(EncodedLayout((clicked, item), ()), 1)
    embedding.set_weights([np.array([[1.0], [2.0], [3.0]], np.float32)])
    ids = np.array([[2]], np.int32)
    assert embedding(ids, half=Half.USER).numpy().ravel() == embedding(ids, half=Half.ITEM).numpy().ravel()


def test_every_attending_field_is_given_the_item_that_it_attends():
    fields = [
        IdField("brand", Half.ITEM, rows=3, start=0),
        IdField("item", Half.ITEM, rows=3, start=1),
        IdField("items", Half.JOINT, rows=3, start=2, pooling="attention", like="item", attends="item"),
        IdField("brands", Half.JOINT, rows=3, start=3, pooling="attention", like="brand", attends="brand"),
    ]
    embedding = FieldEmbedding(EncodedLayout(tuple(fields), ()), 1)
    embedding.set_weights([np.arange(6, dtype=np.float32)[:, np.newaxis]])
    assert embedding.queries(np.array([[1, 2]], np.int32)).numpy().tolist() == [[[5.0], [1.0]]]


def test_what_a_sequence_attends_travels_in_the_state_of_the_item():
    network = drawn_network("mlp", "attention")
    item = network.half((np.array([[1, 2, 4, 0, 0, 0]], np.int32), np.ones((1, 2), np.float32)), Half.ITEM)
    query = network.embedding.table.numpy()[6 + 5 + 4]
    assert network.item_state(item, training=False).numpy()[0, -3:].tolist() == query.tolist()
