"""``POST /api/v1/feedback``, against a real service and its real files."""

import contextlib
import time

import pytest

from journal import DECISIONS, FEEDBACK, open_journal
from journal.records import Columns, Decision, Described, Feedback, new_decision_id
from tests.full_disc import files_of_at_most
from tests.history.servers import running_redis

FEEDBACK_PATH = "/api/v1/feedback"
HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    return f"file:{tmp_path_factory.mktemp('decisions')}"


@pytest.fixture(scope="module")
def settings(address, tmp_path_factory):
    """Of a service that has no model yet: feedback does not wait for one."""
    registry = tmp_path_factory.mktemp("empty")
    return {"registry": registry, "decisions": address, "feedback_window_s": 3600, "max_rows": 20}


@pytest.fixture(scope="module")
def running(start, settings):
    with start(**settings) as service:
        yield service


@pytest.fixture(scope="module")
def decision_id(address):
    """Of a decision that another process has noted."""
    made = new_decision_id(now_ms())
    decision = Decision(
        made, now_ms(), "shop", 1, Columns(), Described("u"), {}, [Described("a")], [0.5], [1]
    )
    open_journal(address, DECISIONS).append([decision.record()])
    return made


def now_ms():
    return time.time_ns() // 1_000_000


def event(name, **changes):
    return {"event_id": name, "type": "click", "user_id": "u", "item_id": "a", **changes}


def send(service, *events):
    return service.client.post(FEEDBACK_PATH, json={"events": list(events)})


def verdicts(service, *events):
    """What is said of events, without those of which nothing is."""
    answer = send(service, *events)
    assert answer.status_code == 200, answer.text
    return {one["event_id"]: one["verdict"] for one in answer.json()["events"]}


def kept(address):
    return [Feedback.read(record) for record in open_journal(address, FEEDBACK).tail().fresh()]


def test_an_acknowledged_event_is_in_the_journal(running, address):
    assert send(running, event("one", at_ms=now_ms())).json()["accepted"] == 1
    assert [one.event_id for one in kept(address)].count("one") == 1


def test_an_event_without_a_time_happened_when_it_came(running, address):
    before = now_ms()
    send(running, event("timeless"))
    (one,) = (one for one in kept(address) if one.event_id == "timeless")
    assert before <= one.at_ms == one.received_ms <= now_ms()


def test_an_event_that_is_sent_again_counts_once(running, address):
    send(running, event("again"))
    assert verdicts(running, event("again")) == {"again": "duplicate"}
    assert [one.event_id for one in kept(address)].count("again") == 1


def test_an_event_that_stands_twice_in_a_request_counts_once(running):
    answer = send(running, event("twice"), event("twice")).json()
    assert (answer["accepted"], answer["duplicate"]) == (1, 1)


def test_an_event_that_another_process_took_is_a_duplicate(running, address):
    open_journal(address, FEEDBACK).append([Feedback("elsewhere", "click", 1, "a").record()])
    assert verdicts(running, event("elsewhere")) == {"elsewhere": "duplicate"}


def test_an_event_of_a_noted_decision_is_accepted(running, decision_id):
    assert verdicts(running, event("known", decision_id=decision_id)) == {}


def test_an_event_of_an_unknown_decision_is_told_and_kept(running, address):
    assert verdicts(running, event("stray", decision_id="0" * 32)) == {"stray": "unknown"}
    assert "stray" in {one.event_id for one in kept(address)}


def test_a_late_event_is_told_and_kept(running, address):
    assert verdicts(running, event("late", at_ms=now_ms() - 2 * HOUR_MS)) == {"late": "late"}
    assert "late" in {one.event_id for one in kept(address)}


def test_an_event_of_the_future_is_told_and_not_kept(running, address):
    assert verdicts(running, event("future", at_ms=now_ms() + HOUR_MS)) == {"future": "future"}
    assert "future" not in {one.event_id for one in kept(address)}


def test_numbers_are_ids_too(running, address):
    send(running, event("number", item_id=7), event("truth", item_id=True))
    assert {"7", "true"} <= {one.item_id for one in kept(address)}


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        (event("w", type="look"), "/events/0/type"),
        (event("w", at_ms=-1), "/events/0/at_ms"),
        (event("w", at_ms="yesterday"), "/events/0/at_ms"),
        (event("w", at_ms=True), "/events/0/at_ms"),
        (event("w", colour="red"), "/events/0/colour"),
        (event("w", user_id=None), "/events/0"),
        (event("", item_id="a"), "/events/0/event_id"),
        (event(10**30), "/events/0/event_id"),
    ],
)
def test_an_event_that_is_none_refuses_the_request_and_says_where(running, wrong, pointer):
    answer = send(running, wrong)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ([], "the body: expected an object, got []"),
        ({"events": "all"}, "/events: Input should be a valid list, got 'all'"),
        ({"events": [7]}, "/events/0: expected an object, got 7"),
        ({"events": [event("")]}, "/events/0/event_id: String should have at least 1 character, got ''"),
        (
            {"events": [event("w", at_ms=-1)]},
            "/events/0/at_ms: Input should be greater than or equal to 0, got -1",
        ),
        (
            {"events": [event("w", user_id=None)]},
            "/events/0: expected a decision_id, or a user_id where the decision is not known",
        ),
    ],
)
def test_a_refusal_says_what_came(running, body, detail):
    assert running.client.post("/api/v1/feedback", json=body).json()["detail"] == detail


def test_too_many_events_are_refused(running):
    answer = send(running, *(event(str(place)) for place in range(21)))
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/too-many-rows")


def test_verdicts_are_counted(running):
    send(running, event("counted"))
    send(running, event("counted"))
    text = running.client.get("/metrics").text
    (line,) = (
        line
        for line in text.splitlines()
        if line.startswith('axon_feedback_events_total{verdict="duplicate"}')
    )
    assert float(line.split()[1]) >= 1


def test_the_description_has_feedback(running):
    document = running.client.get("/openapi.json").json()
    assert {"200", "422", "503"} <= document["paths"][FEEDBACK_PATH]["post"]["responses"].keys()


def test_a_service_without_a_journal_says_what_to_set(start, settings):
    with start(registry=settings["registry"]) as service:
        answer = send(service, event("off"))
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/feedback-off")
    assert "AXON_DECISIONS" in answer.json()["detail"]


def test_what_is_known_survives_a_restart(start, settings, tmp_path):
    settings = {**settings, "decisions": f"file:{tmp_path}"}
    with start(**settings) as service:
        assert verdicts(service, event("before")) == {}
        service.process.kill()
    with start(**settings) as service:
        assert verdicts(service, event("before")) == {"before": "duplicate"}


def test_a_full_disc_acknowledges_nothing_and_loses_nothing(start, settings, tmp_path):
    address = f"file:{tmp_path}"
    many = [event(f"{place} {'x' * 500}") for place in range(20)]
    with start(**{**settings, "decisions": address}) as service:
        send(service, event("before"))
        with files_of_at_most(service.process.pid, 8192):
            refused = send(service, *many)
        again = send(service, *many)
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/feedback-unavailable")
    # Whole ones that were written before there was no room are there already.
    assert again.json()["accepted"] + again.json()["duplicate"] == len(many)
    assert [one.event_id for one in kept(address)] == ["before", *(one["event_id"] for one in many)]


def test_feedback_is_kept_in_redis(start, settings, tmp_path):
    with running_redis(tmp_path) as address, start(**{**settings, "decisions": address}) as service:
        assert verdicts(service, event("one"), event("one")) == {"one": "duplicate"}
        assert [one.event_id for one in kept(address)] == ["one"]


def test_without_its_redis_a_service_acknowledges_nothing(start, settings, tmp_path):
    with contextlib.ExitStack() as stack:
        with running_redis(tmp_path) as address:
            service = stack.enter_context(start(**{**settings, "decisions": address}))
        assert send(service, event("one")).status_code == 503
