"""Rank, click, join, and a log that training reads: with a real model, service and command line."""

import json
import shutil
import time

import polars as pl
import pytest
import yaml

from journal import DECISIONS, open_journal
from journal.records import Decision
from registry.local import LocalRegistry
from registry.reference import ModelRef
from tests.e2e.conftest import axon, clicked_best, served, some_items

SHOWN = 5
NEW = {"id": "brand new", "features": {"category": "books", "price": 3.5}}


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    return f"file:{tmp_path_factory.mktemp('decisions')}"


@pytest.fixture(scope="module")
def question(past_rows):
    """A user and items of the catalog by id."""
    return {
        "user": past_rows[0]["user"]["user_id"],
        "context": past_rows[0]["context"],
        "candidates": some_items(past_rows),
        "k": 15,
    }


@pytest.fixture(scope="module")
def answers(past_shop, address, question, tmp_path_factory):
    """Of four requests with feedback about the first items of each, the best of which is clicked."""
    settings = {**past_shop.tables, "decisions": address, "decision_described": "10"}
    answers = []
    with served(past_shop.registry, tmp_path_factory.mktemp("served"), **settings) as client:
        for _ in range(4):
            answer = client.post("/api/v1/rank", json=question).json()
            told = client.post("/api/v1/feedback", json={"events": clicked_best(answer, SHOWN)}).json()
            answers.append((answer, told))
        user = {"features": {"user_id": question["user"]}}
        client.post("/api/v1/rank", json={**question, "user": user, "candidates": [NEW]})
    return answers


@pytest.fixture(scope="module")
def noted(answers, address):
    """Everything in the journal, in order."""
    return list(map(Decision.read, open_journal(address, DECISIONS).tail().fresh()))


@pytest.fixture(scope="module")
def decision(noted):
    return noted[0]


def test_every_answer_is_noted(answers, noted):
    assert [one.decision_id for one in noted[:-1]] == [answer["decision_id"] for answer, _ in answers]


def test_feedback_about_a_new_answer_is_accepted(answers):
    assert [told["accepted"] for _, told in answers] == [SHOWN + 1] * 4


def test_an_answer_is_noted_as_it_was_given(decision, answers):
    [(answer, _), *_] = answers
    assert [candidate.id for candidate in decision.candidates] == [item["id"] for item in answer["items"]]
    assert decision.probabilities == pytest.approx([item["probability"] for item in answer["items"]])


def test_features_of_the_catalog_are_noted(decision, past_rows):
    items = {row["item"]["item_id"]: row["item"] for row in past_rows}
    known = next(one for one in decision.candidates if one.id in items)
    assert known.features["category"] == items[known.id]["category"]
    assert known.features["price"] == pytest.approx(float(items[known.id]["price"]))
    assert decision.user.features["city"] == past_rows[0]["user"]["city"]


def test_features_of_the_request_are_noted(noted):
    (new,) = noted[-1].candidates
    assert (new.features["category"], new.features["price"]) == ("books", 3.5)


def test_an_id_among_the_features_is_the_users(noted, decision):
    assert noted[-1].user == decision.user
    assert decision.user.features["city"]


def test_far_down_candidates_are_noted_without_features(decision):
    assert [one.features is None for one in decision.candidates] == [False] * 10 + [True] * 5


def test_the_joined_log_is_one_that_training_reads(answers, address, past_shop, tmp_path):
    log = tmp_path / "log.parquet"
    done = axon(
        "join", log, "--decisions", address, "--window", "1s", "--until", "2100-01-01", "--json", cwd=tmp_path
    )
    assert json.loads(done.stdout)["impressions"] == 4 * SHOWN
    document = yaml.safe_load(past_shop.config.read_text())
    document["data"] = {
        "log": str(log),
        "label": "clicked",
        "time": {"column": "time_ms"},
        **{key: document["data"][key] for key in ("user_key", "item_key") if key in document["data"]},
    }
    config = past_shop.write(tmp_path / "axon.yaml", document)
    assert json.loads(axon("check", config, "--json", cwd=tmp_path, check=False).stdout)["rows"] == 4 * SHOWN
    assert pl.read_parquet(log)["clicked"].sum() == 4


UNCHECKED = {
    "checks": {"max_volume_factor": None, "max_click_rate_factor": None, "max_psi": None},
    "gate": {
        "champion": {"max_log_loss_increase": None, "max_gauc_drop": None, "max_segment_increase": None}
    },
}
"""Twenty impressions a year later are another kind of log, and too few to show anything."""


def test_a_retraining_learns_from_what_was_decided(answers, address, past_shop, tmp_path):
    document = past_shop.document(data={"root": str(past_shop.data)}, **UNCHECKED)
    registry = shutil.copytree(past_shop.registry, tmp_path / "models")
    config = past_shop.write(tmp_path / "axon.yaml", document)
    time.sleep(1.1)  # until the window of the last click has closed
    places = ("--decisions", address, "--window", "1s", "--registry", registry, "--json")
    done = axon("retrain", config, *places, cwd=tmp_path)
    facts = json.loads((tmp_path / json.loads(done.stdout)["run"] / "data.json").read_text())
    assert json.loads(done.stdout)["version"] == 2
    assert (facts["decisions"]["impressions"], facts["decisions"]["new"]["clicked"]) == (4 * SHOWN, 4)
    manifest = LocalRegistry(registry).resolve(ModelRef.parse("shop-history")).manifest()
    (joined,) = tmp_path.glob("runs/*.joined/*.jsonl")
    assert manifest.history_shown_until is not None
    assert f"{manifest.history_shown_until.timestamp() * 1000:013.0f}" == joined.stem.partition("-")[2]
