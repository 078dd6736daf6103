"""A shadow of the champion's own making answers ranked requests in secret: what it says is what was said."""

import shutil

import polars as pl
import pytest

from journal import DECISIONS, SHADOWS, open_journal
from journal.records import Decision, ShadowAnswer
from tests.e2e.conftest import axon, served, some_items
from tests.waiting import wait_until

NAME = "shop-history"
NEW = {"id": "brand new", "features": {"category": "books", "price": 3.5}}


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    return f"file:{tmp_path_factory.mktemp('decisions')}"


@pytest.fixture(scope="module")
def registry(past_shop, tmp_path_factory):
    """The champion and, under another number, the same model as the shadow."""
    copied = tmp_path_factory.mktemp("shadowed") / "models"
    shutil.copytree(past_shop.registry, copied)
    axon("publish", copied / NAME / "1", "--registry", copied, "--alias", "shadow", cwd=copied)
    return copied


@pytest.fixture(scope="module")
def answers(registry, past_shop, past_rows, address, tmp_path_factory):
    """Of three requests: about items of the catalog, about a new one among them, and about one that has just changed."""
    items = some_items(past_rows)
    question = {"user": past_rows[0]["user"]["user_id"], "context": past_rows[0]["context"], "k": 5}
    settings = {**past_shop.tables, "shadow": "shadow", "decisions": address, "poll_s": "0.1"}
    with served(registry, tmp_path_factory.mktemp("served"), **settings) as client:

        def ask(*candidates):
            """And wait for the shadow, which sees what it is asked about as it is when it answers."""
            answer = client.post("/api/v1/rank", json={**question, "candidates": candidates})
            told.append(answer.json())
            counted = f'axon_shadow_total{{model="{NAME}",version="2"}} {len(told)}.0'
            wait_until(lambda: counted in client.get("/metrics").text)

        told: list[dict] = []
        wait_until(lambda: f"[+] shadow (shadow) is {NAME}/2" in client.get("/healthz?verbose").text)
        ask(*items)
        ask(*items[:3], NEW)
        features = client.get(f"/api/v1/items/{items[0]}").json()["features"]
        client.put(f"/api/v1/items/{items[0]}", json={"features": {**features, "price": 99.0}})
        ask(*items[:2])
    return told


@pytest.fixture(scope="module")
def in_secret(answers, address):
    return {
        one.decision_id: one for one in map(ShadowAnswer.read, open_journal(address, SHADOWS).tail().fresh())
    }


@pytest.mark.parametrize("place", range(3), ids=["by id", "with a new one", "one has changed"])
def test_the_shadow_says_what_the_same_model_said(answers, in_secret, place):
    given = {item["id"]: item["probability"] for item in answers[place]["items"]}
    shadow = in_secret[answers[place]["decision_id"]]
    assert shadow.version == 2
    assert dict(zip(shadow.items, shadow.probabilities, strict=True)) == pytest.approx(given, abs=1e-6)


def test_what_the_shadow_says_is_no_decision(answers, address):
    decisions = list(map(Decision.read, open_journal(address, DECISIONS).tail().fresh()))
    assert [one.version for one in decisions] == [1, 1, 1]


def test_the_shadow_is_compared_on_what_the_champion_showed(answers, address, tmp_path):
    log = tmp_path / "log.parquet"
    axon("join", log, "--decisions", address, "--until", "2100-01-01", "--shown", "answered", cwd=tmp_path)
    read = pl.read_parquet(log)
    assert read["shadow_probability"].to_list() == pytest.approx(
        read["answered_probability"].to_list(), abs=1e-6
    )
    assert axon("compare", log, cwd=tmp_path).stdout.count("2 (shadow)") == 1
