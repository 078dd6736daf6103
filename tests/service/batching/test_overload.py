"""Far more requests than may wait, slow clients and clients that leave, with real sockets."""

import concurrent.futures
import contextlib
import json
import re
import socket
import time

import pytest

from tests.service.conftest import ROW, RunningService
from tests.waiting import wait_until

QUEUE = 4
ROWS = 5000
BODY = json.dumps({"rows": [ROW] * ROWS}).encode()  # 0.8 MB, tens of milliseconds of work
HEAD = (
    "POST /api/v1/score HTTP/1.1\r\nHost: x\r\n"
    f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
).encode()


@pytest.fixture(scope="module")
def small(ready):
    """A service with little room."""
    with ready(queue_size=QUEUE, queue_bytes=16_000_000, read_s=2) as running:
        yield running


def connect(service: RunningService) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), timeout=20)


def slowly(service: RunningService) -> bytes:
    """The beginning of the answer to a request that comes in four pieces, and is read a moment after it was answered."""
    with connect(service) as connection:
        quarter = len(BODY) // 4 + 1
        connection.sendall(HEAD)
        for start in range(0, len(BODY), quarter):
            connection.sendall(BODY[start : start + quarter])
            time.sleep(0.02)
        return connection.recv(1 << 16)


def counted(service: RunningService, code: int) -> float:
    match = re.search(
        rf'axon_requests_total{{code="{code}",endpoint="/api/v1/score".*}} (\S+)',
        service.client.get("/metrics").text,
    )
    return float(match[1]) if match else 0.0


@pytest.fixture(scope="module")
def burst(small):
    """Twenty times as many requests at once as may wait: their answers by status, and the growth of the process."""
    slowly(small)
    before = small.value("process_resident_memory_bytes")
    with concurrent.futures.ThreadPoolExecutor(20 * QUEUE) as clients:
        answers = {answer[9:12]: answer for answer in clients.map(slowly, [small] * (20 * QUEUE))}
    return answers, small.value("process_resident_memory_bytes") - before


def test_of_a_burst_every_request_is_answered_or_told_to_come_again(burst):
    assert set(burst[0]) <= {b"200", b"429", b"503"}


def test_of_a_burst_some_are_answered(burst):
    assert b"200" in burst[0]


def test_of_a_burst_some_are_told_to_come_again(burst):
    head, _, body = burst[0][b"429"].lower().partition(b"\r\n\r\n")
    assert b"\r\nretry-after: 2\r\n" in head + b"\r\n"
    assert json.loads(body)["type"] == "/problems/overloaded"


def test_a_burst_fills_no_more_memory_than_may_wait(burst):
    # 80 bodies would be 64 MB, and several times that as rows.
    assert burst[1] < 150e6


def test_after_a_burst_the_service_answers(small, burst):
    assert small.score(ROW).status_code == 200


def test_clients_that_hang_up_free_their_places(small):
    before = counted(small, 499)
    for _ in range(5 * QUEUE):
        with connect(small) as connection:
            connection.sendall(HEAD + BODY[: len(BODY) // 2])
    wait_until(lambda: counted(small, 499) > before, within_s=10)
    assert small.score(ROW).status_code == 200


def test_so_do_those_whose_requests_wait(small):
    before = counted(small, 499)
    with contextlib.ExitStack() as clients:
        for _ in range(QUEUE):
            clients.enter_context(connect(small)).sendall(HEAD + BODY)
    wait_until(lambda: counted(small, 499) > before, within_s=10)
    assert small.score(ROW).status_code == 200


def test_a_body_that_does_not_come_is_not_waited_for(small):
    until, answer = time.monotonic() + 10, b"HTTP/1.1 429"
    # The places of those who hung up before may not be free yet.
    while answer.startswith(b"HTTP/1.1 429") and time.monotonic() < until:
        with connect(small) as connection:
            connection.sendall(HEAD + b"{")
            answer = connection.recv(100)
    assert answer.startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize("given", ["0", "-1", "1.5", "soon", "9999999999"])
def test_a_deadline_that_is_none_is_refused(small, given):
    headers = {"Content-Type": "application/json", "X-Axon-Deadline-Ms": given}
    answer = small.client.post("/api/v1/score", content=b'{"rows":[{}]}', headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/invalid-deadline")
    assert answer.json()["detail"].endswith(f"above 0, got {given!r}")


def test_a_deadline_that_can_be_met_is_met(small):
    headers = {"Content-Type": "application/json", "X-Axon-Deadline-Ms": "5000"}
    answer = small.client.post("/api/v1/score", content=b'{"rows":[{}]}', headers=headers)
    assert answer.status_code == 200
