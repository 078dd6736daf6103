"""The loop closed once and judged once, by the code of the benchmark and with its real processes; ten rounds are `make bench-loop`."""

import pytest

from benchmarks.closed_loop.loop import SABOTAGED, Course, run
from benchmarks.closed_loop.plan import LoopPlan
from benchmarks.closed_loop.report import document, picture, table

pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.timeout(1200)]

SHORT = LoopPlan(
    # Tastes turn while nobody learns, by one radian, then stand nearly still: what ten rounds do slowly.
    pause_days=13,
    first_days=1,
    visits_per_day=8_000,
    round_days=1,
    rounds=2,
    shown=20,
    retrains_last=False,
)


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Course:
    return run(SHORT, tmp_path_factory.mktemp("closed") / "loop", lambda _: None)


def test_the_service_swaps_to_what_was_retrained(course):
    assert [seen.version for seen in course.rounds] == [1, 2]
    assert [gate.version for gate in course.gates] == [2]


def test_what_was_retrained_ends_within_3_percent_of_the_true_log_loss(course):
    assert course.rounds[-1].served_above_truth < 0.03


def test_what_is_frozen_ends_at_least_5_percent_worse(course):
    assert course.rounds[-1].frozen_above_truth > 0.05


def test_a_sabotaged_challenger_is_refused_with_its_segment_named(course):
    assert course.sabotaged.version is None
    assert any(f"segment device = {SABOTAGED}: log loss" in reason for reason in course.sabotaged.reasons)


def test_the_report_has_a_line_and_a_point_for_every_round(course):
    assert len(table(course).splitlines()) == 2 + SHORT.rounds
    assert picture(course).count("<path class=") >= 2
    assert len(document(course)["rounds"]) == SHORT.rounds
