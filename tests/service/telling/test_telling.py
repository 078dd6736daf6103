"""What a real service tells about its requests: lines of JSON, the trace of its caller, and spans to a real collector."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.service.conftest import ROW

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{CALLER}-01"
SCORE = "/api/v1/score"
SECRET, CITY = "a key that nobody may see", "berlin"


class Collector(ThreadingHTTPServer):
    """Takes spans over OTLP/HTTP, and keeps them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taker)
        self.requests: list[ExportTraceServiceRequest] = []

    def spans(self) -> list[Span]:
        parts = [part for request in self.requests for part in request.resource_spans]
        return [span for part in parts for scope in part.scope_spans for span in scope.spans]


class _Taker(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


class Told(NamedTuple):
    """What a service answered, logged and sent.

    Attributes:
        answers: Of the requests, in order: scored, refused, another route, a trace that is none.
        lines: Of its log about requests.
        log: All of it.
        collector: Has its spans.
    """

    answers: list
    lines: list
    log: str
    collector: Collector


@pytest.fixture(scope="module")
def told(ready) -> Iterator[Told]:
    """A service that logs every request and sends every span."""
    collector = Collector()
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{collector.server_address[1]}"
    settings = {"log_format": "json", "log_requests": 1, "traces": "otlp", "api_key": SECRET}
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_BSP_SCHEDULE_DELAY": "200"}
    with ready(environment=environment, **settings) as service:
        caller = {"traceparent": TRACEPARENT}
        post = service.client.post
        answers = [
            post(SCORE, json={"rows": [ROW]}, headers={**caller, "x-request-id": "mine"}),
            post(SCORE, json={"rows": "none"}, headers=caller),
            service.client.get("/api/v1/models", headers={**caller, "Authorization": f"Bearer {SECRET}"}),
            post(SCORE, json={"rows": [ROW]}, headers={"traceparent": "00-nonsense"}),
        ]
        service.stop()
        log = service.log.read_text()
    # TensorFlow's own code writes to the same place, in its own way.
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    yield Told(answers, [line for line in lines if line["message"] == "request"], log, collector)
    collector.shutdown()
    collector.server_close()


@pytest.fixture(scope="module")
def scored(told):
    """The line about the scored request."""
    (line,) = [line for line in told.lines if line["request_id"] == "mine"]
    return line


@pytest.fixture(scope="module")
def spans(told):
    """Spans of the caller's trace by name; one of each but for the requests to score."""
    return {span.name: span for span in told.collector.spans() if span.trace_id.hex() == TRACE}


def span_of(told, request_id):
    return next(
        span
        for span in told.collector.spans()
        if any(
            one.key == "axon.request_id" and one.value.string_value == request_id for one in span.attributes
        )
    )


def test_a_line_says_what_was_asked_and_how_it_ended(scored):
    assert [scored[name] for name in ("method", "endpoint", "status", "model", "version")] == [
        "POST",
        SCORE,
        200,
        "shop",
        1,
    ]


def test_a_line_says_how_long_it_took(scored):
    assert 0 < scored["seconds"] < 5


def test_a_line_names_the_trace_and_the_span(scored, told):
    assert (scored["trace_id"], scored["span_id"]) == (TRACE, span_of(told, "mine").span_id.hex())


def test_every_request_leaves_a_line(told):
    by_route = [(line["endpoint"], line["status"]) for line in told.lines if line["endpoint"] != "/readyz"]
    assert sorted(by_route) == sorted(
        [("/livez", 200), (SCORE, 200), (SCORE, 422), ("/api/v1/models", 200), (SCORE, 200)]
    )


@pytest.mark.parametrize("kept", [SECRET, CITY, "ad_1"])
def test_no_line_has_a_key_or_a_feature(told, kept):
    assert kept not in told.log


def test_an_answer_names_the_callers_trace(told):
    version, trace, span, flags = told.answers[0].headers["traceresponse"].split("-")
    assert (version, trace, flags) == ("00", TRACE, "01")
    assert span != CALLER


@pytest.mark.parametrize("place", [1, 2], ids=["a refused one", "of the framework"])
def test_any_answer_names_the_callers_trace(told, place):
    assert told.answers[place].headers["traceresponse"].split("-")[1] == TRACE


def test_a_trace_that_is_none_fails_nothing(told):
    assert told.answers[3].status_code == 200


def test_a_request_without_a_caller_begins_a_trace(told):
    assert told.answers[3].headers["traceresponse"].split("-")[1] not in {TRACE, "0" * 32}


def test_a_requests_span_is_the_callers_child(told):
    assert span_of(told, "mine").parent_span_id.hex() == CALLER


def test_a_span_has_what_the_line_has(told):
    found = {one.key: one.value for one in span_of(told, "mine").attributes}
    assert (found["axon.model"].string_value, found["axon.version"].int_value) == ("shop", 1)
    assert (found["http.route"].string_value, found["http.response.status_code"].int_value) == (SCORE, 200)


@pytest.mark.parametrize("name", ["axon.wait", "axon.model"])
def test_wait_and_model_are_spans_within_the_request(told, name):
    request = span_of(told, "mine")
    (part,) = [
        span
        for span in told.collector.spans()
        if span.name == name and span.parent_span_id == request.span_id
    ]
    assert request.start_time_unix_nano <= part.start_time_unix_nano
    assert part.start_time_unix_nano <= part.end_time_unix_nano <= request.end_time_unix_nano


def test_the_model_begins_when_the_wait_is_over(told):
    request = span_of(told, "mine")
    parts = {s.name: s for s in told.collector.spans() if s.parent_span_id == request.span_id}
    assert parts["axon.wait"].end_time_unix_nano == parts["axon.model"].start_time_unix_nano


def test_spans_are_of_this_time(told):
    assert abs(span_of(told, "mine").start_time_unix_nano / 1e9 - time.time()) < 300


def test_a_route_of_the_framework_has_a_span_too(spans):
    assert spans["GET /api/v1/models"].kind == Span.SPAN_KIND_SERVER


def test_spans_say_which_service_they_are_of(told):
    resource = told.collector.requests[0].resource_spans[0].resource
    assert "axon" in [one.value.string_value for one in resource.attributes if one.key == "service.name"]


def test_without_tracing_the_callers_trace_is_carried_on(service):
    answer = service.client.post(SCORE, json={"rows": [ROW]}, headers={"traceparent": TRACEPARENT})
    assert answer.headers["traceresponse"].split("-")[1] == TRACE


def test_without_tracing_and_without_a_caller_nothing_is_named(service):
    assert "traceresponse" not in service.score(ROW).headers
