"""A shadow answers in secret: what it says is noted and counted, and nobody waits for it."""

import statistics
import time

import pytest

from journal import DECISIONS, SHADOWS, open_journal
from journal.records import Decision, ShadowAnswer
from tests.service.traffic.conftest import ask, row, user_of
from tests.service.traffic.versions import CHAMPION, SHADOW
from tests.waiting import wait_until

OURS = user_of(CHAMPION)
GIVEN, IN_SECRET = 0.5156199157230156, 0.28140560742914383
"""By hand, from the formula of `save_model`: the sigmoid of bias + 1 + 0.0625, with a bias of -1 and of -2."""


def of_shadow(name):
    return f'axon_{name}_total{{model="shop",version="{SHADOW}"}}'


@pytest.fixture
def quiet(divided):
    """The service, once its shadow has answered all that was asked before."""
    counted = -1.0
    while counted != (counted := divided.value(of_shadow("shadow"))):
        time.sleep(0.1)
    return divided


def test_the_answer_is_the_champions(divided):
    answer = ask(divided, OURS)
    assert answer["version"] == CHAMPION
    assert answer["probabilities"] == pytest.approx([GIVEN], abs=1e-6)


def test_the_distance_from_the_returned_probabilities_is_counted(quiet):
    rows, distance = of_shadow("shadow_rows"), of_shadow("shadow_absolute_difference")
    before = quiet.value(rows), quiet.value(distance)
    ask(quiet, OURS, OURS)
    wait_until(lambda: quiet.value(rows) == before[0] + 2)
    assert quiet.value(distance) - before[1] == pytest.approx(2 * (GIVEN - IN_SECRET), abs=1e-5)


def test_a_scored_row_is_noted_and_the_shadows_answer_beside_it(quiet, address):
    def noted(name, kind):
        return list(map(kind.read, open_journal(address, name).tail().fresh()))

    before = len(noted(DECISIONS, Decision))
    ask(quiet, OURS)
    wait_until(lambda: len(noted(DECISIONS, Decision)) > before)
    decision = noted(DECISIONS, Decision)[-1]
    wait_until(lambda: decision.decision_id in {one.decision_id for one in noted(SHADOWS, ShadowAnswer)})
    answer = noted(SHADOWS, ShadowAnswer)[-1]
    assert decision.candidates[0].features == row(OURS)["item"]
    assert decision.probabilities == pytest.approx([GIVEN], abs=1e-6)
    assert (decision.version, answer.version) == (CHAMPION, SHADOW)
    assert answer.probabilities == pytest.approx([IN_SECRET], abs=1e-6)


def test_what_the_shadow_says_is_no_prediction_of_the_service(quiet):
    answered, predicted = (quiet.value(of_shadow(name)) for name in ("shadow", "predictions"))
    ask(quiet, OURS)
    wait_until(lambda: quiet.value(of_shadow("shadow")) == answered + 1)
    assert quiet.value(of_shadow("predictions")) == predicted


def test_refused_requests_and_those_of_its_own_users_are_no_business_of_the_shadow(quiet):
    before = quiet.value(of_shadow("shadow"))
    quiet.score({"user": {"colour": "red"}})
    assert ask(quiet, user_of(SHADOW))["version"] == SHADOW
    time.sleep(0.1)  # a hundred times what the shadow waits
    assert quiet.value(of_shadow("shadow_failed")) == 0
    assert quiet.value(of_shadow("shadow")) == before


def test_what_does_not_fit_into_the_queue_is_dropped_and_counted(without_room):
    before = without_room.value("axon_shadow_dropped_total")
    ask(without_room, OURS)
    assert without_room.value("axon_shadow_dropped_total") == before + 1


def test_a_shadow_slows_no_answer(divided, without_room):
    """Both services in turn, so that whatever else the machine does meets both alike."""
    services = {"with": divided, "without": without_room}
    took: dict[str, list[float]] = {name: [] for name in services}
    answers: dict[str, set[bytes]] = {name: set() for name in services}
    for _ in range(10):
        for name, service in services.items():
            for _ in range(30):
                started = time.perf_counter()
                answer = service.score(row(OURS))
                took[name].append(time.perf_counter() - started)
                answers[name].add(answer.content)
    assert answers["with"] == answers["without"]
    assert statistics.median(took["with"]) < 1.3 * statistics.median(took["without"])
