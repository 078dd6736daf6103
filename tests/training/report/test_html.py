import re
from html.parser import HTMLParser

import pytest
from typing_extensions import override

from tests.training.reports import make_metrics, make_point, make_report
from training.calibration import (
    Beta,
    CalibrationChoice,
    Isotonic,
    Linear,
    PerSegment,
    TriedCalibration,
)
from training.report.html import BAR_WIDTH, calibration_bar, render_html
from training.report.report import Curves, EnsembleCost, Segment

VOID = {"meta", "link", "br", "hr", "img", "input"}
HOSTILE = "<script>alert('1')</script>"


class Page(HTMLParser):
    """What a browser would find in a page: its elements, its text, and whether every element is closed."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.elements, self.texts, self.open = [], [], []
        self.feed(html)
        self.close()

    @override
    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    @override
    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    @override
    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    @override
    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def page_of(**changes):
    return Page(render_html(make_report(**changes)))


def test_every_element_of_the_page_is_closed():
    assert page_of().open == []


def test_the_page_asks_no_other_place_for_anything():
    html = render_html(make_report())
    assert re.search(r"https?:|//[a-z]|@import|url\(|<script|\bsrc=", html) is None


def test_a_browser_is_told_to_load_nothing():
    (policy,) = [meta["content"] for meta in page_of().all("meta") if "http-equiv" in meta]
    assert policy.startswith("default-src 'none'")


def test_the_page_says_what_an_ensemble_costs():
    cost = EnsembleCost(seconds=(12.0, 11.0), parameters_of_one=1000, prediction_time=1.96)
    text = page_of(ensemble=cost).text
    assert "network 2 of 2, 1,000 parameters" in text
    assert "2.0 times one network's" in text


def test_the_page_says_how_large_every_member_is():
    cost = EnsembleCost(
        seconds=(12.0, 3.0), parameters_of_one=1000, parameters=(1000, 70), prediction_time=1.96
    )
    assert "network 2 of 2, 70 parameters" in page_of(ensemble=cost).text


def test_one_report_always_gives_one_page():
    assert render_html(make_report()) == render_html(make_report())


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(
            {"segments": (Segment(column="device", value=HOSTILE, metrics=make_metrics()),)},
            id="segment value",
        ),
        pytest.param(
            {"segments": (Segment(column=HOSTILE, value="ios", metrics=make_metrics()),)}, id="segment column"
        ),
        pytest.param({"name": HOSTILE}, id="name"),
        pytest.param({"learning_curves": {HOSTILE: (make_point(1, 0.2),)}}, id="family"),
        pytest.param({"baselines": {HOSTILE: make_metrics()}}, id="baseline"),
        pytest.param({"notes": (HOSTILE,)}, id="note"),
        pytest.param({"gate_reasons": (HOSTILE,)}, id="reason of the gate"),
        pytest.param({"tensorflow_only": HOSTILE}, id="reason for TensorFlow alone"),
        pytest.param({"configuration": HOSTILE}, id="task file"),
    ],
)
def test_text_from_data_stays_text(changes):
    page = page_of(**changes)
    assert page.all("script") == []
    assert HOSTILE in page.text


def test_every_picture_has_a_name_and_a_description():
    page = page_of()
    pictures = [svg["aria-labelledby"].split() for svg in page.all("svg") if svg.get("role") == "img"]
    known = {attributes["id"] for tag, attributes in page.elements if "id" in attributes}
    assert len(pictures) == 4
    assert {part for picture in pictures for part in picture} <= known


def test_every_other_drawing_is_hidden_from_a_screen_reader():
    drawings = [svg for svg in page_of().all("svg") if svg.get("role") != "img"]
    assert all(svg["aria-hidden"] == "true" for svg in drawings)


def test_every_table_header_says_what_it_heads():
    assert all(header["scope"] in {"col", "row", "rowgroup"} for header in page_of().all("th"))


def test_no_two_elements_share_an_id():
    ids = [attributes["id"] for _, attributes in page_of().elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_the_best_figure_of_a_line_is_ticked():
    html = render_html(make_report())
    assert re.findall(r'class="mark best">([^<]+)<', html) == [
        "0.7500",
        "0.7000",
        "0.1800",
        "0.9000",
        "0.0010",
    ]


def test_a_picture_without_points_is_left_out():
    titles = page_of(learning_curves={}, curves=Curves()).text
    assert "Learning curves" not in titles
    assert "ROC curve" not in titles


def test_a_model_that_the_gate_let_pass_is_told_so():
    assert "Passed every check of its gate" in page_of().text


def test_reasons_of_the_gate_stand_at_the_top():
    text = page_of(gate_reasons=("AUC 0.6 is below 0.7",)).text
    assert "Not fit for publishing AUC 0.6 is below 0.7" in text
    assert "Passed every check" not in text


def test_notes_stand_at_the_top():
    text = page_of(notes=("There is no test slice.",)).text
    assert text.index("There is no test slice.") < text.index("At a glance")


def test_judging_a_log_says_nothing_of_a_gate_or_of_how_the_model_was_made():
    text = page_of(slice="log").text
    assert "gate" not in text
    assert "How it was made" not in text


def test_a_missing_segment_value_is_called_missing():
    assert "missing" in page_of(segments=(Segment(column="device", value="", metrics=make_metrics()),)).text


def test_undefined_figures_are_dashes():
    metrics = make_metrics(auc=None, gauc=None, clicks=0, calibration_ratio=None)
    page = page_of(segments=(Segment(column="device", value="tv", metrics=metrics),))
    assert "tv 1,000 5.00 % - - 0.1800" in page.text


def test_the_calibration_is_written_out():
    text = page_of(calibration=Linear(kind="platt", slope=1.1, offset=-0.2)).text
    assert "platt: calibrated logit = 1.1000 × logit − 0.2000" in text  # noqa: RUF001  # a real minus


@pytest.mark.parametrize(
    ("calibration", "words"),
    [
        pytest.param(Linear(), "none", id="none"),
        pytest.param(
            Beta(low=0.5, high=2.0, offset=0.1),
            "beta: calibrated logit = 0.5000 × log p − 2.0000 × log(1 − p) + 0.1000",  # noqa: RUF001
            id="beta",
        ),
        pytest.param(
            Isotonic(logits=(0.0, 1.0), calibrated=(0.0, 2.0)),
            "isotonic: calibrated logit = a rising line through 2 knots",
            id="isotonic",
        ),
        pytest.param(
            PerSegment(feature="tab", otherwise=Linear(), by_id={1: Linear(), 4: Linear()}),
            "2 values of tab have their own curve; the rest none",
            id="per segment",
        ),
    ],
)
def test_every_calibration_is_put_into_words(calibration, words):
    assert f"Calibration {words} Non-clicks kept" in page_of(calibration=calibration).text


def make_choice(**changes):
    tried = (
        TriedCalibration(kind="none", log_loss=0.5, behind_best=0.02, standard_error=0.001),
        TriedCalibration(kind="platt", log_loss=0.48, behind_best=0.0, standard_error=0.0),
    )
    return CalibrationChoice(**{"kind": "platt", "folds": 4, "judged": 1_234, "tried": tried, **changes})


def test_the_calibrations_tried_are_shown_with_what_each_was_worth():
    text = page_of(calibration_choice=make_choice()).text
    assert "none one 0.50000 0.02000 ± 0.00100 platt one 0.48000 0.00000 ± 0.00000" in text
    assert "judged on 1,234 later ones" in text


def test_curves_per_segment_are_told_with_their_number():
    text = page_of(calibration_choice=make_choice(segment="tab", segments=7)).text
    assert "with a curve of its own for 7 values of tab" in text


def test_too_few_clicks_to_try_a_calibration_are_said_so():
    text = page_of(calibration_choice=make_choice(kind="none", folds=0, judged=0, tried=())).text
    assert "too few clicks in the validation slice" in text
    assert "later ones" not in text


def test_a_calibration_that_was_named_is_compared_with_no_other():
    assert "Calibrations tried" not in page_of(calibration_choice=None).text


def test_downsampling_is_mentioned_where_it_was_used():
    text = page_of(keep_rate=0.1).text
    assert "10.0 %, corrected for inside the model" in text
    assert "Training loss is of the log with 10.0 % of its non-clicks" in text


def test_times_spent_are_readable():
    text = page_of(seconds={"reading": 2.04, "training": 75.0}).text
    assert "reading 2.0 s training 1 min 15 s" in text


def test_moments_are_told_in_utc():
    assert "2026-03-01 00:00 UTC" in page_of().text


def test_the_task_file_is_part_of_the_page():
    assert "name: shop" in page_of().text


def test_a_kept_promise_has_a_bar_without_width():
    bar = calibration_bar(make_metrics(calibration_ratio=1.0))
    assert bar is not None
    assert (bar.left, bar.width, bar.is_off) == (BAR_WIDTH / 2, 0.0, False)


@pytest.mark.parametrize(
    ("ratio", "left", "right"),
    [
        (2.0, BAR_WIDTH / 2, BAR_WIDTH),
        (0.5, 0.0, BAR_WIDTH / 2),
        (9.0, BAR_WIDTH / 2, BAR_WIDTH),
        (0.0, 0, 60),
    ],
)
def test_a_bar_reaches_from_half_to_twice(ratio, left, right):
    bar = calibration_bar(make_metrics(calibration_ratio=ratio))
    assert bar is not None
    assert (bar.left, bar.left + bar.width) == pytest.approx((left, right))


@pytest.mark.parametrize(
    ("clicks", "is_off"),
    [pytest.param(20, False, id="few clicks"), pytest.param(20_000, True, id="many clicks")],
)
def test_a_distance_that_chance_explains_is_not_held_against_the_model(clicks, is_off):
    bar = calibration_bar(make_metrics(impressions=100_000, clicks=clicks, calibration_ratio=1.1))
    assert bar is not None
    assert bar.is_off is is_off


def test_a_segment_without_clicks_has_no_bar():
    assert calibration_bar(make_metrics(clicks=0, calibration_ratio=None)) is None
