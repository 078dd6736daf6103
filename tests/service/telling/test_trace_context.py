"""The header ``traceparent`` as the W3C has it, level 1."""

import pytest

from service.telling.trace_context import TraceParent, child_of, read_traceparent

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(f"00-{TRACE}-{SPAN}-01", TraceParent(TRACE, SPAN, True), id="recorded"),
        pytest.param(f"00-{TRACE}-{SPAN}-00", TraceParent(TRACE, SPAN, False), id="not recorded"),
        pytest.param(f"00-{TRACE}-{SPAN}-03", TraceParent(TRACE, SPAN, True), id="another flag too"),
        pytest.param(f"01-{TRACE}-{SPAN}-01", TraceParent(TRACE, SPAN, True), id="a later version"),
        pytest.param(
            f"01-{TRACE}-{SPAN}-01-more", TraceParent(TRACE, SPAN, True), id="a later one's fifth field"
        ),
        pytest.param(f"01-{TRACE}-{SPAN}-01more", None, id="a later one without a dash before more"),
        pytest.param(f"00-{TRACE}-{SPAN}-01-more", None, id="more than version 00 has"),
        pytest.param(f"ff-{TRACE}-{SPAN}-01", None, id="the version that is none"),
        pytest.param(f"00-{'0' * 32}-{SPAN}-01", None, id="a trace of zeros"),
        pytest.param(f"00-{TRACE}-{'0' * 16}-01", None, id="a span of zeros"),
        pytest.param(f"00-{TRACE.upper()}-{SPAN}-01", None, id="capital letters"),
        pytest.param(f"00-{TRACE[:-1]}-{SPAN}-01", None, id="a short trace"),
        pytest.param(f"00-{TRACE}-{SPAN}-1", None, id="a short flag"),
        pytest.param(f"00-{TRACE}-{SPAN}", None, id="no flags"),
        pytest.param(f" 00-{TRACE}-{SPAN}-01", None, id="a space before"),
        pytest.param(f"00-{TRACE}-{SPAN}-01\n", None, id="a line break after"),
        pytest.param("", None, id="empty"),
    ],
)
def test_a_traceparent_is_read_strictly(given, expected):
    assert read_traceparent(given.encode()) == expected


def test_no_header_is_no_caller():
    assert read_traceparent(None) is None


def test_bytes_that_are_no_text_are_no_caller():
    assert read_traceparent(b"\xff" * 55) is None


def test_a_request_is_a_child_of_its_caller():
    child = child_of(TraceParent(TRACE, SPAN, sampled=True))
    assert child.header.decode() == f"00-{TRACE}-{child.span_id}-01"
    assert child.span_id != SPAN


def test_what_is_answered_is_a_header_that_can_be_read():
    child = child_of(TraceParent(TRACE, SPAN, sampled=False))
    assert read_traceparent(child.header) == TraceParent(TRACE, child.span_id, False)
