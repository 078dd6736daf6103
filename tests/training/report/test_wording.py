import pytest

from tests.training.reports import make_metrics, make_report
from training.report.wording import headlines, percent, summary


def headline(label, **changes):
    (found,) = [found for found in headlines(make_report(**changes)) if found.label == label]
    return found


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.5, "50.0 %"),
        (0.05312, "5.31 %"),
        (0.001, "0.10 %"),
        (0.000123, "0.0123 %"),
    ],
)
def test_shares_are_written_with_about_three_digits(share, expected):
    assert percent(share) == expected


def test_the_summary_sets_the_promise_beside_what_came():
    report = make_report(metrics=make_metrics(click_rate=0.05, calibration_ratio=1.1))
    assert summary(report) == (
        "On 1,000 impressions of the test slice, the model promised a click rate of 5.50 %; 5.00 % were clicked."
    )


def test_the_summary_of_a_slice_without_a_click():
    report = make_report(metrics=make_metrics(clicks=0, click_rate=0.0, calibration_ratio=None))
    assert summary(report) == "Judged on 1,000 impressions of the test slice, none of which was clicked."


def test_the_summary_of_nothing():
    assert (
        summary(make_report(metrics=make_metrics(impressions=0, click_rate=None)))
        == "No impression was judged."
    )


@pytest.mark.parametrize(
    ("label", "sentence"),
    [
        ("AUC", "Of a clicked and an unclicked impression, the clicked one is scored higher 75 times in 100"),
        ("GAUC", "Within one user, a clicked impression is scored above an unclicked one 70 times in 100"),
        ("Log loss", "Surprise per impression: 10.0 % below prior and 5.26 % below logistic."),
        ("Normalised entropy", "Removes 10.0 % of the uncertainty"),
        ("ECE", "A promised probability is off by 0.40 percentage points on average."),
        ("Predicted / observed clicks", "51 clicks were promised and 50 came."),
    ],
)
def test_every_figure_is_put_into_words(label, sentence):
    assert headline(label).sentence.startswith(sentence)


def test_an_ece_says_how_much_of_it_would_be_chance():
    found = headline("ECE", metrics=make_metrics(ece_by_chance=0.0031))
    assert found.sentence == (
        "A promised probability is off by 0.40 percentage points on average; "
        "on so many impressions an exact model would seem off by 0.31, by chance."
    )


def test_a_worse_log_loss_is_said_to_be_worse():
    worse = headline("Log loss", metrics=make_metrics(log_loss=0.22))
    assert worse.sentence == "Surprise per impression: 10.0 % above prior and 15.8 % above logistic."


def test_an_entropy_above_one_is_said_to_be_useless():
    found = headline("Normalised entropy", metrics=make_metrics(normalised_entropy=1.01))
    assert found.sentence == "No better than always saying the click rate."


def test_without_simpler_models_log_loss_is_explained():
    assert headline("Log loss", baselines={}).sentence.startswith(
        "Surprise per impression; what training minimises"
    )


def test_a_figure_stands_beside_those_of_simpler_models():
    assert headline("AUC").compared == "prior 0.5000, logistic 0.7000"


def test_a_model_is_not_compared_with_itself():
    assert headline("AUC", family="logistic").compared == "prior 0.5000"


@pytest.mark.parametrize(
    ("label", "field", "reason"),
    [
        ("GAUC", "gauc", "no known user has both outcomes."),
        ("AUC", "auc", "it needs both clicked and unclicked impressions."),
        ("Normalised entropy", "normalised_entropy", "it needs both clicked and unclicked impressions."),
        ("Predicted / observed clicks", "calibration_ratio", "it needs a click."),
        ("ECE", "ece", "it needs an impression."),
        ("Log loss", "log_loss", "it needs an impression."),
    ],
)
def test_an_undefined_figure_says_why(label, field, reason):
    found = headline(label, metrics=make_metrics(**{field: None}))
    assert (found.figure, found.sentence) == ("-", f"Undefined here: {reason}")
