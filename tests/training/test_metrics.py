import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.metrics import (
    METRICS,
    all_metrics,
    auc,
    calibration_ratio,
    ece,
    ece_by_chance,
    gauc,
    log_loss,
    normalised_entropy,
)

LABELS = st.integers(0, 1)
SCORES = st.integers(-5, 5)
IMPRESSIONS = st.lists(st.tuples(LABELS, SCORES, st.sampled_from("abcd")), min_size=1, max_size=60)
JUDGED = st.lists(st.tuples(LABELS, st.floats(0.001, 0.999)), min_size=1, max_size=60)


def columns(impressions):
    return [np.array(column) for column in zip(*impressions, strict=True)]


@pytest.mark.parametrize(
    ("clicked", "scores", "expected"),
    [
        pytest.param([0, 1], [0.1, 0.9], 1.0, id="click ranked first"),
        pytest.param([0, 1], [0.9, 0.1], 0.0, id="click ranked last"),
        pytest.param([0, 1], [0.5, 0.5], 0.5, id="a tie counts half"),
        pytest.param([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1], 0.75, id="three of four pairs in order"),
        pytest.param([0, 0], [0.1, 0.9], None, id="no click, no order"),
        pytest.param([1, 1], [0.1, 0.9], None, id="clicks only, no order"),
        pytest.param([], [], None, id="no impression, no order"),
    ],
)
def test_auc(clicked, scores, expected):
    assert auc(np.array(clicked), np.array(scores)) == expected


@given(IMPRESSIONS)
def test_auc_is_the_share_of_ordered_pairs(impressions):
    clicked, scores, _ = columns(impressions)
    gaps = scores[clicked == 1][:, None] - scores[clicked == 0][None, :]
    expected = pytest.approx(((gaps > 0) + 0.5 * (gaps == 0)).mean()) if gaps.size else None
    assert auc(clicked, scores) == expected


def test_gauc_weighs_users_by_their_impressions():
    users = np.array(["a", "a", "b", "b", "b", "b"])
    clicked = np.array([1, 0, 1, 0, 0, 0])
    scores = np.array([0.2, 0.1, 0.5, 0.6, 0.1, 0.2])  # all of a's pairs in order, two of b's three
    assert gauc(clicked, scores, users) == pytest.approx((2 * 1 + 4 * 2 / 3) / 6)


def test_gauc_leaves_out_users_with_one_outcome():
    users = np.array(["a", "a", "only clicks", "only non-clicks"])
    assert gauc(np.array([1, 0, 1, 0]), np.array([0.2, 0.1, 0.0, 1.0]), users) == 1.0


def test_gauc_does_not_compare_users_with_each_other():
    users = np.array([1, 1, 2, 2])
    assert gauc(np.array([1, 0, 1, 0]), np.array([0.2, 0.1, 0.9, 0.8]), users) == 1.0


def test_impressions_of_nobody_are_not_one_user():
    users = np.array(["a", "a", "", ""])
    assert gauc(np.array([1, 0, 1, 0]), np.array([0.2, 0.1, 0.1, 0.2]), users) == 1.0


def test_gauc_is_undefined_where_no_user_has_both_outcomes():
    assert gauc(np.array([1, 0]), np.array([0.9, 0.1]), np.array(["a", "b"])) is None


@given(IMPRESSIONS)
def test_gauc_is_the_auc_of_each_user_averaged(impressions):
    clicked, scores, users = columns(impressions)
    each = [(auc(clicked[users == user], scores[users == user]), (users == user).sum()) for user in "abcd"]
    defined = [(value, weight) for value, weight in each if value is not None]
    impressions_judged = sum(weight for _, weight in defined)
    weighted = sum(value * weight for value, weight in defined)
    expected = pytest.approx(weighted / impressions_judged) if defined else None
    assert gauc(clicked, scores, users) == expected


@given(IMPRESSIONS)
def test_auc_and_gauc_see_only_order(impressions):
    clicked, scores, users = columns(impressions)
    stretched = 3.0 * scores**3 + 7.0
    assert auc(clicked, stretched) == auc(clicked, scores)
    assert gauc(clicked, stretched, users) == gauc(clicked, scores, users)


def test_infinite_scores_have_an_order_too():
    scores = np.array([np.inf, np.inf, -np.inf])
    assert gauc(np.array([1, 0, 0]), scores, np.array(["a", "a", "a"])) == 0.75


def test_log_loss_by_hand():
    # -(ln 0.8 + ln 0.6) / 2
    assert log_loss(np.array([1, 0]), np.array([0.8, 0.4])) == pytest.approx(0.36698459)


def test_a_wrong_certainty_costs_a_finite_loss():
    assert log_loss(np.array([1]), np.array([0.0])) == pytest.approx(16.11809565)


def test_log_loss_is_computed_in_float64():
    probabilities = np.full(1000, 0.1, dtype=np.float32)
    assert log_loss(np.zeros(1000), probabilities) == pytest.approx(
        -np.log1p(-float(np.float32(0.1))), rel=1e-12
    )


def test_log_loss_of_nothing_is_refused():
    with pytest.raises(ValueError, match="expected at least one impression"):
        log_loss(np.array([]), np.array([]))


def test_normalised_entropy_by_hand():
    # 0.36698459 over ln 2, the entropy of a click rate of one half
    assert normalised_entropy(np.array([1, 0]), np.array([0.8, 0.4])) == pytest.approx(0.52944684)


def test_always_saying_the_click_rate_has_a_normalised_entropy_of_one():
    assert normalised_entropy(np.array([1, 0, 0, 0]), np.full(4, 0.25)) == pytest.approx(1.0)


@pytest.mark.parametrize("clicked", [[0, 0], [1, 1], []])
def test_normalised_entropy_is_undefined_with_one_outcome(clicked):
    assert normalised_entropy(np.array(clicked), np.full(len(clicked), 0.5)) is None


def test_ece_by_hand():
    # One bin holds 0.1 twice, half of them clicked: |0.5 - 0.1|; another holds 0.9, clicked: |1 - 0.9|.
    assert ece(np.array([1, 0, 1]), np.array([0.1, 0.1, 0.9])) == pytest.approx((2 * 0.4 + 0.1) / 3)


def test_errors_within_one_bin_of_the_ece_cancel():
    assert ece(np.array([1, 0]), np.array([0.45, 0.55]), bins=1) == pytest.approx(0.0)


def test_a_bin_of_the_ece_includes_its_upper_edge():
    # 0.5 belongs to (0, 0.5] with 0.4, where promise and clicks agree: 0.9 promised, one clicked.
    assert ece(np.array([1, 0]), np.array([0.5, 0.4]), bins=2) == pytest.approx(0.05)


def test_ece_accepts_certainties():
    assert ece(np.array([0, 1]), np.array([0.0, 1.0])) == 0.0


def test_ece_of_nothing_is_undefined():
    assert ece(np.array([]), np.array([])) is None


def test_ece_by_chance_by_hand():
    # 0.5 four times in one bin: a sum of variance 1, so sqrt(2 / pi) clicks too many or too few, of 5 impressions; 1.0 is certain.
    assert ece_by_chance(np.array([0.5, 0.5, 0.5, 0.5, 1.0])) == pytest.approx(np.sqrt(2 / np.pi) / 5)


def test_ece_by_chance_of_nothing_is_undefined():
    assert ece_by_chance(np.array([])) is None


@pytest.mark.parametrize("rate", [0.02, 0.5])
def test_exact_probabilities_have_the_ece_of_chance(rate):
    random = np.random.default_rng(3)
    exact = np.clip(random.beta(4 * rate, 4 * (1 - rate), 5_000), 1e-4, 1 - 1e-4)
    seen = [ece(random.random(exact.size) < exact, exact) or 0.0 for _ in range(300)]
    assert np.mean(seen) == pytest.approx(ece_by_chance(exact), rel=0.05)


@given(st.integers(0, 50), st.integers(1, 50))
def test_a_calibrated_constant_has_no_calibration_error(clicks, non_clicks):
    clicked = np.array([1] * clicks + [0] * non_clicks)
    constant = np.full(clicked.size, clicks / clicked.size)
    assert ece(clicked, constant) == pytest.approx(0.0, abs=1e-12)


def test_calibration_ratio_by_hand():
    assert calibration_ratio(np.array([1, 0]), np.array([0.8, 0.4])) == pytest.approx(1.2)


def test_calibration_ratio_is_undefined_without_a_click():
    assert calibration_ratio(np.array([0, 0]), np.array([0.8, 0.4])) is None


@given(JUDGED, st.randoms(use_true_random=False))
def test_a_batch_equals_its_permutation(judged, random):
    users = [str(place % 3) for place in range(len(judged))]
    shuffled = list(zip(judged, users, strict=True))
    random.shuffle(shuffled)
    clicked, probabilities = columns(judged)
    clicked_too, probabilities_too = columns([impression for impression, _ in shuffled])
    one = all_metrics(clicked, probabilities, np.array(users)).model_dump()
    other = all_metrics(clicked_too, probabilities_too, np.array([user for _, user in shuffled])).model_dump()
    assert other == pytest.approx(one, abs=1e-12)


def test_all_metrics_counts_impressions_and_clicks():
    metrics = all_metrics(np.array([1, 0, 0, 0]), np.full(4, 0.5))
    assert (metrics.impressions, metrics.clicks, metrics.click_rate) == (4, 1, 0.25)


def test_without_users_there_is_no_gauc():
    assert all_metrics(np.array([1, 0]), np.array([0.8, 0.4])).gauc is None


def test_of_nothing_every_metric_is_undefined():
    metrics = all_metrics(np.array([]), np.array([]), np.array([]))
    assert {getattr(metrics, name) for name in METRICS} == {None}


def test_every_metric_explains_itself():
    assert all(meaning.label and meaning.explanation for meaning in METRICS.values())


@pytest.mark.parametrize(
    ("clicked", "probabilities", "message"),
    [
        pytest.param([1, 0], [0.5], "one shape", id="lengths differ"),
        pytest.param([[1]], [[0.5]], "one shape", id="two dimensions"),
        pytest.param([1, 2], [0.5, 0.5], "labels 0 and 1, got 2", id="a label of 2"),
        pytest.param([1, 0], [0.5, np.nan], "got NaN", id="not a number"),
        pytest.param([1, 0], [0.5, 1.5], "apply the sigmoid", id="logits in place of probabilities"),
    ],
)
def test_what_cannot_be_judged_is_refused(clicked, probabilities, message):
    with pytest.raises(ValueError, match=message):
        all_metrics(np.array(clicked), np.array(probabilities))
