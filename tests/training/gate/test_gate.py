"""Whether a model may be published: every policy, and both numbers in every reason."""

from datetime import UTC, datetime

import pytest

from training.config import GateConfig
from training.export.exported import ExportFacts
from training.gate.gate import budget_failures, gate_failures, gate_notes
from training.metrics import SliceMetrics
from training.report.report import DataSummary, Report


def make_report(baselines=None, **metrics):
    figures = {"auc": 0.75, "log_loss": 0.2, "ece": 0.01, "calibration_ratio": 1.1, **metrics}
    return Report(
        name="shop",
        family="mlp",
        created_at=datetime(2026, 1, 2, tzinfo=UTC),
        code_version="0.1.0",
        seed=1,
        slice="test",
        data=DataSummary(impressions_read=100),
        metrics=SliceMetrics(impressions=100, clicks=5, **figures),
        baselines={
            name: SliceMetrics(impressions=100, clicks=5, log_loss=log_loss)
            for name, log_loss in (baselines or {}).items()
        },
    )


def policy(**bounds):
    """A gate that asks for nothing but what is named."""
    nothing = {"beat": (), "max_calibration_error": None}
    return GateConfig.model_validate({**nothing, **bounds})


@pytest.mark.parametrize(
    ("metrics", "bounds", "reason"),
    [
        pytest.param(
            {"auc": 0.69}, {"min_auc": 0.7}, "AUC 0.69000 is below 0.7 (gate.min_auc)", id="AUC too low"
        ),
        pytest.param(
            {"log_loss": 0.31},
            {"max_log_loss": 0.3},
            "log loss 0.31000 is above 0.3 (gate.max_log_loss)",
            id="log loss too high",
        ),
        pytest.param({"ece": 0.03}, {"max_ece": 0.02}, "ECE 0.03000 is above 0.02 (gate.max_ece)", id="ECE"),
        pytest.param(
            {"ece": 0.03, "ece_by_chance": 0.004},
            {"max_ece": 0.02},
            "ECE 0.03000 is above 0.02 (gate.max_ece)",
            id="ECE, not by chance",
        ),
        pytest.param(
            {"ece": 0.03, "ece_by_chance": 0.018},
            {"max_ece": 0.02},
            "ECE 0.03000 is above 0.02 (gate.max_ece); chance alone gives 0.01800 on a slice of this size: "
            "judge on a longer one, or allow more",
            id="ECE, a slice too small",
        ),
        pytest.param(
            {"calibration_ratio": 1.6},
            {"max_calibration_error": 0.5},
            "predicted over observed clicks is 1.600, further than 0.5 from 1 (gate.max_calibration_error)",
            id="promises too much",
        ),
        pytest.param(
            {"calibration_ratio": 0.4},
            {"max_calibration_error": 0.5},
            "predicted over observed clicks is 0.400, further than 0.5 from 1 (gate.max_calibration_error)",
            id="promises too little",
        ),
        pytest.param(
            {"auc": None}, {"min_auc": 0.7}, "AUC undefined is below 0.7 (gate.min_auc)", id="AUC undefined"
        ),
        pytest.param(
            {"ece": None}, {"max_ece": 0.02}, "ECE undefined is above 0.02 (gate.max_ece)", id="ECE undefined"
        ),
    ],
)
def test_a_bound_that_is_missed_gives_a_reason(metrics, bounds, reason):
    assert gate_failures(make_report(**metrics), policy(**bounds)) == (reason,)


@pytest.mark.parametrize(
    ("metrics", "bounds"),
    [
        pytest.param({"auc": 0.7}, {"min_auc": 0.7}, id="AUC"),
        pytest.param({"log_loss": 0.3}, {"max_log_loss": 0.3}, id="log loss"),
        pytest.param({"ece": 0.02}, {"max_ece": 0.02}, id="ECE"),
        pytest.param({"calibration_ratio": 1.5}, {"max_calibration_error": 0.5}, id="ratio"),
        pytest.param({"calibration_ratio": None}, {"max_calibration_error": 0.5}, id="no click observed"),
    ],
)
def test_a_bound_that_is_just_met_lets_the_model_pass(metrics, bounds):
    assert gate_failures(make_report(**metrics), policy(**bounds)) == ()


def test_a_gate_that_asks_for_nothing_lets_all_pass():
    assert gate_failures(make_report(auc=None, log_loss=9.0, ece=1.0, calibration_ratio=9.0), policy()) == ()


@pytest.mark.parametrize("log_loss", [0.2, 0.1], ids=["as good", "better"])
def test_a_baseline_that_is_not_beaten_gives_a_reason(log_loss):
    reasons = gate_failures(make_report({"logistic": log_loss}), policy(beat=("logistic",)))
    assert reasons == (f"log loss 0.20000 is not below {log_loss:.5f} of logistic (gate.beat)",)


def test_a_baseline_that_is_beaten_gives_no_reason():
    assert gate_failures(make_report({"prior": 0.25}), policy(beat=("prior",))) == ()


def test_a_baseline_that_is_not_in_the_report_is_not_asked_for():
    assert gate_failures(make_report({"prior": 0.25}), policy(beat=("prior", "logistic"))) == ()


def test_what_the_gate_could_not_compare_is_noted():
    report = make_report({"prior": 0.25})
    assert gate_notes(report, policy(beat=("prior",))) == ()
    assert gate_notes(report, policy(beat=("prior", "logistic"))) == (
        "gate.beat names logistic, but no logistic was trained beside this mlp: the gate could not compare them.",
    )


def test_an_undefined_log_loss_beats_nobody():
    reasons = gate_failures(make_report({"prior": 0.25}, log_loss=None), policy(beat=("prior",)))
    assert reasons == ("log loss undefined is not below 0.25000 of prior (gate.beat)",)


def test_all_reasons_come_at_once():
    report = make_report({"prior": 0.1, "logistic": 0.1}, auc=0.5, ece=0.5, calibration_ratio=3.0)
    strict = policy(
        beat=("prior", "logistic"), min_auc=0.6, max_log_loss=0.1, max_ece=0.1, max_calibration_error=0.5
    )
    assert len(gate_failures(report, strict)) == 6


def test_by_default_a_model_must_beat_the_click_rate():
    assert len(gate_failures(make_report({"prior": 0.1}), GateConfig())) == 1


def test_an_export_over_its_budgets_gives_both_figures():
    facts = ExportFacts(megabytes=12.34, latency_ms=7.5)
    assert budget_failures(facts, policy(max_megabytes=10, max_latency_ms=5)) == (
        "the export has 12.3 MB, more than 10.0 (gate.max_megabytes)",
        "100 impressions take 7.50 ms, more than 5.0 (gate.max_latency_ms)",
    )


def test_an_export_within_its_budgets_may_pass():
    facts = ExportFacts(megabytes=10, latency_ms=5)
    assert budget_failures(facts, policy(max_megabytes=10, max_latency_ms=5)) == ()


def test_a_warm_up_request_without_an_answer_is_a_reason_whatever_the_policy():
    facts = ExportFacts(megabytes=1, latency_ms=1, unanswered=("warm-up request 3 got nan",))
    assert budget_failures(facts, policy()) == ("warm-up request 3 got nan",)
