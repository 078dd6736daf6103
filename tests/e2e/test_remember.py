"""A history that moves on by itself: rank, click, remember, and the same service answers differently, over real HTTP."""

import json
import time
import uuid

import pytest

from tests.e2e.conftest import axon, served

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def answers(past_shop, past_rows, tmp_path_factory):
    """Of a running service to two users, before and after the first one's click was remembered; and what was told of that."""
    directory = tmp_path_factory.mktemp("remembered")
    places = {"history": f"sqlite:{directory / 'history.db'}", "decisions": f"file:{directory / 'decisions'}"}
    tables = {"catalog": str(past_shop.data / "items.csv"), "users": str(past_shop.data / "users.csv")}
    feed = ["remember", past_shop.config, "--registry", past_shop.registry, "--json"]
    feed += [part for name, place in places.items() for part in (f"--{name}", place)]
    # The snapshot; of the journals nothing that is younger than three hours.
    axon(*feed, "--grace", "3h", cwd=directory)
    users = list(dict.fromkeys(row["user"]["user_id"] for row in past_rows))[:2]
    items = list(dict.fromkeys(row["item"]["item_id"] for row in past_rows))[:20]

    with served(past_shop.registry, directory, **places, **tables, drain_s="0") as client:

        def ask(user: str) -> dict:
            question = {"user": user, "context": past_rows[0]["context"], "candidates": items, "k": 20}
            answer = client.post("/api/v1/rank", json=question)
            assert answer.status_code == 200, answer.text
            return answer.json()

        before = {user: ask(user) for user in users}
        clicked = before[users[0]]["items"][0]["id"]
        # As long ago as the delay of the task file waits for clicks, and longer.
        at_ms = time.time_ns() // 1_000_000 - HOUR_MS
        done = {"decision_id": before[users[0]]["decision_id"], "item_id": clicked, "at_ms": at_ms}
        events = [{"event_id": uuid.uuid4().hex, "type": kind, **done} for kind in ("impression", "click")]
        told = client.post("/api/v1/feedback", json={"events": events}).json()
        assert told["accepted"] == 2, told
        remembered = json.loads(axon(*feed, cwd=directory).stdout)
        after = {user: ask(user) for user in users}
    return {"before": before, "after": after, "clicked": clicked, "users": users, "told": remembered}


def probability(answers: dict, when: str, user: int, item: str) -> float:
    items = answers[when][answers["users"][user]]["items"]
    return next(one["probability"] for one in items if one["id"] == item)


def test_the_click_is_counted(answers):
    assert (answers["told"]["impressions"], answers["told"]["clicked"]) == (1, 1)


def test_the_next_answer_of_the_same_service_has_moved(answers):
    item = answers["clicked"]
    assert abs(probability(answers, "after", 0, item) - probability(answers, "before", 0, item)) > 1e-5


def test_an_answer_about_somebody_and_something_else_has_not(answers):
    item = next(
        one["id"]
        for one in answers["before"][answers["users"][1]]["items"]
        if one["id"] != answers["clicked"]
    )
    assert probability(answers, "after", 1, item) == probability(answers, "before", 1, item)
