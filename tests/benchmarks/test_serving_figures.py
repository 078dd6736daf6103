"""What the serving benchmark makes of what it measured."""

import math

import pytest

from benchmarks.serving.answers import difference, read_answer
from benchmarks.serving.closed_loop import Load, read_load
from benchmarks.serving.open_loop import percentiles_ms
from benchmarks.serving.pictures import panel
from benchmarks.serving.plans import CAREFUL, FLOOR, OURS_ONNX
from benchmarks.serving.ratios import Figure, is_valid, paired
from benchmarks.serving.rounds import Cell
from benchmarks.serving.tables import summary


def make_load(rate, *, p50_ms=1.0, p99_ms=2.0):
    return Load(rate=rate, p50_ms=p50_ms, p99_ms=p99_ms, p999_ms=3.0, refused=0, broken=0)


def test_percentiles_are_in_milliseconds():
    assert percentiles_ms([0.001, 0.002, 0.003])[0] == pytest.approx(2.0)


def test_without_a_good_answer_there_is_no_percentile():
    assert percentiles_ms([]) == (None, None, None)


def test_a_ratio_is_the_median_of_the_rounds_and_not_the_ratio_of_the_medians():
    ours, careful = Cell("ours", "S1", 8), Cell("careful", "S1", 8)
    loads = {
        ours: [make_load(10), make_load(40), make_load(90)],
        careful: [make_load(10), make_load(10), make_load(15)],
    }
    assert paired(loads, ours, careful) == 4.0


def test_a_server_that_was_not_measured_has_no_ratio():
    assert (
        paired({Cell("ours", "S1", 8): [make_load(10)]}, Cell("ours", "S1", 8), Cell("careful", "S1", 8))
        is None
    )


@pytest.mark.parametrize(
    ("asked", "at_most", "reached"),
    [
        pytest.param(4.0, False, True, id="enough"),
        pytest.param(5.5, False, False, id="too little"),
        pytest.param(2.5, True, True, id="little enough"),
        pytest.param(1.5, True, False, id="too much"),
        pytest.param(None, False, None, id="nothing asked"),
    ],
)
def test_the_best_of_ours_decides_whether_a_figure_is_reached(asked, at_most, reached):
    assert (
        Figure("x", asked, {"one": 2.0, "other": 5.0, "third": None}, at_most=at_most).is_reached is reached
    )


def careful_beside_floor(share):
    floor = {Cell(FLOOR, shape, c): [make_load(1000)] for shape, c in (("S1", 64), ("S2", 8), ("S3", 8))}
    careful = {
        Cell(CAREFUL, shape, c): [make_load(1000 * share)] for shape, c in (("S1", 64), ("S2", 8), ("S3", 8))
    }
    return floor | careful


def test_a_run_is_void_when_the_careful_service_is_slow():
    # The largest share that is asked for is 0.9 * 82 / 640 = 0.1153.
    assert not is_valid(careful_beside_floor(0.115))


def test_a_run_is_valid_when_the_careful_service_is_as_fast_as_it_can_be():
    assert is_valid(careful_beside_floor(0.116))


def test_the_spread_is_the_distance_of_the_rounds_over_their_median():
    assert summary([make_load(90), make_load(100), make_load(110)])["rate_spread"] == 0.2


def test_wrk_refusals_are_no_throughput():
    printed = 'Running 2s test\n{"requests":300,"seconds":2,"p50_us":1500,"p99_us":0,"p999_us":0,"refused":100,"broken":0}\n'
    assert read_load(printed).rate == 100.0


def test_answers_may_change_places_within_the_tolerance():
    assert difference({"a": 0.5, "b": 0.4999999}, {"b": 0.5, "a": 0.4999999}) is None


def test_answers_apart_in_the_logit_are_different():
    nudged = 1 / (1 + math.exp(-2e-5))
    assert "place 1" in str(difference({"a": 0.5}, {"a": nudged}))


def test_an_answer_in_a_list_of_one_is_that_answer():
    assert read_answer([{"probabilities": [0.25]}]) == {"0": 0.25}


def test_bars_stand_the_fastest_first():
    loads = {Cell(FLOOR, "S2", 8): [make_load(5)], Cell(OURS_ONNX, "S2 by id", 8): [make_load(9)]}
    assert panel(loads, "S2", 8, ("S2 by id",)) == [(f"{OURS_ONNX}, by id", 9), (FLOOR, 5)]
