"""The mean of a network's probabilities over its training slice is the click rate there, however it came about."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from tests.training.conftest import draw_inputs, run_fit, write_store
from tests.training.toys import TOY, unbalanced
from training.encoding.store import labels_of
from training.fitting.balance import MOST, shifts
from training.targets import CLICK, Targets

SHOP = Targets(("click", "purchase"), (None, 0), (1.0, 1.0))


def drawn(heads, seed=0):
    return np.random.default_rng(seed).normal(size=(1000, heads))


def moved(targets, heads, rates):
    """The shifts of heads whose probabilities nothing calibrates."""
    return shifts(heads, rates, lambda logits: expit(targets.on_all_impressions(np, logits)))


# What is added to each logit


@given(st.floats(0.05, 0.95), st.floats(-1.0, 1.0))
def test_the_mean_becomes_the_rate(rate, offset):
    logits = drawn(1) + offset
    found = moved(CLICK, logits, np.array([rate]))
    assert expit(logits + found).mean() == pytest.approx(rate, abs=1e-9)


def test_a_balanced_network_stays_as_it_is():
    logits = drawn(1)
    assert moved(CLICK, logits, expit(logits).mean(axis=0)) == pytest.approx([0.0], abs=1e-9)


def test_what_comes_after_a_click_is_balanced_among_all_impressions():
    logits = drawn(2)
    found = moved(SHOP, logits, np.array([0.3, 0.05]))
    both = expit(SHOP.on_all_impressions(np, logits + found))
    assert both.mean(axis=0) == pytest.approx([0.3, 0.05], abs=1e-9)


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_a_rate_that_no_shift_reaches_is_left_alone(rate):
    assert moved(CLICK, drawn(1), np.array([rate])).tolist() == [0.0]


def test_purchases_as_frequent_as_clicks_leave_the_clicks_balanced():
    logits = drawn(2)
    found = moved(SHOP, logits, np.array([0.3, 0.3]))
    assert expit(logits[:, 0] + found[0]).mean() == pytest.approx(0.3, abs=1e-9)
    assert found[1] == 0.0


def test_a_network_that_is_far_off_is_no_matter_of_a_shift():
    assert moved(CLICK, drawn(1) + 2 * MOST, np.array([0.5])).tolist() == [0.0]


# After a fit


def rare_log(path, rows, seed):
    """One click in twelve, more of them in even cities."""
    rng = np.random.default_rng(seed)
    ids, values = draw_inputs(TOY, rows, seed)
    ids = np.maximum(ids, 2)
    clicked = rng.random(rows) < np.where(ids[:, 0] % 2 == 0, 0.15, 0.02)
    return write_store(path, TOY, clicked, ids=ids, values=values)


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("rare")
    return rare_log(directory / "train", 2000, 1), rare_log(directory / "validation", 1000, 2)


def promised_over_clicked(model, store):
    return expit(model.predictor.logits(store)).mean() / labels_of(store.read(0, store.rows)).mean()


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(
    "how",
    [
        {},
        {"ema": 0.99, "model": {"dropout": 0.5}},
        {"model": {"head": "softmax"}},
        {"model": {"batch_norm": True}},
        {"loss": "squared_error"},
        {"keep_rate": 0.25},
        {"model": {"ensemble": 2, "linear_member": True}},
        {"model": {"ensemble": 2}, "distill": True},
    ],
    ids=str,
)
def test_a_fitted_model_promises_as_many_clicks_as_its_training_slice_had(logs, how: dict[str, Any]):
    model = run_fit(logs, TOY, epochs=1, batch_size=200, **how)
    assert promised_over_clicked(model, logs[0]) == pytest.approx(1.0, abs=1e-4)
    with unbalanced(model):
        assert abs(promised_over_clicked(model, logs[0]) - 1.0) > 0.001


@pytest.mark.usefixtures("eagerly")
def test_every_logit_is_moved_alike(logs):
    model = run_fit(logs, TOY, epochs=1, batch_size=200)
    balanced, shift = model.predictor.logits(logs[1]), model.network.shift.numpy()[0]
    with unbalanced(model):
        assert balanced - model.predictor.logits(logs[1]) == pytest.approx(shift, abs=1e-5)
