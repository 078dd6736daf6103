"""The same networks once more: on the same log to the last bit, on a longer one with what the new impressions teach."""

from typing import Any

import numpy as np
import pytest

from tests.training.conftest import run_fit
from tests.training.toys import TOY, noise_log, same_weights, toy_log
from training.fitting.descent import FitStores
from training.fitting.refit import refit
from training.progress import Silent

pytestmark = pytest.mark.usefixtures("eagerly")

KINDS = {
    "one network": {},
    "an average of its weights": {"ema": 0.9},
    "the best weights are not the last": {
        "epochs": 6,
        "early_stopping": {"checks_per_epoch": 3, "patience": 2},
    },
    "a falling rate": {"schedule": {"name": "cosine", "warmup": 0.2}},
    "ids are dropped": {"id_dropout": 0.5},
}
MODELS = {
    "an ensemble": {"ensemble": 2},
    "a linear member": {"linear_member": True},
    "an ensemble and a linear member": {"ensemble": 2, "linear_member": True},
}


@pytest.fixture
def logs(tmp_path):
    return noise_log(tmp_path / "train", 128, 1), noise_log(tmp_path / "validation", 64, 2)


def stores_of(train, validation):
    return FitStores(train, validation, np.zeros(TOY.id_width, np.int32))


@pytest.mark.parametrize("training", KINDS.values(), ids=KINDS)
def test_on_the_same_log_a_network_gets_the_same_weights(logs, training):
    fitted = run_fit(logs, TOY, seed=4, **training)
    assert same_weights(refit(fitted, stores_of(*logs), Silent()), fitted)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_and_several_networks_do(logs, model):
    fitted = run_fit(logs, TOY, model=model, seed=4)
    assert same_weights(refit(fitted, stores_of(*logs), Silent()), fitted)


def test_and_a_student_does(logs):
    fitted = run_fit(logs, TOY, model={"ensemble": 2}, distill=True, seed=4)
    assert same_weights(refit(fitted, stores_of(*logs), Silent()), fitted)


def test_a_longer_log_is_gone_through_as_often(logs, tmp_path):
    fitted = run_fit(logs, TOY, epochs=4, seed=4)
    longer = toy_log(tmp_path / "longer", 512, 3)
    again = refit(fitted, stores_of(longer, longer), Silent())
    assert (again.epochs, again.learning_curve[-1].step) == (fitted.epochs, round(fitted.epochs * 512 / 32))


def test_nothing_is_chosen_by_what_validates(logs, tmp_path):
    fitted = run_fit(logs, TOY, epochs=4, seed=4)
    other = toy_log(tmp_path / "other", 64, 9)
    assert same_weights(refit(fitted, stores_of(logs[0], other), Silent()), fitted)


def test_its_rate_falls_where_that_of_the_earlier_one_fell(tmp_path):
    logs = toy_log(tmp_path / "train", 128, 1), toy_log(tmp_path / "validation", 64, 2)
    stopping = {"checks_per_epoch": 3, "patience": 30}
    fast: dict[str, Any] = {"optimizer": {"learning_rate": 1.0}, "schedule": {"name": "plateau"}}
    fitted = run_fit(logs, TOY, epochs=8, early_stopping=stopping, seed=4, **fast)
    fell = [point.epoch for point in fitted.learning_curve if (point.learning_rate or 1.0) < 1.0]
    assert fell
    assert min(fell) < fitted.epochs
    assert same_weights(refit(fitted, stores_of(*logs), Silent()), fitted)
