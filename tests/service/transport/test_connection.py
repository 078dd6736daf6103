"""Requests as bytes on a connection: the short way of `service.transport.connection` and the ordinary one tell the same."""

import contextlib
import json
import re
import signal
import socket
import time

import httpx
import pytest

from tests.service.conftest import ROW, RunningService

BODY = json.dumps({"rows": [ROW]}).encode()


def head(body: bytes = BODY, *more: str, path: str = "/api/v1/score") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *more]
    if not any(line.startswith("Content-Type") for line in more):
        lines.append("Content-Type: application/json")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def connect(service: RunningService) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), timeout=10)


class Reader:
    """Takes answers from a connection, one after the other."""

    def __init__(self, connection: socket.socket) -> None:
        self._file = connection.makefile("rb")

    def __del__(self) -> None:
        # Before the socket goes, which stays open for its file.
        self._file.close()

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        status = int(self._file.readline().split()[1])
        headers: dict[str, str] = {}
        while line := self._file.readline().strip().decode():
            name, _, value = line.partition(": ")
            headers[name] = value
        return status, headers, self._file.read(int(headers.get("content-length", 0)))

    def ended(self) -> bool:
        """Whether the service has closed the connection."""
        return self._file.read(1) == b""


def asked(service: RunningService, *pieces: bytes, apart_s: float = 0.0) -> tuple[int, dict[str, str], bytes]:
    with connect(service) as connection:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(apart_s)
        return Reader(connection).answer()


def probability(answer: tuple[int, dict[str, str], bytes]) -> float:
    assert answer[0] == 200, answer
    return json.loads(answer[2])["probabilities"][0]


CASES = {
    "answered": (BODY, ()),
    "an id of its own": (BODY, ("X-Request-ID: mine",)),
    "an id that is none": (BODY, ("X-Request-ID: <mine>",)),
    "no JSON": (b"{", ()),
    "another media type": (BODY, ("Content-Type: text/plain",)),
    "compressed": (BODY, ("Content-Encoding: gzip",)),
    "too large": (b" " * 20_001, ()),
    "no such feature": (b'{"rows":[{"user":{"nothing":1}}]}', ()),
    "no such model": (b'{"model":"other","rows":[{}]}', ()),
    "a deadline that is none": (BODY, ("X-Axon-Deadline-Ms: soon",)),
    "a trace": (BODY, ("traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",)),
    "no body": (b"", ()),
}


@pytest.mark.parametrize("case", CASES)
def test_both_ways_tell_the_same(service, case):
    body, headers = CASES[case]
    told = []
    # Who wants the connection closed is no plain request.
    for more in (headers, (*headers, "Connection: close")):
        status, answered, text = asked(service, head(body, *more), body)
        own = {"date", "connection", *(() if "an id of its own" in case else ("x-request-id",))}
        told.append((status, {name: value for name, value in answered.items() if name not in own}, text))
        told[-1][1].pop("traceresponse", None) if case == "a trace" else None
    assert told[0] == told[1]


def test_every_answer_has_an_id_and_a_date(service):
    _, headers, _ = asked(service, head(), BODY)
    assert headers["x-request-id"]
    assert headers["date"]


def test_a_trace_is_carried_on(service):
    trace = "0af7651916cd43dd8448eb211c80319c"
    _, headers, _ = asked(service, head(BODY, f"traceparent: 00-{trace}-b7ad6b7169203331-01"), BODY)
    assert headers["traceresponse"].split("-")[1] == trace


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_it_does_not_matter_how_a_request_is_cut_into_pieces(service, size):
    whole = head() + BODY
    pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
    once = probability(asked(service, whole))
    assert probability(asked(service, *pieces, apart_s=0.001)) == once


def test_a_body_may_come_in_chunks_of_http(service):
    lines = (
        "POST /api/v1/score HTTP/1.1",
        "Host: x",
        "Content-Type: application/json",
        "Transfer-Encoding: chunked",
    )
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (BODY[:20], BODY[20:], b""))
    start = ("\r\n".join(lines) + "\r\n\r\n").encode()
    assert probability(asked(service, start, chunks)) == probability(asked(service, head(), BODY))


def test_requests_that_do_not_wait_for_answers_get_them_in_order(service):
    bodies = [json.dumps({"rows": [ROW] * rows}).encode() for rows in (5, 1, 3, 2)]
    with connect(service) as connection:
        connection.sendall(b"".join(head(body) + body for body in bodies))
        reader = Reader(connection)
        answers = [json.loads(reader.answer()[2]) for _ in bodies]
    assert [len(answer["probabilities"]) for answer in answers] == [5, 1, 3, 2]


def test_a_connection_serves_many_requests_of_either_way(service):
    with connect(service) as connection:
        reader = Reader(connection)
        for pinned in ("", "?version=1", "", "?version=1"):
            connection.sendall(head(path=f"/api/v1/score{pinned}") + BODY)
            assert probability(reader.answer()) > 0
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert reader.answer()[0] == 200


def test_after_a_refusal_before_its_body_the_connection_goes_on(service):
    large = b" " * 20_001
    with connect(service) as connection:
        reader = Reader(connection)
        connection.sendall(head(large))
        assert reader.answer()[0] == 413
        connection.sendall(large + head() + BODY)
        assert probability(reader.answer()) > 0


def test_who_asks_to_go_on_is_told_to(service):
    with connect(service) as connection:
        connection.sendall(head(BODY, "Expect: 100-continue"))
        file = connection.makefile("rb")
        assert file.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert file.readline() == b"\r\n"
        connection.sendall(BODY)
        assert file.readline() == b"HTTP/1.1 200 OK\r\n"


def test_what_turns_out_to_be_no_http_is_told_so(service):
    with connect(service) as connection:
        lines = "POST /api/v1/score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        connection.sendall((lines + "Transfer-Encoding: chunked\r\n\r\n").encode())
        time.sleep(0.1)
        connection.sendall(b"no number\r\n")
        reader = Reader(connection)
        assert reader.answer()[0] == 400
        assert reader.ended()


def test_a_head_without_end_is_told_so(service):
    assert asked(service, b"GET /livez HTTP/1.1\r\nX-Long: ", b"a" * 70_000, apart_s=0.2)[0] == 400


@pytest.mark.parametrize("path", ["/api/v1/score", "/api/v1/feedback"])
def test_headers_without_end_behind_a_body_are_told_so(service, path):
    before = head(b"", "Transfer-Encoding: chunked", path=path).replace(b"Content-Length: 0\r\n", b"")
    chunks = b"%x\r\n%s\r\n0\r\nX-Long: " % (len(BODY), BODY)
    assert asked(service, before + chunks, b"a" * 70_000, apart_s=0.2)[0] == 400


def test_a_head_may_begin_behind_many_requests(service):
    long = BODY + b" " * 19_000
    with connect(service) as connection:
        reader = Reader(connection)
        connection.sendall((head(long) + long) * 12 + head()[:20])
        assert [reader.answer()[0] for _ in range(12)] == [200] * 12
        connection.sendall(head()[20:] + BODY)
        assert reader.answer()[0] == 200


@pytest.fixture(scope="module")
def idle(service):
    """Connections that wait out the five seconds of an idle one, all at once: the test that asks first waits for all."""
    large, text = b" " * 20_001, head(BODY, "Content-Type: text/plain") + BODY
    sent = {
        "a slow body behind a refusal": (text + head() + BODY[:-1], 415, b""),
        "a head": (head()[:20], None, b""),
        "a second head": (head() + BODY, 200, head()[:20]),
        "refused early": (head(large), 413, large),
    }
    with contextlib.ExitStack() as stack:
        connections = {name: stack.enter_context(connect(service)) for name in sent}
        readers = {name: Reader(connection) for name, connection in connections.items()}
        for name, (first, status, then) in sent.items():
            connections[name].sendall(first)
            assert status is None or readers[name].answer()[0] == status
            connections[name].sendall(then)
        yield connections, readers


@pytest.mark.parametrize("name", ["a head", "a second head", "refused early"])
def test_a_request_that_does_not_come_keeps_no_connection(idle, name):
    assert idle[1][name].ended()


def test_a_slow_body_behind_a_refusal_is_not_cut_off_as_idle(idle):
    """The clock of an idle connection must not run while a request is there."""
    connections, readers = idle
    assert readers["a head"].ended()
    connections["a slow body behind a refusal"].sendall(BODY[-1:])
    assert probability(readers["a slow body behind a refusal"].answer()) > 0


@pytest.fixture(scope="module")
def narrow(ready):
    """A service that has room for one body of `LARGE`, and waits two seconds for it."""
    with ready(read_s=2, queue_bytes=5_000) as running:
        yield running


LARGE = BODY + b" " * 4_000


def test_a_body_that_does_not_come_is_told_so_and_its_place_is_free_again(narrow):
    for _ in range(2):
        with connect(narrow) as connection:
            connection.sendall(head(LARGE) + LARGE[:-1])
            status, _, text = Reader(connection).answer()
            assert (status, json.loads(text)["type"]) == (408, "/problems/body-too-slow")
    for _ in range(2):
        with connect(narrow) as connection:
            connection.sendall(head(LARGE) + LARGE[:-1])
            narrow.wait_for_queued(len(LARGE) - 1)
        narrow.wait_for_queued(0)
    assert probability(asked(narrow, head(LARGE), LARGE)) > 0


def test_bodies_that_wait_for_their_end_are_counted(narrow):
    with connect(narrow) as first, connect(narrow) as second:
        first.sendall(head(LARGE) + LARGE[:-1])
        narrow.wait_for_queued(len(LARGE) - 1)
        second.sendall(head(LARGE) + LARGE[:-1])
        assert Reader(second).answer()[0] == 429
        first.sendall(LARGE[-1:])
        assert probability(Reader(first).answer()) > 0


def test_a_stop_answers_what_is_there_and_closes(ready):
    body = json.dumps({"rows": [ROW] * 5000}).encode()
    with ready(max_rows=5000) as running:
        with connect(running) as connection:
            reader = Reader(connection)
            connection.sendall(head(body) + body[:-1])
            running.wait_for_queued(len(body) - 1)
            running.process.send_signal(signal.SIGINT)  # of SIGTERM, see tests/service/test_lifecycle.py
            # Reset, where the listener closes while this one knocks.
            with contextlib.suppress(ConnectionRefusedError, ConnectionResetError):
                while True:
                    connect(running).close()
            connection.sendall(body[-1:])
            status, headers, text = reader.answer()
            assert (status, len(json.loads(text)["probabilities"])) == (200, 5000)
            assert headers["connection"] == "close"
            assert reader.ended()
        assert running.process.wait(timeout=20) == 0


def test_a_request_that_is_answered_and_then_turns_out_to_be_no_http_gets_no_second_answer(service):
    lines = "POST /api/v1/score HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
    with connect(service) as connection:
        reader = Reader(connection)
        connection.sendall((lines + "Transfer-Encoding: chunked\r\n\r\n").encode())
        assert reader.answer()[0] == 415
        connection.sendall(b"no number\r\n")
        assert reader.ended()


def test_a_body_of_many_small_chunks_is_read(service):
    lines = "POST /api/v1/score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n"
    assert probability(
        asked(service, (lines + "Transfer-Encoding: chunked\r\n\r\n").encode() + chunks)
    ) == probability(asked(service, head(), BODY))


def test_who_still_waits_when_a_stop_takes_too_long_is_told_so(ready):
    body = json.dumps({"rows": [ROW] * 5000}).encode()

    def is_there(answer: httpx.Response) -> bool:
        """Whether seconds of work wait, and no body is still on its way."""
        requests, size = (
            float(re.findall(rf"^axon_queue_{unit} (\S+)", answer.text, re.MULTILINE)[0])
            for unit in ("requests", "bytes")
        )
        return requests > 120 and size == requests * len(body)

    limits = {"max_rows": 5000, "deadline_ms": 60_000, "queue_bytes": 1 << 30}
    with (
        ready(stop_s=1, **limits) as running,
        contextlib.ExitStack() as stack,
    ):
        connections = [stack.enter_context(connect(running)) for _ in range(250)]
        for connection in connections:
            connection.settimeout(30)
            connection.sendall(head(body) + body)
        running.wait_for("/metrics", is_there)
        running.process.send_signal(signal.SIGTERM)
        statuses = {Reader(connection).answer()[0] for connection in connections}
        assert statuses == {200, 503}
        assert running.process.wait(timeout=30) == 0


OFFERS = {
    "as Java's client does": (
        "Connection: Upgrade, HTTP2-Settings",
        "HTTP2-Settings: AAEAAEAA",
        "Upgrade: h2c",
    ),
    "of a web socket": ("Upgrade: websocket", "Connection: upgrade"),
}


@pytest.mark.parametrize("path", ["/api/v1/score", "/api/v1/score?version=1"])
@pytest.mark.parametrize("offer", OFFERS)
def test_an_offer_of_another_protocol_is_passed_over(service, path, offer):
    """To uvicorn's parser such a request ends with its head, and its body was lost."""
    offered, plain = head(BODY, *OFFERS[offer], path=path) + BODY, head() + BODY
    expected = probability(asked(service, plain))
    with connect(service) as connection:
        reader = Reader(connection)
        connection.sendall(offered * 2 + plain)
        assert [probability(reader.answer()) for _ in range(3)] == [expected] * 3
        for start in range(0, len(offered), 50):
            connection.sendall(offered[start : start + 50])
            time.sleep(0.002)
        assert probability(reader.answer()) == expected


@pytest.mark.parametrize(("version", "connection"), [("1.1", "close, Upgrade"), ("1.0", "Upgrade")])
def test_an_offer_by_who_sends_nothing_more_is_passed_over(service, version, connection):
    """Such a request is the last of its connection: what is told again came after it, and was answered by nobody."""
    offered = head(BODY, f"Connection: {connection}", "Upgrade: websocket") + BODY
    answer = asked(service, offered.replace(b"HTTP/1.1", f"HTTP/{version}".encode()))
    assert probability(answer) == probability(asked(service, head() + BODY))


def test_a_tunnel_is_no_offer_and_not_possible(service):
    assert asked(service, b"CONNECT other:443 HTTP/1.1\r\nHost: other:443\r\n\r\n")[0] >= 400
