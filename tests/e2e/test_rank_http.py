"""Ranking over HTTP: one process, a version that takes over, and two processes with one catalog in Redis."""

import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import orjson
import pytest
import redis

from registry.local import LocalRegistry
from registry.manifest import BundleFacts, write_manifest
from registry.reference import ModelRef
from service.catalog.opening import open_entities
from service.catalog.store import Entity
from tests.e2e.conftest import by_id, served
from tests.history.servers import running_redis
from tests.waiting import wait_until


def copied(past_shop, directory):
    """A registry with the shop's version, and the same as a bundle that is not published yet."""
    shutil.copytree(past_shop.registry, directory / "models")
    registry = LocalRegistry(directory / "models")
    first = registry.resolve(ModelRef.parse("shop-history"))
    bundle = directory / "bundle"
    shutil.copytree(first.directory, bundle, ignore=shutil.ignore_patterns("manifest.json"))
    write_manifest(
        bundle, BundleFacts.model_validate(first.manifest().model_dump(exclude={"files", "format_version"}))
    )
    return registry, bundle


@pytest.fixture(scope="module")
def client(past_shop, tmp_path_factory):
    settings = {
        "entities": f"sqlite:{tmp_path_factory.mktemp('served') / 'catalog.sqlite'}",
        **past_shop.tables,
    }
    with served(past_shop.registry, past_shop.directory, **settings) as client:
        yield client


def test_http_answers_the_ranking(client, question):
    answer = client.post("/api/v1/rank", json=by_id(question, k=5, unknown="list")).json()
    assert (answer["model"], answer["version"], answer["unknown"]) == ("shop-history", 1, [])
    assert [item["rank"] for item in answer["items"]] == [1, 2, 3, 4, 5]
    assert len(answer["decision_id"]) == 32
    row = {"user": question["user"]["features"], "context": question["context"]}
    features = {candidate["id"]: candidate["features"] for candidate in question["candidates"]}
    rows = [{**row, "item": features[item["id"]]} for item in answer["items"]]
    scored = client.post("/api/v1/score", json={"rows": rows}).json()["probabilities"]
    assert [item["probability"] for item in answer["items"]] == pytest.approx(scored, abs=1e-5)


def test_http_refuses_with_a_problem_document(client, question):
    answer = client.post("/api/v1/rank", json=by_id(question, k=-1))
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert orjson.loads(answer.content)["errors"][0]["pointer"] == "/k"


def test_a_changed_item_ranks_as_it_is_now(client, question):
    item = question["candidates"][0]
    ask = by_id(question, candidates=[item["id"]])
    before = client.post("/api/v1/rank", json=ask).json()["items"][0]["probability"]
    changed = {**item["features"], "category": "unheard of"}
    del changed["item_id"]
    assert client.put(f"/api/v1/items/{item['id']}", json={"features": changed}).status_code in {
        200,
        201,
        204,
    }
    after = client.post("/api/v1/rank", json=ask).json()["items"][0]["probability"]
    whole = {**question, "candidates": [{"id": item["id"], "features": changed}]}
    expected = client.post("/api/v1/rank", json=whole).json()["items"][0]["probability"]
    assert after == pytest.approx(expected, abs=1e-6)
    assert after != before


def test_a_new_version_takes_over_with_its_catalog_and_no_request_fails(past_shop, question, tmp_path):
    registry, bundle = copied(past_shop, tmp_path)
    settings = {
        "entities": f"sqlite:{tmp_path / 'catalog.sqlite'}",
        **past_shop.tables,
        "poll_s": "0.1",
    }
    answers: list[httpx.Response] = []
    with served(registry.root, past_shop.directory, **settings) as client:
        registry.publish(bundle, "shop-history")
        until = time.monotonic() + 90
        while not answers or (answers[-1].json().get("version") != 2 and time.monotonic() < until):
            answers.append(client.post("/api/v1/rank", json=by_id(question, unknown="list")))
    assert {answer.status_code for answer in answers} == {200}
    before, after = answers[0].json(), answers[-1].json()
    assert (before["version"], after["version"]) == (1, 2)
    assert after["unknown"] == []
    # The same network: its own item halves, computed before it went live, give the same ranking.
    assert [item["id"] for item in after["items"]] == [item["id"] for item in before["items"]]


def test_what_changes_while_a_version_computes_its_items_is_changed_for_it_too(past_shop, tmp_path):
    registry, bundle = copied(past_shop, tmp_path)
    registry.publish(bundle, "shop-history", alias="challenger")
    address = f"sqlite:{tmp_path / 'catalog.sqlite'}"
    store = open_entities(address)
    store.put(Entity.ITEM, {f"i{number:05}": b'{"category":"books"}' for number in range(5000)})
    store.close()
    # Nobody looks into the store by himself in this time, and the challenger's items take a second.
    settings = {"entities": address, "split": "challenger:0", "poll_s": "600"}
    with served(registry.root, past_shop.directory, **settings) as serving:

        def health() -> str:
            return serving.get("/healthz?verbose").text

        wait_until(lambda: "computing items" in health())
        changed = serving.put("/api/v1/items/i00000", json={"features": {"shelf": 7}})
        gone = serving.delete("/api/v1/items/i00001")
        assert (changed.status_code, gone.status_code) == (200, 204)
        assert "computing items" in health()
        wait_until(lambda: "[+] challenger" in health())
        ask = {"candidates": {"filter": {"item_id": ["i00000", "i00001"], "category": None}}}
        answer = serving.post("/api/v1/rank?version=challenger", json=ask).json()
    assert (answer["version"], [item["id"] for item in answer["items"]]) == (2, ["i00000"])


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory):
    with running_redis(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(scope="module")
def workers(past_shop, redis_url):
    """Two processes with a catalog in Redis; one of them imports it."""
    settings = {
        "entities": redis_url,
        **past_shop.tables,
        "workers": "2",
    }
    with served(past_shop.registry, past_shop.directory, **settings) as client:
        yield client


def test_workers_with_one_catalog_rank_alike(workers, question):
    ask, url = by_id(question), f"{workers.base_url}/api/v1/rank"
    # Each on a connection of its own, so that both have some.
    answers = [httpx.post(url, json=ask, timeout=30) for _ in range(20)]
    assert {answer.status_code for answer in answers} == {200}
    assert len({json.dumps(answer.json()["items"]) for answer in answers}) == 1


def test_a_catalog_that_hangs_holds_up_nobody_but_those_who_ask_it(workers, question, redis_url):
    url = f"{workers.base_url}/api/v1/rank"
    with redis.Redis.from_url(redis_url) as store, ThreadPoolExecutor(8) as clients:
        store.client_pause(3_000)
        hanging = [clients.submit(httpx.post, url, json=by_id(question), timeout=60) for _ in range(8)]
        time.sleep(0.2)
        for _ in range(20):
            assert httpx.get(f"{workers.base_url}/livez", timeout=1).status_code == 200
        assert not all(one.done() for one in hanging)
        assert {one.result().status_code for one in hanging} <= {200, 429, 503}


def test_who_brings_every_feature_does_not_wait_for_the_catalog(workers, question, redis_url):
    with redis.Redis.from_url(redis_url) as store:
        store.client_pause(3_000)
        began = time.monotonic()
        answer = httpx.post(f"{workers.base_url}/api/v1/rank", json=question, timeout=60)
        store_still_hangs = time.monotonic() - began < 2
    assert (answer.status_code, store_still_hangs) == (200, True)
