"""Refusals that do not depend on what a body says: its size, its media type, the address, the method."""

import http.client
import socket

import pytest

from tests.service.conftest import ROW

SCORE = "/api/v1/score"


def test_a_body_that_is_announced_too_large_is_refused_before_it_comes(service):
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
    connection.putrequest("POST", SCORE)
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", "20001")
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_a_body_that_grows_too_large_without_saying_so_is_refused(service):
    chunks = (b" " * 1000 for _ in range(30))
    answer = service.client.post(SCORE, content=chunks, headers={"Content-Type": "application/json"})
    assert answer.json()["type"] == "/problems/body-too-large"


def test_a_body_longer_than_its_announced_length_is_no_http(service):
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        head = f"POST {SCORE} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n"
        connection.sendall(head.encode() + b'{"rows":[{}]}' + b" " * 30_000)
        assert connection.recv(100).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_another_media_type_is_refused(service, media_type):
    answer = service.client.post(SCORE, content=b'{"rows":[{}]}', headers={"Content-Type": media_type})
    assert (answer.status_code, answer.json()["type"]) == (415, "/problems/unsupported-media-type")


def test_a_compressed_body_is_refused(service):
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = service.client.post(SCORE, content=b'{"rows":[{}]}', headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (415, "/problems/unsupported-media-type")


def test_an_address_that_does_not_exist_is_a_problem(service):
    answer = service.client.get("/nowhere")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


def test_a_method_that_is_not_possible_names_the_possible_one(service):
    answer = service.client.get(SCORE)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert answer.json()["detail"] == f"GET is not possible at {SCORE}; expected POST"


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz?verbose"])
def test_health_may_be_asked_for_by_its_status_alone(service, path):
    """As balancers and monitors do."""
    answer, whole = service.client.head(path), service.client.get(path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Length"] == str(len(whole.content))


def test_a_file_that_the_documentation_does_not_have_is_a_problem(service):
    assert service.client.get("/docs/assets/nothing.js").json()["status"] == 404


def test_a_client_that_hangs_up_harms_nobody(service):
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        head = f"POST {SCORE} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n"
        connection.sendall(head.encode() + b'{"rows"')
    assert service.score(ROW).status_code == 200
