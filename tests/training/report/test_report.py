from datetime import datetime

import numpy as np
import pytest
from pydantic import ValidationError

from tests.training.reports import make_metrics, make_report
from training.report.report import Curves, Report, build_slice, compared_models, comparison, metrics_table

CLICKED = np.array([1, 0, 0, 1, 0, 0])
PROBABILITIES = np.array([0.6, 0.2, 0.3, 0.4, 0.5, 0.1])
DEVICES = np.array(["ios", "ios", "web", "web", "web", ""])


def segments_of(max_values=10, **columns):
    _, segments = build_slice(CLICKED, PROBABILITIES, None, columns, max_values)
    return segments


def best_of(report, label):
    models = list(compared_models(report))
    (row,) = [row for row in comparison(report) if row.meaning.label == label]
    return [model for model, cell in zip(models, row.cells, strict=True) if cell.is_best]


def test_a_report_survives_json():
    report = make_report()
    assert Report.model_validate_json(report.model_dump_json()) == report


def test_an_undefined_figure_is_null_in_json():
    assert '"auc":null' in make_report(metrics=make_metrics(auc=None)).model_dump_json()


def test_a_figure_that_is_no_number_cannot_enter_a_report():
    with pytest.raises(ValidationError, match="finite number"):
        make_metrics(log_loss=float("nan"))


def test_a_moment_without_a_time_zone_cannot_enter_a_report():
    with pytest.raises(ValidationError, match="timezone"):
        make_report(created_at=datetime(2026, 1, 1))  # noqa: DTZ001  # what is refused


def test_an_unknown_part_of_a_report_is_refused():
    with pytest.raises(ValidationError, match="Extra inputs"):
        make_report(accuracy=0.9)


def test_a_slice_is_judged_as_a_whole():
    metrics, _ = build_slice(CLICKED, PROBABILITIES, None, {}, 10)
    # Of eight pairs, only the click at 0.4 against the non-click at 0.5 is in the wrong order.
    assert (metrics.impressions, metrics.clicks, metrics.auc) == (6, 2, 7 / 8)


def test_segments_come_most_frequent_first():
    assert [segment.value for segment in segments_of(device=DEVICES)] == ["web", "ios", ""]


def test_only_the_most_frequent_values_are_kept():
    assert [segment.value for segment in segments_of(max_values=1, device=DEVICES)] == ["web"]


def test_equally_frequent_values_come_in_their_order():
    segments = segments_of(group=np.array(["b", "a", "c", "c", "b", "a"]))
    assert [segment.value for segment in segments] == ["a", "b", "c"]


def test_a_segment_is_judged_on_its_impressions_alone():
    web = segments_of(device=DEVICES)[0].metrics
    assert (web.impressions, web.clicks, web.auc) == (3, 1, 0.5)


def test_a_segment_without_a_click_has_undefined_figures():
    missing = segments_of(device=DEVICES)[2].metrics
    assert (missing.click_rate, missing.auc, missing.calibration_ratio) == (0.0, None, None)


def test_users_are_told_apart_within_a_segment():
    users = np.array(["u1", "u1", "u2", "u2", "u2", "u3"])
    _, segments = build_slice(CLICKED, PROBABILITIES, users, {"device": DEVICES}, 10)
    assert [segment.metrics.gauc for segment in segments] == [0.5, 1.0, None]


def test_numbers_may_be_segments():
    assert [segment.value for segment in segments_of(hour=np.array([9, 9, 9, 10, 10, 11]))] == [
        "9",
        "10",
        "11",
    ]


def test_a_slice_of_nothing_has_no_segments():
    metrics, segments = build_slice(np.array([]), np.array([]), None, {"device": np.array([], object)}, 10)
    assert (metrics.impressions, metrics.log_loss, segments) == (0, None, ())


def test_the_curves_of_a_slice_are_taken_of_all_its_impressions():
    curves = Curves.of(CLICKED, PROBABILITIES)
    assert (curves.roc[-1].false_positive_rate, curves.roc[-1].true_positive_rate) == (1.0, 1.0)
    assert sum(found.impressions for found in curves.reliability) == 6
    assert sum(found.clicks for found in curves.histogram) == 2


def test_the_judged_model_is_compared_first():
    assert metrics_table(make_report())[0] == ["", "mlp", "prior", "logistic"]


def test_the_table_has_a_row_for_each_metric():
    assert metrics_table(make_report())[1] == ["AUC", "0.7500", "0.5000", "0.7000"]


def test_an_undefined_figure_reads_as_a_dash():
    assert metrics_table(make_report(metrics=make_metrics(auc=None)))[1][1] == "-"


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        pytest.param("AUC", ["mlp"], id="the highest"),
        pytest.param("Log loss", ["mlp"], id="the lowest"),
        pytest.param("ECE", ["prior"], id="the lowest, whoever has it"),
        pytest.param("Predicted / observed clicks", [], id="nobody where all are alike"),
    ],
)
def test_the_best_figure_is_marked(label, expected):
    assert best_of(make_report(), label) == expected


def test_the_best_ratio_is_the_nearest_to_one():
    prior, mlp = make_metrics(calibration_ratio=0.97), make_metrics(calibration_ratio=1.02)
    report = make_report(metrics=mlp, baselines={"prior": prior})
    assert best_of(report, "Predicted / observed clicks") == ["mlp"]


def test_figures_that_read_alike_are_both_the_best():
    close, prior = make_metrics(auc=0.750001), make_metrics(auc=0.5)
    report = make_report(metrics=make_metrics(auc=0.75), baselines={"before": close, "prior": prior})
    assert best_of(report, "AUC") == ["mlp", "before"]


def test_an_undefined_figure_is_never_the_best():
    assert best_of(make_report(metrics=make_metrics(auc=None)), "AUC") == ["logistic"]


def test_a_family_that_is_its_own_baseline_is_shown_once():
    report = make_report(family="logistic")
    assert list(compared_models(report)) == ["logistic", "prior"]
