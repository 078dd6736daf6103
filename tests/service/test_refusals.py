"""What a request gets that cannot be answered: an RFC 9457 problem document that names the place."""

import json

import pytest

from tests.service.conftest import ROW

SCORE = "/api/v1/score"


def post(service, body: bytes | str, **headers: str):
    content = body.encode() if isinstance(body, str) else body
    return service.client.post(
        SCORE, content=content, headers={"Content-Type": "application/json", **headers}
    )


def rows_of(text: str) -> str:
    return f'{{"rows": [{text}]}}'


@pytest.mark.parametrize(
    ("body", "status", "kind", "pointer", "detail"),
    [
        pytest.param(
            rows_of('{}, {"user": {"agee": 3}}'),
            422,
            "unknown-feature",
            "/rows/1/user/agee",
            "unknown feature of the user: the model was trained on age, city; did you mean 'age'?",
            id="an unknown feature",
        ),
        pytest.param(
            rows_of('{"user": {"tags": []}}'),
            422,
            "unknown-feature",
            "/rows/0/user/tags",
            "unknown feature of the user: 'tags' belongs to the item",
            id="a feature of another side",
        ),
        pytest.param(
            rows_of('{"user": {"age": "thirty"}}'),
            422,
            "invalid-request",
            "/rows/0/user/age",
            "expected a number, got 'thirty'",
            id="text for a number",
        ),
        pytest.param(
            rows_of('{"user": {"age": true}}'),
            422,
            "invalid-request",
            "/rows/0/user/age",
            "expected a number, got true",
            id="true for a number",
        ),
        pytest.param(
            rows_of('{"user": {"age": ["größe"]}}'),
            422,
            "invalid-request",
            "/rows/0/user/age",
            'expected a number, got ["größe"]',
            id="a list for a number",
        ),
        pytest.param(
            rows_of('{"user": {"age": 1e39}}'),
            422,
            "invalid-request",
            "/rows/0/user/age",
            "expected a finite number, got 1e+39",
            id="a number beyond float32",
        ),
        pytest.param(
            rows_of('{"user": {"city": {}}}'),
            422,
            "invalid-request",
            "/rows/0/user/city",
            "expected text or a number, got {}",
            id="an object for text",
        ),
        pytest.param(
            rows_of('{"context": {"shown_at": "yesterday"}}'),
            422,
            "invalid-request",
            "/rows/0/context/shown_at",
            "expected a time (an ISO 8601 time or integer milliseconds), got 'yesterday'",
            id="text that is no time",
        ),
        pytest.param(
            rows_of('{"user": {"age": NaN}}'),
            422,
            "not-finite",
            "/rows/0/user/age",
            "expected a finite number, or null if missing, got NaN",
            id="NaN",
        ),
        pytest.param(
            rows_of('{"user": {"age": -Infinity}}'),
            422,
            "not-finite",
            "/rows/0/user/age",
            "expected a finite number, or null if missing, got -Infinity",
            id="an infinity",
        ),
        pytest.param(
            rows_of('{"user": {"age": 1e999}}'),
            422,
            "not-finite",
            "/rows/0/user/age",
            "expected a finite number, or null if missing, got 1e999",
            id="a number beyond float64",
        ),
        pytest.param(
            rows_of('{"usr": {}}'),
            422,
            "invalid-request",
            "/rows/0/usr",
            "expected only user, item and context; did you mean 'user'?",
            id="an unknown side",
        ),
        pytest.param(
            rows_of('{"user": []}'),
            422,
            "invalid-request",
            "/rows/0/user",
            "expected an object of features by name, got []",
            id="a list for a side",
        ),
        pytest.param(
            rows_of("7"),
            422,
            "invalid-request",
            "/rows/0",
            "expected an object with user, item and context, got 7",
            id="a number for a row",
        ),
        pytest.param(
            rows_of('{"user": {"a/b~c": 1}}'),
            422,
            "unknown-feature",
            "/rows/0/user/a~1b~0c",
            "unknown feature of the user: the model was trained on age, city",
            id="a name that must be escaped",
        ),
        pytest.param(
            '{"rows": []}',
            422,
            "invalid-request",
            "/rows",
            "expected at least one row, got an empty list",
            id="no rows",
        ),
        pytest.param(
            "{}",
            422,
            "invalid-request",
            "/rows",
            "expected a list of rows, got null",
            id="rows left out",
        ),
        pytest.param(
            '{"row": [{}]}',
            422,
            "invalid-request",
            "/row",
            "unknown key: expected only model and rows; did you mean 'rows'?",
            id="a misspelt key",
        ),
        pytest.param(
            "[]",
            422,
            "invalid-request",
            "",
            'expected an object such as {"rows": [...]}, got []',
            id="a list for the body",
        ),
        pytest.param(
            rows_of(", ".join(["{}"] * 51)),
            422,
            "too-many-rows",
            "/rows",
            "expected at most 50 rows, got 51: split the request",
            id="too many rows",
        ),
        pytest.param(
            '{"model": 7, "rows": [{}]}',
            422,
            "invalid-request",
            "/model",
            "expected the name of a model, got 7",
            id="a number for the model",
        ),
        pytest.param(
            '{"model": "news", "rows": [{}]}',
            404,
            "unknown-model",
            "/model",
            "expected one of shop, shop:1, shop@champion, or none at all, got 'news'",
            id="a model that is not served",
        ),
        pytest.param(
            '{"model": "shop:2", "rows": [{}]}',
            404,
            "unknown-model",
            "/model",
            "expected one of shop, shop:1, shop@champion, or none at all, got 'shop:2'",
            id="a version that is not served",
        ),
    ],
)
def test_a_wrong_place_is_named(service, body, status, kind, pointer, detail):
    document = post(service, body).json()
    assert (document["status"], document["type"]) == (status, f"/problems/{kind}")
    assert document["errors"] == [{"pointer": pointer, "detail": detail}]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b'{"rows": [{}]', id="cut off"),
        pytest.param(b"rows=1", id="a form"),
        pytest.param(b'{"rows": ["\xff"]}', id="bytes that are no UTF-8"),
        pytest.param(b'{"rows": ["\\ud800"]}', id="half a surrogate pair"),
        pytest.param(b"[" * 9000 + b"]" * 9000, id="nested without end"),
        pytest.param(b'{"rows": [{"user": {"age": NaN}}', id="NaN in a body cut off"),
    ],
)
def test_what_is_no_json_is_told(service, body):
    document = post(service, body).json()
    assert (document["status"], document["type"]) == (400, "/problems/malformed-json")


def test_what_is_nested_deeply_is_refused_like_anything_else(service):
    assert post(service, b'{"model": ' + b"[" * 1000 + b"]" * 1000 + b"}").status_code == 422


def test_a_problem_has_the_media_type_of_rfc_9457(service):
    assert post(service, "{}").headers["Content-Type"] == "application/problem+json"


def test_a_problem_has_the_members_of_rfc_9457(service):
    assert set(post(service, "{}").json()) == {"type", "title", "status", "detail", "instance", "errors"}


def test_a_problem_names_the_path_of_the_request(service):
    assert post(service, "{}").json()["instance"] == SCORE


def test_a_problem_carries_the_id_of_the_request(service):
    assert post(service, "{}", **{"X-Request-ID": "abc"}).headers["X-Request-ID"] == "abc"


def test_a_problems_type_leads_to_an_explanation(service):
    kind = post(service, "{}").json()["type"]
    assert service.client.get(kind).text.startswith("A part of the request is not what it should be")


def test_wrong_values_are_listed_by_row(service):
    body = json.dumps({"rows": [{"item": {"tags": 1}, "user": {"age": "x"}}, {"user": {"age": "y"}}]})
    pointers = [error["pointer"] for error in post(service, body).json()["errors"]]
    assert pointers == ["/rows/0/user/age", "/rows/0/item/tags", "/rows/1/user/age"]


def test_at_most_twenty_places_are_listed(service):
    body = json.dumps({"rows": [{"user": {"age": "x"}}] * 30})
    assert len(post(service, body).json()["errors"]) == 20


def test_the_detail_counts_all_wrong_places(service):
    body = json.dumps({"rows": [{"user": {"age": "x"}}] * 30})
    assert post(service, body).json()["detail"].endswith("(and 29 more)")


def test_after_every_refusal_the_service_goes_on(service):
    assert service.score(ROW).status_code == 200


def test_no_refusal_leaves_a_trace_in_the_log(service):
    post(service, "[" * 9000)
    post(service, rows_of('{"user": {"age": NaN}}'))
    assert "Traceback" not in service.log.read_text()


def test_a_version_without_states_says_that_it_cannot_rank(service):
    answer = service.client.post("/api/v1/rank", json={"user": "u", "candidates": ["a"]})
    assert (answer.status_code, answer.json()["title"]) == (409, "The version that is served cannot rank")
