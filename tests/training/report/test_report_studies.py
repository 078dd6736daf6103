import pytest

from tests.training.report.test_html import Page
from tests.training.reports import make_point, make_report
from tests.training.studies import make_importance, make_look, make_peer, make_studied_report
from training.report.html import render_html
from training.report.insights import LayerLook
from training.report.layer_pictures import layer_pictures
from training.report.report import Report
from training.report.report_studies import BAR_WIDTH, judged_curve, studies

SECTIONS = ["peers", "depths", "importance", "familiarity", "layers"]


def page_of(report):
    return Page(render_html(report))


@pytest.mark.parametrize("section", SECTIONS)
def test_every_study_has_a_section_of_its_own(section):
    assert {"id": section} in page_of(make_studied_report()).all("h2")


@pytest.mark.parametrize("section", SECTIONS)
def test_what_was_not_studied_has_no_section(section):
    assert {"id": section} not in page_of(make_report()).all("h2")


def test_studies_survive_json():
    report = make_studied_report()
    assert Report.model_validate_json(report.model_dump_json()) == report


def test_the_judged_model_stands_among_its_peers_by_log_loss():
    peers = (make_peer("final_mlp", -0.01), make_peer("deepfm", 0.004))
    rows = studies(make_studied_report(peers=peers)).peers
    assert [(row.peer.name, row.is_own) for row in rows] == [
        ("final_mlp", False),
        ("mlp", True),
        ("deepfm", False),
    ]


def test_the_distance_of_a_peer_is_shown_with_its_error():
    assert "+0.0040 ± 0.0010" in page_of(make_studied_report()).text


def test_a_model_that_could_not_be_compared_is_shown_with_its_reason():
    page = page_of(
        make_studied_report(left_out={"final_mlp": "expected a last layer that model.heads divides"})
    )
    assert "final_mlp is left out: expected a last layer" in page.text


def test_what_lightgbm_makes_of_ids_is_said_where_it_is_compared():
    assert "max_cat_threshold" not in page_of(make_studied_report()).text
    assert "max_cat_threshold" in page_of(make_studied_report(peers=(make_peer("lightgbm", 0.1),))).text


def test_the_longest_bar_ends_where_its_box_ends_with_its_whisker():
    bars = studies(make_studied_report(importance=make_importance(city=0.008, hour=0.003))).bars
    assert [bar.width for bar in bars] == pytest.approx([0.8 * BAR_WIDTH, 0.3 * BAR_WIDTH])
    assert bars[0].whisker == pytest.approx((0.6 * BAR_WIDTH, BAR_WIDTH))


def test_a_feature_that_costs_less_than_nothing_has_no_bar():
    bar = studies(make_studied_report(importance=make_importance(noise=-0.01, city=0.01))).bars[-1]
    assert (bar.width, bar.whisker, bar.counts) == (0.0, (0.0, 0.0), False)


def test_many_features_are_folded_away():
    many = make_importance(**{f"f{place}": 0.1 for place in range(20)})
    assert "The other 5 features" in page_of(make_studied_report(importance=many)).text


def test_the_layers_of_an_ensemble_are_those_of_its_first_network():
    curves = {"logistic": (make_point(1, 0.2),), "mlp 1": (make_point(1, 0.1),), "mlp 2": ()}
    assert judged_curve(make_report(learning_curves=curves)) == (make_point(1, 0.1),)


def test_a_measure_that_no_layer_has_is_not_drawn():
    points = [make_look(hidden_1=LayerLook(dead=0.5, gradient_norm=0.1))]
    assert [picture.title for picture in layer_pictures(points)] == ["Dead units", "Gradient norms"]


def test_a_line_stands_for_a_layer():
    look = LayerLook(saturated=0.5)
    (picture,) = layer_pictures([make_look(hidden_1=look, hidden_2=look)])
    assert [key.text for key in picture.legend] == ["hidden 1", "hidden 2"]


def test_a_share_is_drawn_in_percent_and_a_norm_on_powers_of_ten():
    points = [
        make_look(hidden_1=LayerLook(dead=1.0, gradient_norm=norm)).model_copy(update={"epoch": float(epoch)})
        for epoch, norm in enumerate((100.0, 0.001, 0.0), 1)
    ]
    dead, norms = layer_pictures(points)
    assert dead.y_ticks[-1].text == "100 %"
    assert {"1", "10", "100", "1e-09"} <= {tick.text for tick in norms.y_ticks}
