"""A challenger against the champion on the same impressions: figures by hand, and intervals that hold chance."""

import numpy as np
import pytest

from tests.training.reports import make_report
from training.config import ChampionGateConfig
from training.gate.bootstrap import Resampling, redrawn_sums, units_of
from training.gate.duel import Duel, HeldOut, Interval, SegmentDuel, fight
from training.gate.gate import champion_failures
from training.metrics import SliceMetrics
from training.report.html import render_html

HOW = Resampling(resamples=200, confidence=0.95, seed=1)


def make_held_out(users=400, of_each=25, seed=0):
    """Impressions whose true probabilities the champion knows, and a challenger that says the same."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0.02, 0.5, users * of_each)
    names = np.repeat(np.array([f"u{user}" for user in range(users)], object), of_each)
    device = np.where(rng.random(len(truth)) < 0.3, "tablet", "phone").astype(object)
    return HeldOut(
        clicked=(rng.random(len(truth)) < truth).astype(np.int8),
        champion=truth,
        challenger=truth.copy(),
        users=names,
        segments={"device": device},
    )


def test_the_increase_of_the_log_loss_is_a_share_of_the_champions():
    clicked = np.array([1, 0], np.int8)
    half, quarter = np.array([0.5, 0.5]), np.array([0.25, 0.75])
    duel = fight(3, HeldOut(clicked, half, quarter, None, {}), HOW, max_values=10)
    assert duel.log_loss_increase.estimate == pytest.approx(1.0)  # ln 4 over ln 2, less one


def test_without_users_there_is_no_gauc_to_compare():
    clicked, half = np.array([1, 0], np.int8), np.array([0.5, 0.5])
    assert fight(3, HeldOut(clicked, half, half, None, {}), HOW, max_values=10).gauc_drop is None


def test_the_same_answers_lose_nothing_whoever_is_redrawn():
    duel = fight(3, make_held_out(), HOW, max_values=10)
    assert duel.log_loss_increase == Interval(estimate=0.0, low=0.0, high=0.0)
    assert duel.gauc_drop == Interval(estimate=0.0, low=0.0, high=0.0)


def test_the_drop_in_gauc_is_the_champions_less_the_challengers():
    held_out = make_held_out()
    rng = np.random.default_rng(1)
    worse = np.clip(held_out.champion + rng.normal(0, 0.2, len(held_out.champion)), 0.01, 0.99)
    changed = HeldOut(held_out.clicked, held_out.champion, worse, held_out.users, {})
    duel = fight(3, changed, HOW, max_values=10)
    assert duel.champion.gauc is not None
    assert duel.challenger.gauc is not None
    assert duel.gauc_drop is not None
    assert duel.gauc_drop.estimate == pytest.approx(duel.champion.gauc - duel.challenger.gauc)
    assert duel.gauc_drop.low < duel.gauc_drop.estimate < duel.gauc_drop.high


def test_a_loss_in_one_segment_is_that_segments_alone():
    held_out = make_held_out()
    tablet = held_out.segments["device"] == "tablet"
    answers = np.where(tablet, held_out.champion[tablet].mean(), held_out.champion)
    changed = HeldOut(held_out.clicked, held_out.champion, answers, held_out.users, held_out.segments)
    by_value = {found.value: found for found in fight(3, changed, HOW, max_values=10).segments}
    assert by_value["tablet"].increase.low > 0.02
    assert by_value["phone"].increase.estimate == 0.0


def test_redrawn_intervals_cover_the_true_mean_about_as_often_as_they_say():
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(200):
        # Users differ by 1, impressions of one user not at all: redrawn one by one they would seem far too sure.
        sums = np.stack([rng.normal(size=60) * 10, np.full(60, 10.0)], axis=1)
        drawn = redrawn_sums(sums, 200, rng)
        low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [0.05, 0.95])
        covered += bool(low <= 0.0 <= high)
    assert 0.8 <= covered / 200 <= 0.97


def test_the_same_seed_gives_the_same_intervals():
    held_out = make_held_out(users=40)
    worse = HeldOut(held_out.clicked, held_out.champion, held_out.champion**1.2, held_out.users, {})
    assert fight(3, worse, HOW, max_values=1) == fight(3, worse, HOW, max_values=1)


def test_impressions_of_a_missing_user_are_redrawn_one_by_one():
    units = units_of(np.array(["", "b", "a", "", "b"], object), 5)
    assert units.tolist() == [2, 1, 0, 3, 1]


def make_duel(low=-0.01, high=0.005, *, segment=None, gauc=None):
    metrics = SliceMetrics(impressions=1000, clicks=50, log_loss=0.2, gauc=0.7)
    increase = Interval(estimate=(low + high) / 2, low=low, high=high)
    found = SegmentDuel(
        column="device",
        value="tablet",
        impressions=300,
        champion_log_loss=0.2,
        challenger_log_loss=0.21,
        increase=segment or Interval(estimate=0.0, low=0.0, high=0.0),
    )
    return Duel(
        version=3,
        champion=metrics,
        challenger=metrics,
        log_loss_increase=increase,
        gauc_drop=gauc,
        segments=(found,),
    )


def test_a_challenger_whose_whole_interval_is_within_the_margins_may_pass():
    assert champion_failures(make_duel(), ChampionGateConfig()) == ()


def test_a_log_loss_that_may_be_above_the_margin_is_refused_with_both_figures_and_the_way_out():
    (reason,) = champion_failures(make_duel(-0.01, 0.02), ChampionGateConfig())
    assert reason == (
        "log loss 0.20000 against 0.20000 of version 3: 0.50% (-1.00% to 2.00%) more, allowed is 1.00% "
        "(gate.champion.max_log_loss_increase); the slice is too small to be sure: judge on a longer one, or allow more"
    )


def test_a_gauc_that_may_be_below_the_margin_is_refused():
    drop = Interval(estimate=0.03, low=0.025, high=0.035)
    (reason,) = champion_failures(make_duel(gauc=drop), ChampionGateConfig())
    assert "GAUC 0.70000 against 0.70000 of version 3: 0.0300 less (0.0250 to 0.0350)" in reason


def test_a_segment_that_surely_loses_more_than_the_margin_is_named():
    segment = Interval(estimate=0.05, low=0.03, high=0.07)
    (reason,) = champion_failures(make_duel(segment=segment), ChampionGateConfig())
    assert reason.startswith("segment device = tablet: log loss 0.21000 against 0.20000 of version 3: 5.00%")


def test_a_segment_whose_loss_chance_may_explain_is_let_pass():
    segment = Interval(estimate=0.05, low=0.01, high=0.09)
    assert champion_failures(make_duel(segment=segment), ChampionGateConfig()) == ()


def test_a_policy_that_asks_for_nothing_lets_everybody_pass():
    nothing = ChampionGateConfig(max_log_loss_increase=None, max_gauc_drop=None, max_segment_increase=None)
    assert champion_failures(make_duel(0.5, 0.6), nothing) == ()


def test_the_report_page_shows_the_champion_and_every_segment():
    page = render_html(make_report(duel=make_duel(gauc=Interval(estimate=0.01, low=0.0, high=0.02))))
    assert "Against the champion" in page
    assert "log loss, device = tablet" in page
    assert "-0.0100" in page  # GAUC fell
