import numpy as np
import pytest
from scipy.special import expit

from tests.training.click_worlds import bent, honest, make_evidence, moved, shallow, stairs
from training.calibration import IDENTITY, KINDS, Evidence, PerSegment, choose_calibration, fit_calibration
from training.calibration.choice import FEWEST_IN_BLOCK, Contender, forward_folds, judge_on_later
from training.config import CalibrationConfig

AUTO = CalibrationConfig()
BY_TAB = CalibrationConfig(segment="tab")


@pytest.mark.parametrize(
    ("distortion", "kind"),
    [(honest, "none"), (shallow, "temperature"), (moved, "platt"), (bent, "beta"), (stairs, "isotonic")],
)
def test_auto_takes_the_simplest_kind_that_mends_the_distortion(distortion, kind):
    chosen = choose_calibration(AUTO, make_evidence(distortion, impressions=40_000))
    assert chosen.choice is not None
    assert chosen.choice.kind == kind


def shifts(evidence, **how):
    """By how much the mean probability is above the click rate, as a share of it: before and after calibration."""
    chosen = choose_calibration(AUTO, evidence, **how).calibration
    rate = evidence.clicked.mean()
    return [
        float(expit(logits).mean() / rate) - 1 for logits in (evidence.logits, chosen.apply(evidence.logits))
    ]


@pytest.mark.parametrize("seed", range(4))
def test_where_non_clicks_were_left_out_a_small_shift_is_mended_without_proof(seed):
    evidence = make_evidence(lambda logits: logits - 0.04, seed=seed)
    before, after = shifts(evidence, thinned=True)
    assert abs(after) < 0.6 * abs(before)
    assert abs(after) < 0.01


@pytest.mark.parametrize("seed", range(4))
def test_a_few_clicks_move_a_network_of_thinned_clicks_less_than_they_would_alone(seed):
    evidence = make_evidence(honest, impressions=500, seed=seed)
    alone = fit_calibration("platt", evidence.logits, evidence.clicked).apply(evidence.logits)
    held = choose_calibration(AUTO, evidence, thinned=True).calibration.apply(evidence.logits)
    assert np.abs(held - evidence.logits).max() < 0.5 * np.abs(alone - evidence.logits).max()


def test_a_kind_that_is_named_is_taken_where_non_clicks_were_left_out_too():
    evidence = make_evidence(moved)
    chosen = choose_calibration(CalibrationConfig(kind="none"), evidence, thinned=True)
    assert chosen == (IDENTITY, None)


def test_the_winner_is_fitted_on_all_of_the_evidence():
    evidence = make_evidence(moved)
    chosen = choose_calibration(AUTO, evidence)
    assert chosen.calibration == fit_calibration("platt", evidence.logits, evidence.clicked)


def test_the_kinds_are_tried_from_the_simplest_to_the_richest():
    choice = choose_calibration(AUTO, make_evidence()).choice
    assert choice is not None
    assert tuple(tried.kind for tried in choice.tried) == KINDS


@pytest.mark.parametrize(
    ("prior", "thinned", "kinds"),
    [
        (0.02, False, ("none", "temperature", "platt", "beta")),
        (0.02, True, ("platt", "beta")),
        (None, True, ("platt", "beta", "isotonic")),
    ],
)
def test_where_a_prior_is_given_what_it_cannot_hold_is_not_tried(prior, thinned, kinds):
    choice = choose_calibration(CalibrationConfig(prior=prior), make_evidence(stairs), thinned=thinned).choice
    assert choice is not None
    assert tuple(tried.kind for tried in choice.tried) == kinds


def test_the_log_loss_of_the_identity_is_that_of_the_later_impressions():
    # Five stretches of 100 whose logit is 0: whatever they clicked, each costs log 2.
    evidence = Evidence(np.zeros(500), np.arange(500) % 2, np.arange(500))
    choice = choose_calibration(AUTO, evidence).choice
    assert choice is not None
    assert (choice.folds, choice.judged) == (4, 400)
    assert choice.tried[0].log_loss == pytest.approx(np.log(2.0))


def test_a_kind_that_is_named_is_not_compared_with_any_other():
    evidence = make_evidence(honest)
    chosen = choose_calibration(CalibrationConfig(kind="platt"), evidence)
    assert chosen == (fit_calibration("platt", evidence.logits, evidence.clicked), None)


def test_too_few_clicks_to_judge_leave_logits_as_they_are():
    clicks = 2 * FEWEST_IN_BLOCK - 1
    evidence = Evidence(
        np.linspace(-1, 1, 1_000), np.repeat([0, 1], [1_000 - clicks, clicks]), np.arange(1_000)
    )
    chosen = choose_calibration(AUTO, evidence)
    assert chosen.calibration == IDENTITY
    assert chosen.choice is not None
    assert (chosen.choice.folds, chosen.choice.tried) == (0, ())


@pytest.mark.parametrize("name", ["none", "temperature", "platt", "beta", "isotonic"])
def test_what_is_judged_knows_nothing_of_the_clicks_that_judge_it(name):
    evidence = make_evidence(moved, offsets=(-0.5, 0.5))
    contender = Contender(name, "tab", 50) if name != "none" else Contender(name, None, 50)
    for fold in forward_folds(evidence):
        changed = np.where(
            evidence.time_ms >= evidence.time_ms[fold.later].min(), 1 - evidence.clicked, evidence.clicked
        )
        other = Evidence(evidence.logits, changed, evidence.time_ms, evidence.segment_ids)
        before, losses = judge_on_later(contender, evidence, fold)
        after, other_losses = judge_on_later(contender, other, fold)
        assert before == after
        assert losses.mean() != other_losses.mean()


def test_every_fold_judges_later_impressions_than_it_fits():
    evidence = make_evidence()
    for earlier, later in forward_folds(evidence):
        assert evidence.time_ms[earlier].max() < evidence.time_ms[later].min()


def test_the_folds_judge_every_impression_once_but_those_of_the_first_stretch():
    folds = forward_folds(make_evidence(impressions=20_000))
    judged = np.sum([fold.later for fold in folds], axis=0)
    assert np.bincount(judged).tolist() == [4_000, 16_000]


def test_fewer_clicks_make_fewer_folds():
    clicked = np.arange(600) % 5 == 0  # 120 clicks: two stretches of 60, but no three of 50
    assert len(forward_folds(Evidence(np.zeros(600), clicked.astype(int), np.arange(600)))) == 1


def test_impressions_of_one_moment_stay_together():
    days = np.repeat([0, 1], [1_000, 500])
    (fold,) = forward_folds(Evidence(np.zeros(1_500), np.arange(1_500) % 2, days))
    assert (fold.earlier == (days == 0)).all()


def test_one_moment_for_all_leaves_nothing_to_judge():
    assert forward_folds(Evidence(np.zeros(1_000), np.arange(1_000) % 2, np.zeros(1_000, np.int64))) == ()


def test_segments_that_differ_get_curves_of_their_own():
    evidence = make_evidence(honest, offsets=(-0.6, 0.0, 0.6))
    chosen = choose_calibration(BY_TAB, evidence)
    assert isinstance(chosen.calibration, PerSegment)
    assert chosen.choice is not None
    assert (chosen.choice.kind, chosen.choice.segment, chosen.choice.segments) == ("platt", "tab", 3)


def test_segments_that_do_not_differ_share_one_curve():
    chosen = choose_calibration(BY_TAB, make_evidence(moved, offsets=(0.0, 0.0, 0.0)))
    assert chosen.choice is not None
    assert (chosen.choice.kind, chosen.choice.segment) == ("platt", None)


def test_a_kind_that_is_named_still_has_to_earn_its_segments():
    config = CalibrationConfig(kind="platt", segment="tab")
    choice = choose_calibration(config, make_evidence(moved, offsets=(0.0, 0.0))).choice
    assert choice is not None
    assert [(tried.kind, tried.per_segment) for tried in choice.tried] == [("platt", False), ("platt", True)]
    assert choice.segment is None
