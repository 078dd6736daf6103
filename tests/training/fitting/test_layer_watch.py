import numpy as np
import pytest

from features.spec import Half
from tests.training.conftest import (
    ATTENDING,
    EVERY_HALF,
    draw_inputs,
    draw_weights,
    make_layout,
    make_network,
    run_fit,
    write_store,
)
from tests.training.toys import TOY, toy_log
from training.fitting.layer_watch import LayerWatch
from training.models import FAMILIES
from training.models.anatomy import layers_by_name, own_weights

pytestmark = pytest.mark.usefixtures("eagerly")


def look_at(network, path, keep_rate=1.0, clicked=None):
    clicked = np.arange(64) % 4 == 0 if clicked is None else clicked
    ids, values = draw_inputs(network.layout, len(clicked))
    store = write_store(path / "validation", network.layout, clicked, ids=ids, values=values)
    return LayerWatch(network, store, keep_rate).look()


def move_biases(network, by):
    """Adds a number to every bias of the first hidden layer."""
    bias = network.tower.first.bias
    bias.assign(np.full(bias.shape, by))


def test_a_network_whose_sums_are_all_far_below_zero_is_dead(tmp_path):
    network = make_network(family="mlp", activation="relu")
    move_biases(network, -1000.0)
    assert look_at(network, tmp_path)["tower hidden 1"].dead == 1.0


def test_no_gradient_reaches_a_dead_layer(tmp_path):
    network = make_network(family="mlp", activation="relu")
    move_biases(network, -1000.0)
    look = look_at(network, tmp_path)
    assert look["tower hidden 1"].gradient_norm == look["embedding"].gradient_norm == 0.0


def test_one_unit_of_five_may_be_dead(tmp_path):
    network = make_network(family="mlp", activation="relu")
    network.tower.first.bias.assign([-1000.0, 1000.0, 1000.0, 1000.0, 1000.0])
    assert look_at(network, tmp_path)["tower hidden 1"].dead == pytest.approx(0.2)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
@pytest.mark.parametrize("far", [-1000.0, 1000.0])
def test_a_network_whose_sums_are_all_far_from_zero_is_saturated(tmp_path, activation, far):
    network = make_network(family="mlp", activation=activation)
    move_biases(network, far)
    assert look_at(network, tmp_path)["tower hidden 1"].saturated == 1.0


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_a_network_whose_sums_are_near_zero_is_not_saturated(tmp_path, activation):
    network = make_network(family="mlp", activation=activation)
    network.set_weights([0.001 * weight for weight in network.get_weights()])
    assert look_at(network, tmp_path)["tower hidden 1"].saturated == 0.0


def test_an_activation_without_ends_and_without_a_dead_side_has_neither_measure(tmp_path):
    look = look_at(make_network(family="mlp", activation="linear"), tmp_path)["tower hidden 1"]
    assert (look.dead, look.saturated) == (None, None)


@pytest.mark.parametrize(
    ("keep_rate", "expected"),
    [
        pytest.param(1.0, 0.25, id="half instead of a quarter"),
        pytest.param(0.25, 0.05, id="on the full log: a fifth instead of a quarter"),
    ],
)
def test_the_gradient_of_a_bias_is_how_much_too_much_is_promised(tmp_path, keep_rate, expected):
    network = make_network(make_layout([("city", Half.USER, 4)]), family="logistic")
    look = look_at(network, tmp_path, keep_rate)
    # Without values the neuron is its bias alone; all weights are zero at the start.
    assert look["linear neuron"].gradient_norm == pytest.approx(expected)


def test_lookups_of_one_row_add_up_in_the_gradient_of_a_table(tmp_path):
    network = make_network(make_layout([("city", Half.USER, 4)]), family="logistic")
    ids = np.full((8, 1), 3, np.int32)
    store = write_store(tmp_path / "validation", network.layout, np.zeros(8), ids=ids)
    look = LayerWatch(network, store, keep_rate=1.0).look()
    assert look["linear id_weights"].gradient_norm == pytest.approx(0.5)


@pytest.mark.parametrize("layout", [EVERY_HALF, ATTENDING], ids=["every half", "attending"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_weight_of_every_family_belongs_to_one_named_layer(family, layout):
    network = make_network(layout, family=family, batch_norm=True)
    named = [
        id(weight)
        for layers in layers_by_name(network).values()
        for layer in layers
        for weight in own_weights(layer)
    ]
    assert sorted(named) == sorted(id(weight) for weight in network.trainable_weights)


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - {"logistic"}))
def test_every_family_with_hidden_layers_says_which_units_are_dead(tmp_path, family):
    network = make_network(family=family)
    draw_weights(network)
    look = look_at(network, tmp_path)
    assert any(name.endswith("hidden 1") and found.dead is not None for name, found in look.items())


def test_looking_changes_nothing(tmp_path):
    network = make_network(family="mlp", batch_norm=True)
    before = network.get_weights()
    look_at(network, tmp_path)
    assert all(map(np.array_equal, before, network.get_weights()))


def test_a_fit_looks_at_its_layers_at_every_check(tmp_path):
    logs = toy_log(tmp_path / "train", 256, 1), toy_log(tmp_path / "validation", 128, 2)
    model = run_fit(logs, TOY, early_stopping={"checks_per_epoch": 2})
    assert [set(point.layers) for point in model.learning_curve] == [
        {"embedding", "tower hidden 1", "tower output"}
    ] * 4
