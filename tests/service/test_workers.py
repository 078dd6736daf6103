"""Several processes behind one port."""

import os
import re
import signal
import time

import httpx
import pytest

from tests.service.conftest import ROW, ROW_PROBABILITY, RunningService
from tests.waiting import wait_until


def pids(service: RunningService) -> list[int]:
    """Every worker that was ever started."""
    return [int(pid) for pid in re.findall(r"worker \d runs as pid (\d+)", service.log.read_text())]


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def answering(service: RunningService) -> set[str]:
    """Which workers answer new connections, of twenty; every connection may come to another one."""
    found: set[str] = set()
    for _ in range(20):
        try:
            text = httpx.get(f"http://127.0.0.1:{service.port}/metrics").text
        except httpx.TransportError:
            continue
        found |= set(re.findall(r'axon_worker_info\{pid="(\d+)"\}', text))
    return found


def wait_for_answers_of(
    service: RunningService, count: int, readings: list[int | None] | None = None
) -> set[str]:
    """The workers that answer once there are so many; what new connections are told meanwhile is added to `readings`."""
    until = time.monotonic() + 30
    while len(found := answering(service)) < count and time.monotonic() < until:
        told = [readiness(service) for _ in range(20)]
        if readings is not None:
            readings += told
    return found


def readiness(service: RunningService) -> int | None:
    """What a new connection is told; None where it broke."""
    try:
        return httpx.get(f"http://127.0.0.1:{service.port}/readyz").status_code
    except httpx.TransportError:
        return None


def scored_by(service: RunningService) -> tuple[set[float], set[str]]:
    """What new connections are answered to one row, and the workers that have scored it."""
    answers: set[float] = set()
    workers: set[str] = set()
    until = time.monotonic() + 30
    while len(workers) < 2 and time.monotonic() < until:
        answered = httpx.post(f"http://127.0.0.1:{service.port}/api/v1/score", json={"rows": [ROW]})
        answers.add(answered.json()["probabilities"][0])
        metrics = httpx.get(f"http://127.0.0.1:{service.port}/metrics").text
        if re.search(r"(?m)^axon_predictions_total\{.*\} [1-9]", metrics):
            workers |= set(re.findall(r'axon_worker_info\{pid="(\d+)"\}', metrics))
    return answers, workers


def wait_for_log(service: RunningService, pattern: str) -> None:
    wait_until(lambda: re.search(pattern, service.log.read_text()))


@pytest.fixture(scope="module")
def story(ready) -> dict[str, object]:
    """Two workers; one after the other is killed, then all are told to stop; what was seen."""
    seen: dict[str, object] = {}
    with ready(workers=2) as service:
        readings = [readiness(service) for _ in range(100)]
        wait_for_log(service, r"(?s)(worker \d runs as pid.*){2}")
        first, second = pids(service)
        seen["both"] = {str(first), str(second)}
        seen["answering"] = wait_for_answers_of(service, 2)
        seen["answers"], seen["scoring"] = scored_by(service)
        os.kill(first, signal.SIGKILL)
        wait_for_log(service, rf"worker 0 \(pid {first}\) ended with -9")
        seen["livez, one killed"] = httpx.get(f"http://127.0.0.1:{service.port}/livez").status_code
        wait_for_log(service, r"(?s)(worker 0 runs as pid.*){2}")
        seen["replacement"] = str(pids(service)[2])
        seen["answering, healed"] = wait_for_answers_of(service, 2, readings)
        os.kill(second, signal.SIGKILL)
        wait_for_log(service, r"(?s)(worker 1 runs as pid.*){2}")
        wait_for_answers_of(service, 2, readings)
        seen["readiness"] = set(readings)
        seen["exit code"] = service.stop()
        seen["left"] = [pid for pid in pids(service) if is_running(pid)]
        seen["log"] = service.log.read_text()
    return seen


def test_every_worker_answers(story):
    assert story["answering"] == story["both"]


def test_every_worker_loads_tensorflow_and_scores(story):
    assert story["scoring"] == story["both"]


def test_the_workers_score_alike(story):
    assert list(story["answers"]) == pytest.approx([ROW_PROBABILITY], abs=1e-6)


def test_a_worker_that_is_killed_does_not_end_the_service(story):
    assert story["livez, one killed"] == 200


def test_a_worker_that_is_killed_is_replaced(story):
    assert story["replacement"] in story["answering, healed"]


def test_told_to_stop_the_service_ends_with_0(story):
    assert story["exit code"] == 0


def test_told_to_stop_no_worker_is_left(story):
    assert story["left"] == []


def test_nothing_of_it_was_unexpected(story):
    assert "Traceback" not in story["log"]


def test_who_was_told_once_that_all_is_ready_is_never_refused_for_that(story):
    # A worker that dies takes the connections along that wait in line for it.
    assert story["readiness"] - {None} == {200}


def test_workers_end_with_a_parent_that_is_killed(start, tmp_path):
    with start(registry=tmp_path, workers=2) as service:
        wait_for_log(service, r"(?s)(worker \d runs as pid.*){2}")
        service.wait_for("/livez", lambda answer: answer.status_code == 200)
        workers = pids(service)
        assert all(map(is_running, workers))
        service.process.kill()
        wait_until(lambda: not any(map(is_running, workers)))
