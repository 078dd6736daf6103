"""Versions and aliases over HTTP, asked of a real service."""

import subprocess
import sys

import pytest

from registry.local import LocalRegistry
from tests.registry.store import environment, free_port, merged, object_store
from tests.service.conftest import REPOSITORY

MODELS = "/api/v1/models"


@pytest.fixture(scope="module")
def shelf(published, tmp_path_factory):
    """A registry with three versions, of which the last is the champion."""
    root = tmp_path_factory.mktemp("models")
    registry = LocalRegistry(root)
    for _ in range(3):
        registry.publish(published.directory, "shop")
    return registry


@pytest.fixture(scope="module")
def shop(ready, shelf):
    with ready(registry=shelf.root, poll_s=0.1, max_body_bytes=2_000) as running:
        yield running


@pytest.fixture(autouse=True)
def champion_3(shelf):
    """Every test begins with the third version as the champion, published after the second."""
    yield
    for number in (2, 3):
        shelf.set_alias("shop", "champion", number)


def test_models_are_listed(shop):
    assert shop.client.get(MODELS).json() == {"models": ["shop"]}


def test_a_model_shows_its_versions_aliases_and_moves(shop):
    answer = shop.client.get(f"{MODELS}/shop").json()
    assert [version["version"] for version in answer["versions"]] == [1, 2, 3]
    assert answer["versions"][2]["aliases"] == ["champion"]
    assert answer["aliases"] == {"champion": 3}
    assert [(move["from"], move["to"]) for move in answer["moves"]][:3] == [(None, 1), (1, 2), (2, 3)]


def test_a_promoted_version_answers_a_moment_later(shop):
    moved = shop.client.post(f"{MODELS}/shop/promote", json={"version": 1, "to": "champion"})
    assert moved.json() == {"model": "shop", "alias": "champion", "from": 3, "to": 1}
    shop.wait_for_version(1)


def test_a_rollback_goes_to_the_version_before(shop, shelf):
    moved = shop.client.post(f"{MODELS}/shop/rollback", json={"reason": "fewer clicks"})
    assert (moved.json()["from"], moved.json()["to"]) == (3, 2)
    assert shelf.state("shop").moves[-1].reason == "fewer clicks (over HTTP from 127.0.0.1)"


def test_a_rollback_of_an_alias_that_never_was_is_refused(shop):
    answer = shop.client.post(f"{MODELS}/shop/rollback", json={"alias": "shadow"})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/refused-move")


def test_a_dry_prune_says_what_would_go(shop, shelf):
    answer = shop.client.post(f"{MODELS}/shop/prune", json={"keep": 1, "dry_run": True})
    assert answer.json() == {"model": "shop", "removed": [1], "dry_run": True}
    assert len(shelf.versions("shop")) == 3


@pytest.mark.parametrize(
    ("path", "body", "status", "kind"),
    [
        pytest.param("shop/promote", {"version": 9}, 404, "unknown-version", id="unknown version"),
        pytest.param("news/promote", {"version": 1}, 404, "unknown-version", id="unknown model"),
        pytest.param("shop/promote", {"version": "1"}, 422, "invalid-request", id="a text for a number"),
        pytest.param("shop/promote", {"version": 1, "to": "../x"}, 422, "invalid-request", id="no alias"),
        pytest.param("shop/promote", {"version": 1, "at": 1}, 422, "invalid-request", id="an unknown key"),
        pytest.param("shop/promote", ["not", "an", "object"], 422, "invalid-request", id="a list"),
        pytest.param("shop/prune", {"keep": 0}, 422, "invalid-request", id="keep nothing"),
        pytest.param("shop/prune", {"reason": "x" * 3000}, 413, "body-too-large", id="too long"),
    ],
)
def test_what_cannot_be_done_is_a_problem(shop, path, body, status, kind):
    answer = shop.client.post(f"{MODELS}/{path}", json=body)
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{kind}")


def test_a_body_that_is_no_json_is_told(shop):
    answer = shop.client.post(
        f"{MODELS}/shop/rollback", content=b"{", headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/malformed-json")


def test_an_unreadable_registry_is_told_and_the_model_goes_on_answering(shop, shelf):
    aliases = shelf.root / "shop/aliases.json"
    before = aliases.read_bytes()
    aliases.write_text("{")
    answer = shop.client.get(f"{MODELS}/shop")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/registry-unavailable")
    assert shop.client.get("/readyz").status_code == 200
    aliases.write_bytes(before)


def test_the_routes_are_described(shop):
    paths = shop.client.get("/openapi.json").json()["paths"]
    for path in ("promote", "rollback", "prune"):
        assert set(paths[f"{MODELS}/{{name}}/{path}"]["post"]["responses"]) >= {
            "200",
            "401",
            "404",
            "409",
            "503",
        }


# Apart from the tests' process, where another store may be known by the same address.
PUBLISH = """
import sys
from pathlib import Path
from registry.opening import open_registry
for _ in range(int(sys.argv[3])):
    open_registry(sys.argv[1]).publish(Path(sys.argv[2]), "shop")
"""


def test_a_service_reads_an_object_store_and_outlives_it(start, published, tmp_path):
    port = free_port()
    address = "s3://bucket/models"
    settings = {"registry": address, "registry_cache": tmp_path / "cache", "poll_s": 0.1}

    def publish(times):
        command = [sys.executable, "-c", PUBLISH, address, published.directory, str(times)]
        subprocess.run(command, env=merged(port), cwd=REPOSITORY, check=True, timeout=60)

    with start(**settings, environment=environment(port)) as running:
        with object_store(port):
            publish(1)
            running.wait_until_ready()
        running.wait_for("/api/v1/models", lambda answer: answer.status_code == 503)
        assert running.client.get("/readyz").status_code == 200
        with object_store(port):
            publish(2)
            running.wait_for_version(2)
