"""The API description and its page: the features of the real model, and nothing from the internet."""

import re
from typing import Any

import pytest

Schema = dict[str, Any]


@pytest.fixture(scope="module")
def description(service) -> Schema:
    document: Schema = service.client.get("/openapi.json").json()
    return document


def side_of(description: Schema, side: str) -> Schema:
    row = description["components"]["schemas"]["ScoreRequest"]["properties"]["rows"]["items"]
    columns: Schema = row["properties"][side]["properties"]
    return columns


def test_the_description_is_openapi_3_1(description):
    assert description["openapi"] == "3.1.0"


@pytest.mark.parametrize(
    ("side", "columns"),
    [("user", ["city", "age"]), ("item", ["ad_id", "tags", "published"]), ("context", ["shown_at"])],
)
def test_the_description_has_the_features_of_each_side(description, side, columns):
    assert list(side_of(description, side)) == columns


def test_a_category_shows_its_most_frequent_values(description):
    assert side_of(description, "user")["city"]["examples"] == ["berlin", "paris", "rome"]


def test_a_category_says_how_many_values_are_known(description):
    assert side_of(description, "user")["city"]["description"].startswith("One of 4 known values")


def test_a_number_shows_its_range_in_training_as_people_write_it(description):
    # The scale was fitted after log(1 + x): exp(4.5) - 1 = 89.02.
    assert side_of(description, "user")["age"]["description"] == "A number; in training from 0 to 89.02."


@pytest.mark.parametrize(
    ("side", "column", "alternatives"),
    [
        ("user", "age", ["number", "missing"]),
        ("item", "tags", ["array", "text separated by ','", "missing"]),
        ("context", "shown_at", ["milliseconds since the epoch", "string", "missing"]),
    ],
)
def test_the_description_says_what_a_value_may_be(description, side, column, alternatives):
    told = [option.get("title", option.get("type")) for option in side_of(description, side)[column]["anyOf"]]
    assert told == alternatives


def test_unknown_features_are_ruled_out(description):
    row = description["components"]["schemas"]["ScoreRequest"]["properties"]["rows"]["items"]
    assert row["properties"]["user"]["additionalProperties"] is False


def test_the_limit_of_rows_is_told(description):
    assert description["components"]["schemas"]["ScoreRequest"]["properties"]["rows"]["maxItems"] == 50


def test_the_served_version_is_told(description):
    assert "`shop`, version 1" in description["info"]["description"]


def test_the_problem_document_is_described(description):
    content = description["paths"]["/api/v1/score"]["post"]["responses"]["422"]["content"]
    assert content == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def test_every_reference_leads_somewhere(description):
    references = set(re.findall(r"#/components/schemas/(\w+)", str(description)))
    assert references <= set(description["components"]["schemas"])


def test_the_example_works_as_printed(service, description):
    body = description["paths"]["/api/v1/score"]["post"]["requestBody"]
    answer = service.client.post("/api/v1/score", json=body["content"]["application/json"]["example"])
    assert len(answer.json()["probabilities"]) == 2


def test_the_first_example_row_is_what_was_most_frequent(description):
    example = description["components"]["schemas"]["ScoreRequest"]["example"]
    assert example["rows"][0]["user"] == {"city": "berlin", "age": 32.12}


def test_the_page_names_nothing_on_the_internet(service):
    assert not re.findall(r"(?:https?:)?//[a-z]", service.client.get("/docs").text)


def test_everything_the_page_needs_comes_from_the_service(service):
    needed = re.findall(r"(?:src|href)=\"([^\"]+)\"", service.client.get("/docs").text)
    assert {service.client.get(path).status_code for path in needed} == {200}


def test_the_bare_address_leads_to_the_page(service):
    assert service.client.get("/").headers["Location"] == "/docs"


def test_the_page_tries_requests_with_the_description(service):
    assert "url: '/openapi.json'" in service.client.get("/docs").text
