"""``POST /api/v1/score`` when all is well."""

import math

import pytest

from tests.service.conftest import NOON_MS, ROW, ROW_PROBABILITY


def test_one_row_has_one_probability(service):
    assert service.score(ROW).json()["probabilities"] == pytest.approx([ROW_PROBABILITY], abs=1e-6)


def test_the_answer_names_the_model_and_its_version(service):
    answer = service.score(ROW).json()
    assert (answer["model"], answer["version"]) == ("shop", 1)


def test_probabilities_are_in_the_order_of_the_rows(service):
    rows = [{"user": {"age": age}} for age in (10, 90, 50)]
    low, high, middle = service.score(*rows).json()["probabilities"]
    assert low < middle < high


def test_absent_features_are_missing_values(service):
    # The logit of a row without anything is the bias and two missing times: -0.8125.
    assert service.score({}).json()["probabilities"] == pytest.approx([1 / (1 + math.exp(0.8125))], abs=1e-6)


def test_null_is_a_missing_value(service):
    null = {"user": {"city": None, "age": None}, "item": {"tags": None}, "context": {"shown_at": None}}
    assert service.score(null).json()["probabilities"] == service.score({}).json()["probabilities"]


def test_a_list_as_text_is_the_same_list(service):
    rows = [{"item": {"tags": tags}} for tags in ("red,blue", ["red", "blue"])]
    first, second = service.score(*rows).json()["probabilities"]
    assert first == second


def test_a_time_as_text_is_the_same_time(service):
    rows = [{"context": {"shown_at": shown_at}} for shown_at in ("2026-01-01T12:00:00Z", NOON_MS)]
    first, second = service.score(*rows).json()["probabilities"]
    assert first == second


def test_rows_with_lists_of_different_lengths_go_together(service):
    rows = [{"item": {"tags": ["red"] * length}} for length in (0, 1, 2)]
    assert len(set(service.score(*rows).json()["probabilities"])) == 3


def test_tokens_beyond_what_the_feature_reads_change_nothing(service):
    rows = [{"item": {"tags": ["red"] * length}} for length in (3, 2000)]
    first, second = service.score(*rows).json()["probabilities"]
    assert first == second


@pytest.mark.parametrize("model", ["shop", "shop:1", "shop@champion", None])
def test_the_served_model_may_be_named(service, model):
    answer = service.client.post("/api/v1/score", json={"model": model, "rows": [ROW]})
    assert answer.json()["version"] == 1


def test_a_request_id_is_echoed(service):
    headers = {"X-Request-ID": "abc-123"}
    assert service.client.get("/livez", headers=headers).headers["X-Request-ID"] == "abc-123"


def test_a_request_without_id_gets_one(service):
    assert len(service.score(ROW).headers["X-Request-ID"]) == 32


def test_an_id_that_is_unfit_for_a_log_is_replaced(service):
    headers = {"X-Request-ID": "two words"}
    assert service.client.get("/livez", headers=headers).headers["X-Request-ID"] != "two words"


def test_a_charset_in_the_content_type_is_fine(service):
    headers = {"Content-Type": "application/json; charset=utf-8"}
    answer = service.client.post("/api/v1/score", content=b'{"rows":[{}]}', headers=headers)
    assert answer.status_code == 200
