"""Networks of several targets: heads over a shared bottom or experts, fitted, averaged and distilled together."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit

from features.spec import Half
from tests.training.conftest import EVERY_HALF, draw_inputs, draw_weights, run_fit, write_store
from tests.training.toys import TOY, unbalanced
from training.config import ModelConfig
from training.encoding.store import EncodedStore, StoreWriter, labels_of
from training.errors import ConfigError
from training.models import FAMILIES, Regularisation, build, family_of
from training.targets import Targets

SHOP = Targets(("click", "play", "purchase"), (None, 0, 0), (1.0, 1.0, 1.0))
SMALL = {"embedding_dim": 3, "hidden": (5, 4), "heads": 2, "gate_units": 2, "experts": 2}
NETWORKS = [(family, "shared_bottom") for family in sorted(FAMILIES)] + [
    (family, "mmoe") for family in sorted(FAMILIES) if FAMILIES[family].mixes_experts
]
NETWORK = pytest.mark.parametrize(("family", "sharing"), NETWORKS)


def new_network(family: str, sharing: str, targets: Targets = SHOP, **config: Any):
    """A network of several heads in which no weight is zero."""
    model = ModelConfig.model_validate({**SMALL, "family": family, "sharing": sharing, **config})
    network = build(EVERY_HALF, model, Regularisation(), targets).built_for_layout()
    draw_weights(network)
    return network


# Heads


@NETWORK
def test_every_target_has_a_head_of_its_own(family, sharing):
    logits = new_network(family, sharing)(draw_inputs(EVERY_HALF, 8)).numpy()
    assert logits.shape == (8, 3)
    assert len({column.tobytes() for column in logits.T}) == 3


@NETWORK
def test_the_gradients_of_all_targets_reach_every_weight(family, sharing):
    network = new_network(family, sharing)
    variables = [variable.value for variable in network.trainable_variables]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(network(draw_inputs(EVERY_HALF, 8)) - 0.3))
    gradients = [tf.convert_to_tensor(gradient).numpy() for gradient in tape.gradient(loss, variables)]
    assert all(np.abs(gradient).max() > 0 for gradient in gradients)


def test_a_softmax_head_has_two_outputs_for_every_target():
    logits = new_network("mlp", "shared_bottom", head="softmax")(draw_inputs(EVERY_HALF, 8))
    assert logits.shape == (8, 3)


def test_kept_states_give_what_the_whole_network_gives_with_experts():
    network, inputs = new_network("mlp", "mmoe"), draw_inputs(EVERY_HALF, 8)
    user, item, joint = (network.half(inputs, half) for half in Half)
    states = network.user_state(user, training=False), network.item_state(item, training=False)
    assert np.array_equal(network.joint(*states, joint, training=False), network(inputs))


def test_a_gate_that_trusts_one_expert_leaves_the_others_out():
    network, inputs = new_network("mlp", "mmoe"), draw_inputs(EVERY_HALF, 8)
    experts = network.tower
    for kernel in experts.gates.kernels.values():
        kernel.assign(np.zeros(kernel.shape))
    # Two experts for each of three targets: the first one is trusted by all.
    experts.gates.bias.assign([50.0, -50.0] * 3)
    before = network(inputs).numpy()
    experts.towers[1].first.bias.assign_add(np.ones(5))
    assert network(inputs).numpy() == pytest.approx(before, abs=1e-6)


@pytest.mark.parametrize(
    "config",
    [
        pytest.param({"family": "final_mlp"}, id="streams without outputs"),
        pytest.param({"family": "logistic"}, id="no hidden layer in the family"),
        pytest.param({"family": "mlp", "hidden": ()}, id="no hidden layer asked for"),
    ],
)
def test_a_family_that_cannot_mix_experts_is_refused(config):
    with pytest.raises(ConfigError, match=r"expected one of .*'mlp'.* with hidden layers for mmoe"):
        family_of(ModelConfig.model_validate({"sharing": "mmoe", **config}))


# Fitting


def shop_log(path, rows, seed):
    """Even cities click nine times in ten, odd ones one time in ten; who clicks an even brand buys it mostly."""
    rng = np.random.default_rng(seed)
    ids, values = draw_inputs(TOY, rows, seed)
    ids = np.maximum(ids, 2)
    clicked = rng.random(rows) < click_chances(ids)
    purchased = clicked & (rng.random(rows) < purchase_chances(ids))
    store = EncodedStore(path, TOY, Targets(("click", "purchase"), (None, 0), (1.0, 1.0)))
    with StoreWriter(store) as writer:
        writer.append(ids, values, clicked, purchased[:, None])
    return store


def click_chances(ids):
    return np.where(ids[:, 0] % 2 == 0, 0.9, 0.1)


def purchase_chances(ids):
    """After a click."""
    return np.where(ids[:, 1] % 2 == 0, 0.8, 0.1)


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("targets")
    return shop_log(directory / "train", 6000, 1), shop_log(directory / "validation", 2000, 2)


@pytest.fixture(scope="module")
def learned(logs):
    return run_fit(logs, TOY, epochs=6, batch_size=200, model={"hidden": (8,)})


def probabilities_of(model, store):
    return expit(model.predictor.target_logits(store, 1.0))


def test_labels_of_a_store_come_back_side_by_side(logs):
    labels = labels_of(logs[0].read(0, 100))
    assert labels.shape == (100, 2)
    assert (labels[:, 1] <= labels[:, 0]).all()


def test_both_targets_come_near_their_truth(learned, logs):
    ids = logs[1].read(0, 2000)["ids"]
    clicks = click_chances(ids)
    truth = np.stack([clicks, clicks * purchase_chances(ids)], axis=1)
    assert np.abs(probabilities_of(learned, logs[1]) - truth).mean() < 0.04


def test_a_purchase_is_never_likelier_than_its_click(learned, logs):
    clicks, purchases = probabilities_of(learned, logs[1]).T
    assert (purchases < clicks).all()


def clicked_alone(path, store):
    """The clicked impressions of a log, with the purchase as their label."""
    records = store.read(0, store.rows)
    clicked = records[records["clicked"] == 1]
    return write_store(path, TOY, clicked["outcomes"][:, 0], ids=clicked["ids"], values=clicked["values"])


def test_a_purchase_model_of_clicked_impressions_promises_too_much_of_all_of_them(learned, logs, tmp_path):
    biased_logs = clicked_alone(tmp_path / "train", logs[0]), clicked_alone(tmp_path / "validation", logs[1])
    biased = run_fit(biased_logs, TOY, epochs=6, batch_size=200, model={"hidden": (8,)})
    purchases = logs[1].read(0, 2000)["outcomes"].mean()
    assert expit(biased.predictor.logits(logs[1])).mean() > 1.6 * purchases
    assert probabilities_of(learned, logs[1])[:, 1].mean() == pytest.approx(purchases, rel=0.1)


def test_the_first_targets_logits_are_those_that_every_other_part_asks_for(learned, logs):
    assert learned.predictor.logits(logs[1]) == pytest.approx(
        learned.predictor.target_logits(logs[1], 1.0)[:, 0]
    )


def test_validation_is_the_sum_of_both_log_losses(learned, logs):
    with unbalanced(learned):
        labels, chances = labels_of(logs[1].read(0, 2000)), probabilities_of(learned, logs[1])
    losses = -np.where(labels == 1, np.log(chances), np.log1p(-chances)).mean(axis=0)
    best = min(point.validation_loss for point in learned.learning_curve)
    assert best == pytest.approx(losses.sum(), rel=1e-4)


@pytest.mark.usefixtures("eagerly")
def test_an_ensemble_is_distilled_target_by_target(logs):
    student = run_fit(
        logs, TOY, epochs=1, batch_size=1000, model={"ensemble": 2, "hidden": (4,)}, distill=True
    )
    assert (
        probabilities_of(student, logs[1]).shape
        == probabilities_of(student.teacher, logs[1]).shape
        == (2000, 2)
    )


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(
    "training", [{"label_smoothing": 0.1}, {"ranking_weight": 0.2}, {"loss": "squared_error"}], ids=str
)
def test_every_loss_takes_several_targets(logs, training):
    fitted = run_fit(logs, TOY, epochs=1, batch_size=1000, model={"hidden": (4,)}, **training)
    assert np.isfinite(probabilities_of(fitted, logs[1])).all()
