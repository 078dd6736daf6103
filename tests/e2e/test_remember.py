"""A history that moves on by itself: rank, click, remember, and the same service answers differently, over real HTTP."""

import json
import time
import uuid

import pytest

from history.stores.filling import fill, found_in
from history.stores.opening import open_store
from tests.e2e.conftest import axon, served, some_items
from tests.waiting import wait_until

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def answers(past_shop, past_rows, tmp_path_factory):
    """Of a running service to two users, by when, and what was told of the first one's click.

    Nobody has filled its store, it is filled, the click is remembered, and somebody begins to fill the store again.
    """
    directory = tmp_path_factory.mktemp("remembered")
    places = {"history": f"sqlite:{directory / 'history.db'}", "decisions": f"file:{directory / 'decisions'}"}
    feed = ["remember", past_shop.config, "--registry", past_shop.registry, "--json"]
    feed += [part for name, place in places.items() for part in (f"--{name}", place)]
    users = list(dict.fromkeys(row["user"]["user_id"] for row in past_rows))[:2]
    items = some_items(past_rows)

    with served(past_shop.registry, directory, **places, **past_shop.tables, poll_s="0.1") as client:

        def ask(user: str) -> dict:
            question = {"user": user, "context": past_rows[0]["context"], "candidates": items, "k": 20}
            answer = client.post("/api/v1/rank", json=question)
            assert answer.status_code == 200, answer.text
            return answer.json()

        def once(filled: bool) -> str:
            """What the service says about itself then."""
            told = f'axon_model_history_filled{{model="shop-history",version="1"}} {float(filled)}'
            wait_until(lambda: told in client.get("/metrics").text)
            return client.get("/healthz?verbose").text

        said = [once(filled=False)]
        unfilled = {user: ask(user) for user in users}
        # The snapshot; of the journals nothing that is younger than three hours.
        axon(*feed, "--grace", "3h", cwd=directory)
        said.append(once(filled=True))
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
        store = open_store(places["history"], "shop-history")
        fill(store, found_in(store))
        store.close()
        said.append(once(filled=False))
        again = {user: ask(user) for user in users}
    answers = {"unfilled": unfilled, "before": before, "after": after, "again": again}
    return {**answers, "clicked": clicked, "users": users, "told": remembered, "said": said}


def probability(answers: dict, when: str, user: int, item: str) -> float:
    items = answers[when][answers["users"][user]]["items"]
    return next(one["probability"] for one in items if one["id"] == item)


@pytest.mark.parametrize("when", ["unfilled", "again"])
def test_the_snapshot_answers_as_long_as_nobody_has_filled_the_store(answers, when):
    for user in answers["users"]:
        now, filled = (
            {one["id"]: one["probability"] for one in answers[at][user]["items"]} for at in (when, "before")
        )
        assert now == pytest.approx(filled, abs=1e-6)


def test_a_service_says_that_nobody_has_filled_its_store(answers):
    waiting = "[-] shop-history/1 answers from its own snapshot: nobody has filled the store of AXON_HISTORY with its history yet"
    assert [waiting in said for said in answers["said"]] == [True, False, True]


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
