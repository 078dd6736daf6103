import pytest

from tests.training.reports import make_report
from tests.training.studies import (
    make_familiarity,
    make_importance,
    make_look,
    make_peer,
    make_studied_report,
)
from training.report.advice import (
    depth_advice,
    familiarity_advice,
    importance_advice,
    layer_advice,
    leak_advice,
    peers_advice,
    terminal_lines,
)
from training.report.insights import LayerLook


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        pytest.param(
            make_peer("deepfm", 0.004), "Ahead of every other model; the nearest, deepfm", id="behind"
        ),
        pytest.param(make_peer("deepfm", 0.001), "which may be chance", id="hardly behind"),
        pytest.param(make_peer("deepfm", -0.001), "judge on more impressions", id="hardly ahead"),
        pytest.param(make_peer("deepfm", -0.004), "Try it with settings of its own", id="a family ahead"),
        pytest.param(make_peer("lightgbm", -0.004), "search its size and learning rate", id="trees ahead"),
    ],
)
def test_a_peer_that_is_ahead_asks_for_something(peer, expected):
    assert expected in peers_advice(make_studied_report(peers=(peer,)))


def test_whoever_has_compared_with_nobody_is_told_how():
    logistic = make_studied_report(peers=(make_peer("logistic", 0.01),))
    assert "axon train --compare all" in peers_advice(logistic)
    assert "axon train --compare all" not in peers_advice(make_studied_report())


def test_the_prior_is_no_rival():
    assert peers_advice(make_studied_report(peers=(make_peer("prior", -0.1),))) == ""


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        pytest.param(make_peer("mlp 8-4-4", -0.004), "mlp 8-4-4 does better by 0.0040", id="better"),
        pytest.param(
            make_peer("mlp 8", 0.001), "mlp 8 cannot be told apart and is smaller", id="as good, smaller"
        ),
        pytest.param(
            make_peer("mlp 8-4-4", 0.001, parameters=10**6), "the depth is right", id="as good, larger"
        ),
        pytest.param(make_peer("mlp 8", 0.004), "the depth is right", id="worse"),
    ],
)
def test_a_depth_that_does_better_is_named(peer, expected):
    assert expected in depth_advice(make_studied_report(depths=(peer,)))


def test_the_three_features_that_matter_most_are_named():
    report = make_studied_report(importance=make_importance(a=0.4, b=0.3, c=0.2, d=0.1))
    assert importance_advice(report) == "Most depends on a, b and c. Every feature counts."


def test_features_within_twice_their_spread_are_named_as_idle():
    report = make_studied_report(importance=make_importance(city=0.4, hour=0.0015, noise=-0.1))
    assert "Permuting hour and noise costs nothing" in importance_advice(report)


@pytest.mark.parametrize(
    ("alone", "expected"),
    [
        pytest.param(
            {"watched_ms": 0.97},
            "watched_ms (AUC 0.970 alone) may come after the click: is it known before it?",
            id="one feature knows the click",
        ),
        pytest.param(
            {"watched_ms": 0.97, "outcome": 1.0},
            "outcome (AUC 1.000 alone) and watched_ms (AUC 0.970 alone) may come after the click: are they known before it?",
            id="two that stand in for one another",
        ),
        pytest.param(
            {"watched_ms": 0.86, "city": 0.7},
            "watched_ms (AUC 0.860 alone) may come after the click: is it known before it?",
            id="far ahead of the others",
        ),
        pytest.param({"watched_ms": 0.86, "city": 0.8}, "", id="ahead of the others"),
        pytest.param({"position": 0.8}, "", id="a position that matters"),
    ],
)
def test_a_feature_that_may_know_the_click_is_asked_about(alone, expected):
    # What stands in for one another is worth little to the model, so that nothing but the AUC alone counts.
    increases = {"city": 0.2, "hour": 0.1, "position": 0.1, "outcome": 0.0, "watched_ms": 0.0}
    report = make_studied_report(importance=make_importance(alone, **increases))
    assert leak_advice(report) == expected
    told = [line for line in terminal_lines(report) if line.startswith("warning")]
    assert told == ([f"warning   {expected}"] if expected else [])


def test_the_share_of_the_unseen_is_said():
    assert "10.0 % of the impressions" in familiarity_advice(make_studied_report())


def test_the_unseen_for_whom_the_model_knows_nothing_are_named():
    lost = make_familiarity("unseen", "seen", impressions=100, normalised_entropy=1.02)
    report = make_studied_report(familiarity=(make_familiarity("seen", "seen"), lost))
    assert "With unseen users and seen items the model is no better" in familiarity_advice(report)


def test_a_few_unseen_are_not_judged():
    few = make_familiarity("unseen", None, impressions=100, clicks=3, normalised_entropy=1.5)
    assert "too few" in familiarity_advice(make_studied_report(familiarity=(few,)))


def test_a_slice_without_anybody_new_says_nothing_about_them():
    report = make_studied_report(familiarity=(make_familiarity("seen", None),))
    assert "Every user and item was seen" in familiarity_advice(report)


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        pytest.param(LayerLook(dead=0.6), "hidden 1 is 60.0 % dead: lower the learning rate", id="dead"),
        pytest.param(LayerLook(saturated=0.9), "hidden 1 is 90.0 % saturated: scale", id="saturated"),
        pytest.param(LayerLook(gradient_norm=0.001), "the gradient fades", id="starved"),
        pytest.param(LayerLook(dead=0.1, gradient_norm=0.3), "No layer is dying", id="well"),
    ],
)
def test_what_ails_a_layer_is_said_with_what_helps(look, expected):
    assert expected in layer_advice(make_look(hidden_1=look, hidden_2=LayerLook(gradient_norm=0.4)))


def test_the_terminal_gets_one_line_on_peers_and_one_on_features():
    assert terminal_lines(make_studied_report()) == [
        "next best deepfm, its log loss 0.0040 ± 0.0010 above",
        "matters   city, device, hour",
    ]


def test_the_terminal_gets_nothing_where_nothing_was_studied():
    assert terminal_lines(make_report()) == []


def test_the_terminal_shows_every_note():
    assert terminal_lines(make_report(notes=("There is no test slice.",))) == [
        "note      There is no test slice."
    ]


def test_the_terminal_is_told_why_a_version_is_for_tensorflow_alone():
    report = make_report().model_copy(update={"tensorflow_only": "joint does not convert to ONNX"})
    assert terminal_lines(report) == [
        "warning   served with TensorFlow alone: joint does not convert to ONNX"
    ]
