"""What a batch is expected to take."""

import pytest

from service.batching.batch_costs import BatchCosts


@pytest.fixture
def costs():
    return BatchCosts(largest=256)


def test_nothing_is_expected_before_the_first_batch(costs):
    assert costs.expected_s(1) is None


def test_a_batch_should_take_what_the_last_of_its_size_took(costs):
    costs.took(4, 0.2)
    assert costs.expected_s(4) == pytest.approx(0.2)


def test_the_mean_follows_the_newest_by_a_tenth(costs):
    costs.took(4, 0.2)
    costs.took(4, 0.6)
    assert costs.expected_s(4) == pytest.approx(0.24)


def test_what_small_batches_take_says_nothing_of_large_ones_that_were_seen(costs):
    costs.took(32, 0.002)
    costs.took(1, 0.001)
    assert costs.expected_s(32) == pytest.approx(0.002)


def test_a_size_that_was_not_seen_costs_each_request_what_the_next_smaller_does(costs):
    costs.took(1, 0.001)
    costs.took(16, 0.004)
    assert costs.expected_s(64) == pytest.approx(64 * 0.00025)


def test_or_the_next_larger_where_none_is_smaller(costs):
    costs.took(16, 0.004)
    assert costs.expected_s(2) == pytest.approx(2 * 0.00025)


def test_more_than_a_batch_takes_as_long_as_several(costs):
    costs.took(256, 0.01)
    assert costs.expected_s(512) == pytest.approx(0.02)


def test_requests_that_do_not_go_together_cost_what_small_batches_do(costs):
    costs.took(64, 0.064)
    costs.took(1, 0.012)
    assert costs.expected_s(80, together=1) == pytest.approx(80 * 0.012)
