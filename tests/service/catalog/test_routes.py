"""Items and users over HTTP, asked of a real service."""

import pytest

from axon.services import served_by
from tests.service.conftest import NOON_MS

EVERYBODY = "0.0.0.0"  # noqa: S104  # what is tested is that it is not enough
HAT = {"category": "hats", "tags": ["red"], "published": NOON_MS, "price": 5}
KEY = "schlüssel"


@pytest.fixture(scope="module")
def shop(ready, tmp_path_factory):
    """A service without a key, on a loopback address."""
    store = tmp_path_factory.mktemp("catalog") / "catalog.sqlite"
    with ready(entities=f"sqlite:{store}", max_rows=3, max_body_bytes=5_000) as running:
        yield running


@pytest.fixture(scope="module")
def locked(ready, tmp_path_factory):
    """A service with a key, which everybody reaches."""
    store = tmp_path_factory.mktemp("catalog") / "catalog.sqlite"
    with ready(entities=f"sqlite:{store}", host=EVERYBODY, api_key=KEY) as running:
        yield running


def places(answer):
    return [problem["pointer"] for problem in answer.json()["errors"]]


def test_an_item_that_was_put_is_there(shop):
    created = shop.client.put("/api/v1/items/hat", json={"features": HAT})
    assert (created.status_code, created.json()) == (201, {"id": "hat", "features": HAT})
    read = shop.client.get("/api/v1/items/hat")
    assert (read.status_code, read.json()) == (200, {"id": "hat", "features": HAT})


def test_an_item_that_is_put_again_is_replaced(shop):
    shop.client.put("/api/v1/items/cap", json={"features": HAT})
    replaced = shop.client.put("/api/v1/items/cap", json={"features": {"category": "caps"}})
    assert replaced.status_code == 200
    assert shop.client.get("/api/v1/items/cap").json()["features"] == {"category": "caps"}


def test_a_deleted_item_is_gone(shop):
    shop.client.put("/api/v1/items/coat", json={"features": {}})
    assert shop.client.delete("/api/v1/items/coat").status_code == 204
    gone = shop.client.get("/api/v1/items/coat")
    assert (gone.status_code, gone.json()["type"]) == (404, "/problems/unknown-entity")
    assert gone.json()["detail"] == "the catalog has no item 'coat'"
    assert shop.client.delete("/api/v1/items/coat").status_code == 204


def test_several_are_put_at_once(shop):
    users = [{"id": 1, "features": {"city": "rome"}}, {"id": "2", "features": {"age": 30}}]
    answer = shop.client.post("/api/v1/users", json={"users": users})
    assert (answer.status_code, answer.json()) == (200, {"stored": 2})
    assert shop.client.get("/api/v1/users/1").json()["features"] == {"city": "rome"}


def test_of_several_none_is_kept_if_one_is_wrong(shop):
    items = [{"id": "a", "features": {}}, {"id": "b", "features": {"published": "yesterday"}}]
    answer = shop.client.post("/api/v1/items", json={"items": items})
    assert (answer.status_code, places(answer)) == (422, ["/items/1/features/published"])
    assert shop.client.get("/api/v1/items/a").status_code == 404


def test_an_id_may_hold_anything(shop):
    shop.client.put("/api/v1/items/a%2Fb%20%C3%BC%3F", json={"features": {"price": 1}})
    assert shop.client.get("/api/v1/items/a%2Fb%20%C3%BC%3F").json() == {
        "id": "a/b ü?",
        "features": {"price": 1},
    }


def test_items_and_users_keep_apart(shop):
    shop.client.put("/api/v1/users/ann", json={"features": {"age": 30}})
    assert shop.client.get("/api/v1/items/ann").status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "pointers"),
    [
        pytest.param(b"{", 400, None, id="no JSON"),
        pytest.param(b"[]", 422, [""], id="no object"),
        pytest.param(b"{}", 422, ["/features"], id="no features"),
        pytest.param(b'{"features": {}, "id": 1}', 422, ["/id"], id="another key"),
        pytest.param(b'{"features": {"published": "x"}}', 422, ["/features/published"], id="a wrong time"),
        pytest.param(b'{"features": {"a/b": {}}}', 422, ["/features/a~1b"], id="an object as a feature"),
        pytest.param(b'{"features": {"a": [[1]]}}', 422, ["/features/a"], id="a list of lists"),
        pytest.param(b'{"features": {"price": NaN}}', 422, ["/features/price"], id="not finite"),
    ],
)
def test_a_body_that_cannot_be_kept_is_refused_with_its_place(shop, body, status, pointers):
    answer = shop.client.put("/api/v1/items/x", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert pointers is None or places(answer) == pointers


@pytest.mark.parametrize(
    ("items", "pointer"),
    [
        pytest.param([], "/items", id="none"),
        pytest.param([{"id": str(n), "features": {}} for n in range(4)], "/items", id="more than the limit"),
        pytest.param([{"features": {}}], "/items/0/id", id="no id"),
        pytest.param([{"id": "x" * 513, "features": {}}], "/items/0/id", id="an endless id"),
        pytest.param([{"id": 10**30, "features": {}}], "/items/0/id", id="an id that JSON's readers round"),
        pytest.param([{"id": "x"}], "/items/0/features", id="no features"),
        pytest.param(["x"], "/items/0", id="no object"),
    ],
)
def test_a_list_that_cannot_be_kept_is_refused_with_its_place(shop, items, pointer):
    answer = shop.client.post("/api/v1/items", json={"items": items})
    assert (answer.status_code, places(answer)) == (422, [pointer])


def test_a_body_that_is_too_large_is_refused(shop):
    answer = shop.client.put("/api/v1/items/x", json={"features": {"text": "x" * 6_000}})
    assert answer.status_code == 413


def test_a_body_of_another_kind_is_refused(shop):
    assert shop.client.put("/api/v1/items/x", content=b"{}").status_code == 415


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"X-API-Key": "wrong"},
        {"Authorization": f"Basic {KEY}".encode()},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "items/x"),
        ("PUT", "items/x"),
        ("DELETE", "users/x"),
        ("POST", "items"),
        ("GET", "models/shop"),
        ("POST", "models/shop/promote"),
    ],
)
def test_without_the_key_nothing_is_told_or_changed(locked, method, path, headers):
    answer = locked.client.request(method, f"/api/v1/{path}", headers=headers)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert "Authorization: Bearer KEY" in answer.json()["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {KEY}".encode()},
        {"X-API-Key": KEY.encode()},
        {"X-API-Key": KEY.encode("latin-1")},
        {"Authorization": "Bearer token.of.a.gateway", "X-API-Key": KEY.encode()},
    ],
)
def test_with_the_key_items_are_changed_and_versions_moved(locked, headers):
    assert locked.client.put("/api/v1/items/x", json={"features": {}}, headers=headers).status_code in {
        200,
        201,
    }
    assert locked.client.get("/api/v1/items/x", headers=headers).status_code == 200
    move = {"version": 1, "to": "champion"}
    assert locked.client.post("/api/v1/models/shop/promote", json=move, headers=headers).status_code == 200


def test_the_command_line_sends_the_key(locked, monkeypatch):
    monkeypatch.setenv("AXON_API_KEY", KEY)
    assert served_by([str(locked.client.base_url)], "shop").keys() == {1}


def test_without_a_key_a_service_that_everybody_reaches_is_changed_by_nobody(start, tmp_path):
    with start(host=EVERYBODY, entities=f"sqlite:{tmp_path / 'c.sqlite'}") as running:
        answer = running.client.put("/api/v1/items/x", json={"features": {}})
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/loopback-only")
        assert "set AXON_API_KEY" in answer.json()["detail"]
        assert not (tmp_path / "c.sqlite").exists()
