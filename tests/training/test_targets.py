"""Several targets: what their names and order may be, and how heads become probabilities of any impression."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

from training.config import parse_config
from training.errors import ConfigError
from training.targets import Targets, logit_of_both

LOGITS = st.floats(-15.0, 15.0)
SHOP = Targets(("click", "play", "purchase"), (None, 0, 0), (1.0, 1.0, 1.0))


def make_task(*targets, **parts):
    """A task file with these further targets."""
    document = {
        "name": "shop",
        "data": {"log": "log.csv", "label": "clicked", "time": {"column": "time_ms"}},
        "features": {"item": [{"kind": "categorical", "name": "brand"}]},
        "targets": list(targets),
    }
    return parse_config(document | parts, source="axon.yaml")


PURCHASE = {"name": "purchase", "label": "purchased", "after": "click"}
LIKE = {"name": "like", "label": "liked"}


# The task file


def test_the_label_of_the_log_is_the_first_target_and_is_named_click():
    assert Targets.of(make_task(PURCHASE)).names == ("click", "purchase")


def test_the_first_target_may_have_another_name():
    task = make_task(
        {**PURCHASE, "after": "view"},
        data={"log": "log.csv", "label": "viewed", "target": "view", "time": None},
    )
    assert Targets.of(task).names == ("view", "purchase")


def test_a_target_may_come_after_one_that_comes_after_another():
    task = make_task(PURCHASE, {"name": "refund", "label": "refunded", "after": "purchase"})
    assert Targets.of(task).after == (None, 0, 1)


@pytest.mark.parametrize(
    ("targets", "parts", "told"),
    [
        pytest.param([{**LIKE, "name": "click"}], {}, "got 'click' twice", id="the first one's name"),
        pytest.param([LIKE, LIKE], {}, "got 'like' twice", id="the same name twice"),
        pytest.param([{**LIKE, "after": "play"}], {}, r"after one of \['click'\]", id="after nobody"),
        pytest.param([{**LIKE, "name": "a like"}], {}, "should match pattern", id="no name of an output"),
        pytest.param([LIKE], {"training": {"keep_rate": 0.5}}, "keep_rate", id="left out with non-clicks"),
        pytest.param([], {"model": {"sharing": "mmoe"}}, "expected targets to share", id="nothing to share"),
    ],
)
def test_what_cannot_be_trained_is_refused(targets, parts, told):
    with pytest.raises(ConfigError, match=told):
        make_task(*targets, **parts)


def test_non_clicks_may_be_left_out_where_everything_comes_after_a_click():
    assert make_task(PURCHASE, training={"keep_rate": 0.5}).training.keep_rate == 0.5


# From heads to probabilities


@given(LOGITS, LOGITS)
def test_both_happen_with_the_product_of_their_probabilities(first, then):
    both = logit_of_both(np, np.array([first]), np.array([then]))
    assert expit(both) == pytest.approx(expit(first) * expit(then), rel=1e-9)


def test_a_logit_of_both_neither_overflows_nor_is_undefined():
    ends = np.array([-500.0, 500.0])
    assert logit_of_both(np, ends, ends) == pytest.approx([-1000.0, 500.0 - np.log(2.0)])


def test_the_graph_computes_what_numpy_computes():
    heads = np.random.default_rng(1).normal(size=(50, 3))
    expected = SHOP.on_the_full_log(np, heads, 0.3)
    graph = SHOP.on_the_full_log(keras.ops, keras.ops.convert_to_tensor(heads), 0.3)
    assert np.asarray(graph) == pytest.approx(expected, abs=1e-12)


def test_one_target_is_left_as_it_is():
    heads = np.array([[0.3], [-2.0]])
    assert Targets().on_the_full_log(np, heads, 1.0).tolist() == heads.tolist()


def test_targets_that_may_happen_alone_keep_their_logits():
    heads = np.array([[0.3, -1.0]])
    alone = Targets(("click", "like"), (None, None), (1.0, 1.0))
    assert alone.on_the_full_log(np, heads, 1.0).tolist() == heads.tolist()


def test_leaving_non_clicks_out_is_undone_for_every_target():
    # One click in ten impressions, every second click with a purchase; of the nine others one is kept.
    kept = np.array([[logit(0.5), logit(0.5), logit(0.5)]])
    assert expit(SHOP.on_the_full_log(np, kept, 1 / 9)) == pytest.approx(np.array([[0.1, 0.05, 0.05]]))


def test_calibrated_targets_are_no_likelier_than_what_must_come_before_them():
    click, play, purchase = SHOP.capped(
        np, [np.array([0.0, 1.0]), np.array([0.5, 0.5]), np.array([-3.0, 2.0])]
    )
    assert (click.tolist(), play.tolist(), purchase.tolist()) == ([0.0, 1.0], [0.0, 0.5], [-3.0, 1.0])
