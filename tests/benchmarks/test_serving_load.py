"""Bodies, the constant server as a real process, and both generators of load against it."""

import json
import shutil
import socket
import socketserver
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from benchmarks.serving import reference
from benchmarks.serving.bodies import S1, S2, S2_ID, Shape, bodies
from benchmarks.serving.closed_loop import closed_loop
from benchmarks.serving.open_loop import open_loop, whole_requests
from benchmarks.serving.plans import references
from benchmarks.serving.processes import HOST, Plan, running
from benchmarks.serving.servers.questions import Column, Reader, answer, joined, split
from benchmarks.serving.worlds import World
from registry.version import Version

ROOT = Path(__file__).parents[2]


@pytest.fixture
def world():
    return World(
        version=Version("shop", 1, Path("shop/1")),
        registry=Path("models"),
        user_key="user_id",
        item_key="item_id",
        users=[{"user_id": "u1", "age": 30.0}],
        items={f"i{place}": {"colour": "red"} for place in range(100)},
        contexts=[{"hour": "7"}],
        moments=[0],
        catalog=(Path("items.csv"), Path("users.csv")),
    )


def first(world, shape):
    return json.loads(next(bodies(world, shape)))


def test_a_score_body_holds_one_row_with_the_ids_among_its_features(world):
    (row,) = first(world, S1)["rows"]
    assert (row["user"]["user_id"], row["item"].keys(), row["context"]) == (
        "u1",
        {"item_id", "colour"},
        {"hour": "7"},
    )


def test_a_rank_body_holds_different_candidates(world):
    assert len({candidate["id"] for candidate in first(world, S2)["candidates"]}) == 100


def test_a_body_by_id_asks_about_the_same_candidates(world):
    assert first(world, S2_ID)["candidates"] == [
        candidate["id"] for candidate in first(world, S2)["candidates"]
    ]


def test_a_user_by_id_is_the_id_alone(world):
    assert first(world, S2_ID)["user"] == "u1"


def test_bodies_are_the_same_in_every_run(world):
    assert list(bodies(world, Shape("S", 3, 5))) == list(bodies(world, Shape("S", 3, 5)))


@pytest.fixture
def reader():
    columns = [
        Column("user_id", "user"),
        Column("item_id", "item"),
        Column("colour", "item"),
        Column("hour", "context"),
    ]
    return Reader(columns, "user_id", "item_id")


def test_a_rank_body_and_a_score_body_become_the_same_columns(world, reader):
    asked = first(world, Shape("S", 2, 1))
    rows = [
        {
            "user": {"user_id": "u1"},
            "item": {"item_id": one["id"], **one["features"]},
            "context": asked["context"],
        }
        for one in asked["candidates"]
    ]
    assert reader.read(asked).values == reader.read({"rows": rows}).values


def test_a_batch_answers_every_question_with_its_own_probabilities(reader):
    questions = [reader.read({"rows": [{"item": {"item_id": "a"}}] * size}) for size in (1, 2)]
    assert len(joined(questions)["item_id"]) == 3
    assert split(questions, [0.1, 0.2, 0.3]) == [{"probabilities": [0.1]}, {"probabilities": [0.2, 0.3]}]


def test_the_likeliest_candidates_come_first(reader):
    asked = {
        "user": {"id": "u"},
        "k": 1,
        "candidates": [{"id": "a", "features": {}}, {"id": "b", "features": {}}],
    }
    assert answer(reader.read(asked), [0.2, 0.7]) == {"items": [{"id": "b", "rank": 1, "probability": 0.7}]}


@pytest.fixture(scope="module")
def constant(tmp_path_factory):
    logs = tmp_path_factory.mktemp("logs")
    command = [sys.executable, "-m", "uvicorn", "benchmarks.serving.servers.bare:app", "--host", HOST]
    plan = Plan("constant", lambda port: [*command, "--port", str(port)], {"PYTHONPATH": str(ROOT)})
    with running([plan], logs) as (server,):
        server.thaw()
        yield server


@pytest.fixture
def two_bodies(tmp_path):
    path = tmp_path / "bodies.jsonl"
    path.write_text('{"rows": []}\n{"rows": [1]}')
    return path


def test_a_request_announces_the_length_of_its_body(two_bodies):
    assert b"Content-Length: 13\r\n" in whole_requests("http://h:1/p", two_bodies)[1]


def test_an_open_loop_sends_as_much_as_is_due(constant, two_bodies):
    seen = open_loop(constant.url(S1), two_bodies, rate=200, seconds=1)
    assert (seen.sent, seen.errors) == (200.0, 0)


def test_an_open_loop_that_rests_sends_as_much(constant, two_bodies):
    seen = open_loop(constant.url(S1), two_bodies, rate=400, seconds=1, rest_s=0.02)
    assert (seen.errors, seen.refused, seen.unsent) == (0, 0.0, 0)
    # What is due within the last rest is sent after the end.
    assert seen.sent == pytest.approx(400, abs=10)


def test_a_stalled_server_pays_for_everybody_who_came_meanwhile(constant, two_bodies):
    constant.freeze()
    waking = threading.Timer(1.5, constant.thaw)
    waking.start()
    # A loop that waited for answers before it asked again would have seen one slow answer and many quick ones.
    seen = open_loop(constant.url(S1), two_bodies, rate=200, seconds=1)
    waking.join()
    assert seen.p50_ms is not None
    assert seen.p50_ms > 100


@pytest.fixture
def large_bodies(tmp_path):
    path = tmp_path / "large.jsonl"
    path.write_text("7" * 3_000_000)
    return path


class Refusing(socketserver.StreamRequestHandler):
    """Answers 429 by the head alone, and takes its time to read the body that it does not want."""

    def handle(self):
        while head := self.rfile.readline():
            while (line := self.rfile.readline()).strip():
                head += line
            self.wfile.write(b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 2\r\n\r\nno")
            time.sleep(0.05)
            self.rfile.read(int(head.split(b"Content-Length: ")[1].split()[0]))


class Leaving(socketserver.StreamRequestHandler):
    """Hangs up instead of answering."""

    def handle(self):
        self.rfile.readline()


def served_by(handler, bodies):
    with socketserver.ThreadingTCPServer((HOST, 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever).start()
        try:
            return open_loop(f"http://{HOST}:{server.server_address[1]}/p", bodies, rate=100, seconds=0.5)
        finally:
            server.shutdown()


def test_whoever_is_refused_by_the_head_sends_its_body_nevertheless_before_it_asks_again(large_bodies):
    seen = served_by(Refusing, large_bodies)
    assert (seen.refused, seen.errors, seen.good) == (1.0, 0, 0.0)


def test_a_request_without_an_answer_is_an_error(two_bodies):
    seen = served_by(Leaving, two_bodies)
    assert (seen.errors, seen.refused) == (50, 0.0)


def test_a_request_that_is_not_let_in_is_an_error(two_bodies):
    with socket.socket() as nobody:
        nobody.bind((HOST, 0))
        seen = open_loop(f"http://{HOST}:{nobody.getsockname()[1]}/p", two_bodies, rate=100, seconds=0.5)
    assert (seen.errors, seen.sent) == (50, 0.0)


def test_a_closed_loop_counts_answers_or_says_what_to_install(constant, two_bodies):
    if shutil.which("wrk") is None:
        with pytest.raises(RuntimeError, match="apt-get install wrk"):
            closed_loop(constant.url(S1), two_bodies, connections=2, seconds=1)
    else:
        assert closed_loop(constant.url(S1), two_bodies, connections=2, seconds=1).rate > 0


def test_the_reference_network_answers_a_row_with_a_probability(tmp_path):
    _, careful = references(reference.network(tmp_path))
    body = reference.write_bodies(Shape("S", 3, 1), tmp_path).read_bytes()
    with running([careful], tmp_path) as (server,):
        server.thaw()
        answered = httpx.post(server.url(S2), content=body, headers={"Content-Type": "application/json"})
    probabilities = answered.json()["probabilities"]
    assert (answered.status_code, len(set(probabilities))) == (200, 3)
    assert all(0 < probability < 1 for probability in probabilities)


def test_a_running_server_has_weight(constant):
    assert constant.resident_mb() > 5
