"""The textbook's examples of neurons and networks, worked on the real families and the real fit."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from features.spec import Half
from tests.training.conftest import make_layout, make_network, run_fit, write_store
from training.config import OptimizerConfig
from training.fitting.losses import binary_crossentropy
from training.fitting.optimizers import build_optimizer

TWO_INPUTS = make_layout([], [("left", Half.USER), ("right", Half.ITEM)])
ONE_INPUT = make_layout([], [("x", Half.USER)])
CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
XOR = np.array([0, 1, 1, 0], np.float32)
AND = np.array([0, 0, 0, 1], np.float32)
NO_IDS = np.empty((4, 0), np.int32)


def accuracy_on(path, clicked, **how):
    """Share of the four corners that a fitted network puts on the right side."""
    store = write_store(path / "corners", TWO_INPUTS, clicked, values=CORNERS)
    settings = {
        "epochs": 300,
        "batch_size": 4,
        "early_stopping": {"patience": 1000, "checks_per_epoch": 1},
        "optimizer": {"learning_rate": 0.05},
    }
    model = run_fit((store, store), TWO_INPUTS, **{**settings, **how})
    return float(((model.predictor.logits(store) > 0) == (clicked == 1)).mean())


# One neuron and two layers


def test_one_neuron_learns_and(tmp_path):
    assert accuracy_on(tmp_path, AND, model={"family": "logistic"}) == 1.0


def test_one_neuron_cannot_learn_xor(tmp_path):
    assert accuracy_on(tmp_path, XOR, model={"family": "logistic"}) <= 0.75


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_two_layers_learn_xor(tmp_path, activation):
    assert accuracy_on(tmp_path, XOR, model={"hidden": (8,), "activation": activation}) == 1.0


def test_two_layers_without_an_activation_are_one_neuron(tmp_path):
    assert accuracy_on(tmp_path, XOR, model={"hidden": (8,), "activation": "linear"}) <= 0.75


def test_two_neurons_written_by_hand_are_xor():
    # relu(a + b) - 2 relu(a + b - 1), the textbook's solution, moved to -0.5 and 0.5.
    network = make_network(TWO_INPUTS, hidden=(2,), activation="relu")
    set_by_name(
        network,
        user_kernel=[[1, 1]],
        item_kernel=[[1, 1]],
        first_bias=[0, -1],
        last_kernel=[[1], [-2]],
        last_bias=[-0.5],
    )
    assert network((NO_IDS, CORNERS)).numpy().tolist() == [-0.5, 0.5, 0.5, -0.5]


def set_by_name(network, *, user_kernel, item_kernel, first_bias, last_kernel, last_bias):
    first, last = network.tower.first, network.tower.rest[0]
    first.kernels[Half.USER.value].assign(user_kernel)
    first.kernels[Half.ITEM.value].assign(item_kernel)
    first.bias.assign(first_bias)
    last.kernel.assign(last_kernel)
    last.bias.assign(last_bias)


# No hidden layer


@pytest.fixture
def twins():
    """A logistic regression and an MLP without a hidden layer, with the same weights."""
    logistic, mlp = (make_network(TWO_INPUTS, family=family, hidden=()) for family in ("logistic", "mlp"))
    for layer in (logistic.linear.neuron, mlp.tower.first):
        layer.kernels[Half.USER.value].assign([[0.7]])
        layer.kernels[Half.ITEM.value].assign([[-1.2]])
        layer.bias.assign([0.3])
    return logistic, mlp


def test_an_mlp_without_a_hidden_layer_has_the_logits_of_logistic_regression(twins):
    expected = pytest.approx([0.3, -0.9, 1.0, -0.2])
    assert [network((NO_IDS, CORNERS)).numpy().tolist() for network in twins] == [expected, expected]


def test_an_mlp_without_a_hidden_layer_has_the_log_loss_of_logistic_regression(twins):
    losses = [binary_crossentropy(network((NO_IDS, CORNERS)), XOR).numpy() for network in twins]
    # Softplus of the logit where nothing was clicked, of its negative where something was.
    by_hand = [
        math.log1p(math.exp(sign * logit)) for sign, logit in ((1, 0.3), (-1, -0.9), (-1, 1.0), (1, -0.2))
    ]
    assert [loss.tolist() for loss in losses] == [pytest.approx(by_hand, rel=1e-5)] * 2


# Universal approximation


def squared_error_on_sine(hidden, steps=400):
    """Mean squared error of a fitted network on sin(x), x in [-pi, pi]."""
    keras.utils.set_random_seed(1)
    network = make_network(ONE_INPUT, hidden=hidden, activation="tanh")
    x = np.linspace(-np.pi, np.pi, 64, dtype=np.float32)[:, np.newaxis]
    no_ids, optimizer = np.empty((64, 0), np.int32), keras.optimizers.Adam(0.03)

    @tf.function
    def step():
        variables = network.trainable_variables
        with tf.GradientTape() as tape:
            error = tf.reduce_mean(tf.square(network((no_ids, x)) - np.sin(x[:, 0])))
        optimizer.apply(tape.gradient(error, [variable.value for variable in variables]), variables)
        return error

    optimizer.build(network.trainable_variables)
    return [float(step()) for _ in range(steps)][-1]


def test_one_hidden_layer_fits_a_sine():
    assert squared_error_on_sine(hidden=(16,)) < 0.005


def test_a_line_does_not_fit_a_sine():
    # The best line through sin(x) on [-pi, pi] leaves 1/2 - 3 / pi^2.
    assert squared_error_on_sine(hidden=()) == pytest.approx(0.5 - 3 / math.pi**2, abs=0.02)


# Activations and their gradients


def slope(activation, x):
    """The derivative of an activation at a number."""
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        active = keras.activations.get(activation)(x)
    return float(tape.gradient(active, x))


@pytest.mark.parametrize(
    ("activation", "x", "expected"),
    [
        pytest.param("sigmoid", 0.0, 0.25, id="sigmoid is steepest in the middle"),
        pytest.param("sigmoid", 10.0, 4.54e-5, id="sigmoid saturates above"),
        pytest.param("sigmoid", -10.0, 4.54e-5, id="sigmoid saturates below"),
        pytest.param("tanh", 0.0, 1.0, id="tanh is four times steeper"),
        pytest.param("tanh", 5.0, 1.816e-4, id="tanh saturates"),
        pytest.param("relu", 10.0, 1.0, id="relu never saturates above"),
        pytest.param("relu", -0.1, 0.0, id="relu has no slope below"),
        pytest.param("linear", 10.0, 1.0, id="linear"),
    ],
)
def test_the_slope_of_an_activation(activation, x, expected):
    assert slope(activation, x) == pytest.approx(expected, rel=1e-3)


def first_gradient(activation, depth=1, bias=0.0):
    """Size of the gradient of the first layer when every bias has a value and every weight is 1."""
    network = make_network(ONE_INPUT, hidden=(1,) * depth, activation=activation)
    network.set_weights(
        [np.full(weight.shape, 1.0 if weight.ndim == 2 else bias) for weight in network.get_weights()]
    )
    kernel = network.tower.first.kernels[Half.USER.value]
    with tf.GradientTape() as tape:
        logit = network((np.zeros((1, 0), np.int32), np.ones((1, 1), np.float32)))
    return abs(float(tape.gradient(logit, kernel.value)[0, 0]))


def test_gradients_vanish_through_many_sigmoids():
    # Each layer multiplies by a slope of at most 1/4.
    assert first_gradient("sigmoid", depth=8) < 0.25**8


def test_gradients_pass_through_many_relus():
    assert first_gradient("relu", depth=8) == 1.0


def test_a_relu_that_is_always_below_zero_is_dead():
    assert first_gradient("relu", bias=-5.0) == 0.0


def test_a_tanh_that_is_far_below_zero_still_learns_a_little():
    assert 0.0 < first_gradient("tanh", bias=-5.0) < 0.01


# The learning rate


@pytest.fixture
def descend(tmp_path):
    """Validation losses of plain gradient descent of one neuron on AND, one per epoch."""

    def run(learning_rate):
        store = write_store(tmp_path / "corners", TWO_INPUTS, AND, values=10 * CORNERS)
        model = run_fit(
            (store, store),
            TWO_INPUTS,
            model={"family": "logistic"},
            epochs=60,
            batch_size=4,
            optimizer={"name": "sgd", "learning_rate": learning_rate},
            early_stopping={"patience": 1000, "checks_per_epoch": 1},
        )
        return [point.validation_loss for point in model.learning_curve]

    return run


def test_a_fitting_learning_rate_comes_down(descend):
    losses = descend(0.02)
    assert losses[-1] < 0.6 * losses[0]


def test_a_learning_rate_that_is_too_small_stalls(descend):
    losses = descend(1e-7)
    assert losses[-1] > 0.999 * losses[0]


def test_a_learning_rate_that_is_too_large_never_comes_down(descend):
    # Knowing nothing costs log 2; the weights overshoot further than that, back and forth.
    assert min(descend(50.0)) > math.log(2)


def test_gradient_descent_on_a_parabola_diverges_above_its_limit():
    # x^2 / 2 multiplies x by (1 - rate): rates up to 2 come closer, larger ones run away.
    distances = [abs(after_steps(rate, steps=20)) for rate in (0.5, 1.9, 2.1)]
    assert distances == pytest.approx([0.5**20, 0.9**20, 1.1**20], rel=1e-3)


def after_steps(rate, steps):
    """Where gradient descent on x^2 / 2 stands after some steps from 1, by the task's own optimiser."""
    x = keras.Variable(1.0)
    optimizer = build_optimizer(OptimizerConfig(name="sgd", learning_rate=rate))
    for _ in range(steps):
        with tf.GradientTape() as tape:
            loss = tf.square(x.value) / 2
        optimizer.apply([tape.gradient(loss, x.value)], [x])
    return float(x)
