"""When a fit stops, and whose weights it keeps."""

from functools import partial

import pytest

from training.config import EarlyStoppingConfig
from training.fitting.early_stopping import EarlyStopping


def watched(losses, **config):
    """Early stopping after some validations; the weights of the n-th validation are ``[n]``."""
    stopping = EarlyStopping(EarlyStoppingConfig.model_validate(config))
    for number, loss in enumerate(losses):
        stopping.update(loss, partial(list, [number]))
    return stopping


@pytest.mark.parametrize(
    ("losses", "best"),
    [
        pytest.param([0.5], 0, id="the first"),
        pytest.param([0.5, 0.4, 0.3], 2, id="falling"),
        pytest.param([0.5, 0.3, 0.4, 0.35], 1, id="a valley"),
        pytest.param([0.3, 0.3], 0, id="the earlier of two"),
        pytest.param([0.5, 0.6, 0.4], 2, id="after a hill"),
    ],
)
def test_the_weights_of_the_lowest_loss_are_kept(losses, best):
    assert watched(losses).best_weights == [best]


def test_the_lowest_loss_is_remembered():
    assert watched([0.5, 0.3, 0.4]).best == 0.3


@pytest.mark.parametrize(
    ("losses", "stopped"),
    [
        pytest.param([0.5, 0.6], False, id="one without progress"),
        pytest.param([0.5, 0.6, 0.7], True, id="two without progress"),
        pytest.param([0.5, 0.6, 0.4, 0.6], False, id="progress in between"),
        pytest.param([0.5, 0.5, 0.5], True, id="standing still"),
    ],
)
def test_patience_counts_validations_without_progress(losses, stopped):
    assert watched(losses, patience=2).stopped is stopped


def test_nothing_has_stopped_before_the_first_validation():
    assert not watched([], patience=1).stopped


def test_a_step_below_min_delta_is_no_progress():
    assert watched([0.5, 0.495], patience=1, min_delta=0.01).stopped


def test_a_step_above_min_delta_is_progress():
    assert not watched([0.5, 0.48], patience=1, min_delta=0.01).stopped
