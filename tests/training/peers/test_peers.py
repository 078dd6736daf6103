import sys

import numpy as np
import pytest

from tests.training.reports import make_metrics
from training.config import TaskConfig, parse_config
from training.errors import ConfigError
from training.metrics import log_losses
from training.models import FAMILIES
from training.peers.peers import by_log_loss, compared_peer, depth_trials, peer_trials


def make_task(*, family="mlp", hidden=(8, 4), **parts) -> TaskConfig:
    document = {
        "name": "shop",
        "data": {"log": "log.csv", "label": "clicked", "time": None},
        "features": {"user": [{"kind": "categorical", "name": "city"}]},
        "model": {"family": family, "hidden": list(hidden), "ensemble": 2},
        "training": {"distill": True},
        **parts,
    }
    return parse_config(document, source="test")


def names(trials):
    return [trial.name for trial in trials]


def test_without_a_wish_nobody_else_is_trained():
    assert peer_trials(make_task()) == depth_trials(make_task()) == ()


def test_named_peers_come_in_the_order_of_their_names():
    task = make_task(report={"compare": ["lightgbm", "deepfm"]})
    assert names(peer_trials(task)) == ["lightgbm", "deepfm"]


def test_all_are_every_other_family_and_lightgbm():
    task = make_task().compared_with(["all"])
    assert set(names(peer_trials(task))) == {*FAMILIES, "lightgbm"} - {"mlp", "logistic"}


def test_the_task_own_family_and_the_logistic_that_is_there_anyway_are_not_trained_twice():
    assert peer_trials(make_task(report={"compare": ["mlp", "logistic"]})) == ()


def test_a_peer_is_one_network_with_the_settings_of_the_task():
    (trial,) = peer_trials(make_task(report={"compare": ["deepfm"]}))
    assert trial.network is not None
    assert (trial.network.family, trial.network.ensemble, trial.network.hidden) == ("deepfm", 1, (8, 4))
    assert not trial.training.distill


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(
        ConfigError, match=r"report\.compare: expected names among .*lightgbm, all, got 'xgb'"
    ):
        peer_trials(make_task(report={"compare": ["xgb"]}))


def test_lightgbm_that_is_named_and_not_installed_is_refused_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(ConfigError, match="pip install lightgbm"):
        peer_trials(make_task(report={"compare": ["lightgbm"]}))


@pytest.mark.parametrize(
    ("hidden", "expected"),
    [
        pytest.param((8, 4), [(8, 4, 4), (8,)], id="two layers"),
        pytest.param((8,), [(8, 8), ()], id="one layer"),
        pytest.param((), [], id="no layer to repeat"),
    ],
)
def test_depths_are_one_hidden_layer_more_and_one_less(hidden, expected):
    trials = depth_trials(make_task(hidden=hidden, report={"depth": True}))
    assert [trial.network.hidden for trial in trials if trial.network] == expected


def test_depths_differ_from_the_task_in_nothing_else():
    task = make_task(report={"depth": True})
    for trial in depth_trials(task):
        assert trial.network is not None
        assert trial.network == task.model.model_copy(update={"hidden": trial.network.hidden})
        assert trial.training == task.training


def test_all_asks_for_depths_too():
    assert names(depth_trials(make_task().compared_with(["all"]))) == ["mlp 8-4-4", "mlp 8"]


def test_a_neuron_has_no_depth():
    assert depth_trials(make_task(family="logistic", report={"depth": True})) == ()


def test_the_loss_of_an_impression_is_what_its_outcome_surprises():
    assert log_losses(np.array([1, 0]), np.array([0.25, 0.25])) == pytest.approx([np.log(4), np.log(4 / 3)])


def test_the_error_of_a_difference_is_that_of_the_pairs():
    peer = compared_peer("deepfm", make_metrics(), (np.array([1.0, 3.0, 5.0]), np.array([1.0, 2.0, 3.0])))
    # The differences are 0, 1 and 2: mean 1, standard deviation 1, over the root of 3.
    assert (peer.behind, peer.standard_error) == pytest.approx((1.0, 3**-0.5))


def test_a_difference_within_two_standard_errors_is_not_clear():
    losses = np.array([1.0, 3.0, 5.0]), np.array([1.0, 2.0, 3.0])
    assert not compared_peer("deepfm", make_metrics(), losses).is_clear


def test_what_is_always_ahead_by_the_same_is_clearly_ahead():
    losses = np.array([1.0, 2.0, 3.0]), np.array([1.5, 2.5, 3.5])
    peer = compared_peer("deepfm", make_metrics(), losses)
    assert (peer.behind, peer.is_clear) == (-0.5, True)


def test_the_best_peer_comes_first():
    peers = [
        compared_peer(name, make_metrics(), (np.full(3, loss), np.zeros(3)))
        for name, loss in (("a", 0.3), ("b", 0.1), ("c", 0.2))
    ]
    assert [peer.name for peer in by_log_loss(peers)] == ["b", "c", "a"]
