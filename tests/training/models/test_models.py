"""What every family of networks must be: the conformance suite that a new one passes by being in `FAMILIES`."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from features.spec import Half
from tests.training.conftest import (
    ATTENDING,
    EVERY_HALF,
    draw_inputs,
    draw_weights,
    make_layout,
    make_network,
)
from training.config import ModelConfig
from training.errors import ConfigError
from training.fitting.losses import binary_crossentropy
from training.models import FAMILIES, Regularisation, build, family_of

FAMILY = pytest.mark.parametrize("family", sorted(FAMILIES))
LAYOUTS = {
    "every half": EVERY_HALF,
    "no joint half": make_layout([("city", Half.USER, 6), ("brand", Half.ITEM, 7)], [("price", Half.ITEM)]),
    "only the item": make_layout([("brand", Half.ITEM, 7)], [("price", Half.ITEM)]),
    "only values": make_layout([], [("income", Half.USER), ("price", Half.ITEM), ("age", Half.JOINT)]),
    "only ids": make_layout([("city", Half.USER, 6), ("tags", Half.ITEM, 8), ("cross", Half.JOINT, 9)]),
    "attending": ATTENDING,
}
LAYOUT = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
WITH_ATTENTION = pytest.mark.parametrize("layout", [EVERY_HALF, ATTENDING], ids=["every half", "attending"])
CLICKED = np.array([0, 1, 1, 0, 1, 0, 0, 1], np.float32)


def new_network(family, layout=EVERY_HALF, **config):
    """A network in which no weight is zero."""
    network = make_network(layout, family=family, **config)
    draw_weights(network)
    return network


drawn_network = functools.cache(new_network)
"""The same for tests that leave it as it is."""


def logits_of(network, inputs):
    return network(inputs, training=False).numpy()


def gradients_in_graph(network, inputs):
    """The gradient of the batch's mean log loss for every trainable weight."""
    variables = [variable.value for variable in network.trainable_variables]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(binary_crossentropy(network(inputs, training=False), CLICKED))
    return [tf.convert_to_tensor(gradient) for gradient in tape.gradient(loss, variables)]


def gradients_of(network, inputs):
    """The same as arrays."""
    return [gradient.numpy() for gradient in gradients_in_graph(network, inputs)]


def states_of(network, inputs):
    user, item = (network.half(inputs, half) for half in (Half.USER, Half.ITEM))
    return network.user_state(user, training=False), network.item_state(item, training=False)


# Shapes and gradients


@FAMILY
@LAYOUT
def test_one_finite_logit_per_impression(family, layout):
    logits = logits_of(drawn_network(family, layout), draw_inputs(layout, 8))
    assert logits.shape == (8,)
    assert np.isfinite(logits).all()


@FAMILY
@LAYOUT
def test_the_gradient_reaches_every_weight(family, layout):
    network = drawn_network(family, layout)
    gradients = gradients_of(network, draw_inputs(layout, 8))
    assert [np.abs(gradient).max() > 0 for gradient in gradients] == [True] * len(network.trainable_variables)


@FAMILY
def test_the_gradient_reaches_both_outputs_of_a_softmax_head(family):
    network = drawn_network(family, ATTENDING, head="softmax")
    gradients = gradients_of(network, draw_inputs(ATTENDING, 8))
    assert [np.abs(gradient).max() > 0 for gradient in gradients] == [True] * len(network.trainable_variables)


@FAMILY
def test_an_untrained_network_is_finite(family):
    assert np.isfinite(logits_of(make_network(family=family), draw_inputs(EVERY_HALF, 8))).all()


@FAMILY
def test_a_compiled_step_has_the_gradients_of_an_eager_one(family):
    # Small: it takes the compiler seconds.
    small = {"hidden": (4,), "cross_layers": 1, "conv_channels": (2,), "activation": "tanh"}
    network, inputs = drawn_network(family, ATTENDING, **small), draw_inputs(ATTENDING, 8)
    compiled = tf.function(lambda ids, values: gradients_in_graph(network, (ids, values)), jit_compile=True)
    for eager, fast in zip(gradients_of(network, inputs), compiled(*inputs), strict=True):
        assert fast.numpy() == pytest.approx(eager, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize(
    ("family", "head"), [*((family, "sigmoid") for family in sorted(FAMILIES)), ("mlp", "softmax")]
)
def test_gradients_agree_with_finite_differences(family, head):
    # tanh has no kink that a step could cross; in float32 a step of 0.01 gives about three digits.
    network = new_network(family, head=head, activation="tanh")
    inputs, step = draw_inputs(EVERY_HALF, 8), 0.01
    losses = tf.function(lambda: binary_crossentropy(network(inputs, training=False), CLICKED))
    for position, gradient in enumerate(gradients_of(network, inputs)):
        variable = network.trainable_variables[position]
        place = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
        up, down = (loss_with(losses, variable, place, change) for change in (step, -step))
        assert (up - down) / (2 * step) == pytest.approx(gradient[place], rel=0.02, abs=1e-4)


def loss_with(losses, variable, place, change):
    """The mean log loss when one number of one trainable weight is moved."""
    before = variable.numpy()
    moved = before.copy()
    moved[place] += change
    variable.assign(moved)
    loss = losses().numpy().astype(np.float64).mean()
    variable.assign(before)
    return loss


# Halves


@FAMILY
@LAYOUT
def test_the_joint_part_over_both_states_is_the_whole_network(family, layout):
    network, inputs = drawn_network(family, layout), draw_inputs(layout, 8)
    joint = network.joint(*states_of(network, inputs), network.half(inputs, Half.JOINT), training=False)
    assert np.array_equal(joint.numpy(), logits_of(network, inputs))


@FAMILY
@WITH_ATTENTION
@pytest.mark.parametrize(
    ("state", "moved"), [(0, Half.ITEM), (0, Half.JOINT), (1, Half.USER), (1, Half.JOINT)]
)
def test_a_state_does_not_see_another_half(family, layout, state, moved):
    network, (ids, values) = drawn_network(family, layout), draw_inputs(layout, 8)
    other_ids, other_values = ids.copy(), values.copy()
    other_ids[:, layout.id_slice(moved)] = 2
    other_values[:, layout.value_slice(moved)] = 9.0
    before, after = (
        states_of(network, inputs)[state] for inputs in ((ids, values), (other_ids, other_values))
    )
    assert np.array_equal(before.numpy(), after.numpy())


@FAMILY
@pytest.mark.parametrize(("state", "half"), [(0, Half.USER), (1, Half.ITEM)])
def test_a_state_sees_its_own_half(family, state, half):
    network, (ids, values) = drawn_network(family), draw_inputs(EVERY_HALF, 8)
    moved = values.copy()
    moved[:, EVERY_HALF.value_slice(half)] += 1.0
    before, after = (states_of(network, inputs)[state] for inputs in ((ids, values), (ids, moved)))
    assert not np.array_equal(before.numpy(), after.numpy())


@FAMILY
def test_a_state_has_a_fixed_width(family):
    network = drawn_network(family)
    widths = {
        tuple(state.shape)[1:]
        for rows in (1, 5)
        for state in states_of(network, draw_inputs(EVERY_HALF, rows))
    }
    assert len(widths) == 1


@FAMILY
def test_a_batch_is_its_rows(family):
    network, (ids, values) = drawn_network(family), draw_inputs(EVERY_HALF, 8)
    rows = [logits_of(network, (ids[row : row + 1], values[row : row + 1]))[0] for row in range(8)]
    assert logits_of(network, (ids, values)) == pytest.approx(rows, rel=1e-5, abs=1e-5)


# Heads, dropout, batch norm, saving


@FAMILY
def test_the_softmax_of_two_outputs_is_the_sigmoid_of_their_difference(family):
    network = drawn_network(family, head="softmax")
    outputs = np.array([[0.3, 1.2], [2.0, -1.0]], np.float32)
    softmax = tf.nn.softmax(outputs).numpy()[:, 1]
    assert tf.sigmoid(network.logit_of(outputs)).numpy() == pytest.approx(softmax, rel=1e-6)


@FAMILY
def test_dropout_and_batch_norm_rest_at_inference(family):
    network = drawn_network(family, dropout=0.5, embedding_dropout=0.5, batch_norm=True)
    inputs = draw_inputs(EVERY_HALF, 8)
    first, weights = logits_of(network, inputs), network.get_weights()
    assert np.array_equal(first, logits_of(network, inputs))
    assert all(map(np.array_equal, weights, network.get_weights()))


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - {"logistic"}))
@pytest.mark.parametrize("chance", ["dropout", "embedding_dropout"])
def test_dropout_works_in_training(family, chance):
    network, inputs = new_network(family, **{chance: 0.5}), draw_inputs(EVERY_HALF, 8)
    assert not np.array_equal(network(inputs, training=True), network(inputs, training=True))


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - {"logistic"}))
def test_batch_norm_learns_its_statistics_in_training(family):
    network, inputs = new_network(family, batch_norm=True), draw_inputs(EVERY_HALF, 8)
    before = [variable.numpy() for variable in network.non_trainable_variables]
    network(inputs, training=True)
    after = [variable.numpy() for variable in network.non_trainable_variables]
    assert not all(map(np.array_equal, before, after))


@FAMILY
def test_saved_weights_restore_every_bit(family, tmp_path):
    network, inputs = drawn_network(family, batch_norm=True), draw_inputs(EVERY_HALF, 8)
    np.savez(tmp_path / "weights.npz", *network.get_weights())
    restored = make_network(family=family, batch_norm=True)
    with np.load(tmp_path / "weights.npz") as weights:
        restored.set_weights([weights[name] for name in weights.files])
    assert np.array_equal(logits_of(restored, inputs), logits_of(network, inputs))


@FAMILY
def test_one_seed_makes_one_network(family):
    networks = []
    for _ in range(2):
        keras.utils.set_random_seed(7)
        networks.append(make_network(family=family).get_weights())
    assert all(map(np.array_equal, *networks))


# Regularisation


@FAMILY
@pytest.mark.parametrize("weights", [{"l2": 0.1}, {"l2_embedding": 0.1}], ids=["dense", "embeddings"])
def test_l2_is_counted_once_per_call(family, weights):
    network = build(EVERY_HALF, ModelConfig(family=family), Regularisation(**weights)).built_for_layout()
    draw_weights(network)
    inputs = draw_inputs(EVERY_HALF, 8)
    penalties = []
    for _ in range(2):
        network(inputs, training=True)
        penalties.append(float(tf.add_n(network.losses)))
    assert penalties[0] == penalties[1] > 0


def test_l2_reaches_the_layers_that_weigh_a_sequence():
    config = ModelConfig(family="mlp", embedding_dim=2, hidden=(), attention_units=(3,))
    network = build(ATTENDING, config, Regularisation(l2=0.1)).built_for_layout()
    for weight in network.trainable_weights:
        weight.assign(tf.fill(weight.shape, 2.0 if "local_activation" in weight.path else 0.0))
    network(draw_inputs(ATTENDING, 2), training=True)
    # Four pairs of two numbers into three units, these into one weight; their biases go free.
    assert float(tf.add_n(network.losses)) == pytest.approx(0.1 * 4 * (8 * 3 + 3))


def test_l2_is_the_weighted_sum_of_squares():
    layout = make_layout([], [("income", Half.USER), ("price", Half.ITEM)])
    network = build(layout, ModelConfig(family="logistic"), Regularisation(l2=0.1)).built_for_layout()
    network.set_weights([np.full(weight.shape, 3.0) for weight in network.get_weights()])
    network(draw_inputs(layout, 2), training=True)
    assert float(tf.add_n(network.losses)) == pytest.approx(0.1 * (9 + 9))  # the bias goes free


def test_l2_of_embeddings_is_the_mean_over_the_batch():
    layout = make_layout([("city", Half.USER, 3)])
    config = ModelConfig(family="logistic")
    network = build(layout, config, Regularisation(l2_embedding=0.1)).built_for_layout()
    network.linear.id_weights.table.assign([[0.0], [1.0], [2.0]])
    network((np.array([[1], [2]], np.int32), np.empty((2, 0), np.float32)), training=True)
    assert float(tf.add_n(network.losses)) == pytest.approx(0.1 * (1 + 4) / 2)


# Choosing


def test_an_unknown_family_lists_the_known_ones():
    with pytest.raises(ConfigError, match=r"expected one of \[.*'logistic', 'mlp'.*\], got 'mpl'"):
        make_network(family="mpl")


def test_an_unknown_activation_is_refused_by_name():
    with pytest.raises(ConfigError, match=r"model\.activation: .*'rleu'"):
        make_network(activation="rleu")


def test_an_activation_that_wants_more_than_its_layer_s_sums_is_refused_by_name():
    with pytest.raises(ConfigError, match=r"model\.activation: .*'threshold'"):
        family_of(ModelConfig(activation="threshold"))


@FAMILY
def test_an_activation_that_halves_its_layer_works_or_is_refused_by_name(family):
    halving = {"family": family, "activation": "glu", "hidden": (8, 4), "attention_units": (4,)}
    if family in {"final_mlp", "ccpm"}:
        with pytest.raises(ConfigError, match=rf"model\.activation: .* for {family}, got 'glu'"):
            family_of(ModelConfig(**halving))
    else:
        assert np.isfinite(logits_of(make_network(**halving), draw_inputs(EVERY_HALF, 4))).all()


@pytest.mark.parametrize("odd", [{"hidden": (8, 5)}, {"attention_units": (5,)}])
def test_an_activation_that_halves_its_layer_wants_even_layers(odd):
    with pytest.raises(ConfigError, match=r"expected even numbers for 'glu', .* got \[.*5.*\]"):
        family_of(ModelConfig(activation="glu", **odd))


@pytest.mark.parametrize("activation", ["linear", "sigmoid", "tanh", "relu", "gelu", "silu"])
def test_an_activation_of_keras_can_be_chosen(activation):
    assert np.isfinite(logits_of(make_network(activation=activation), draw_inputs(EVERY_HALF, 4))).all()
