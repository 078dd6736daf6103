"""How much of the traffic is looked at."""

import time

from service.watch.budget import Budget


def test_a_quiet_service_is_looked_at_in_full():
    assert Budget(per_s=10, burst_s=10).grant(100) == 100


def test_beyond_the_budget_nothing_is_granted():
    budget = Budget(per_s=0.001, burst_s=100_000)
    assert [budget.grant(60), budget.grant(60), budget.grant(60)] == [60, 40, 0]


def test_an_empty_budget_comes_back_in_portions_and_not_one_by_one():
    budget = Budget(per_s=1000)
    budget.grant(10_000)
    time.sleep(0.01)
    assert budget.grant(1) == 0


def test_the_budget_comes_back_with_time():
    budget = Budget(per_s=1000, burst_s=0.01)
    budget.grant(10)
    time.sleep(0.02)
    assert budget.grant(100) == 10


def test_no_budget_grants_nothing():
    assert Budget(per_s=0).grant(1) == 0
