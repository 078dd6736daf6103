"""W3C trace context: the header of a request comes in, its place in a trace goes out, and into the answer.

`service.telling.teller` asks for it. A header that is not what the standard says is as good as none: tracing never fails
a request.
"""

import re
import secrets
from dataclasses import dataclass, field
from typing import NamedTuple

TRACEPARENT, TRACESTATE, TRACERESPONSE = b"traceparent", b"tracestate", b"traceresponse"

_FORM = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_SAMPLED = 1


class TraceParent(NamedTuple):
    """Who called.

    Attributes:
        trace_id: 32 lower-case hexadecimal digits.
        span_id: Of the caller, 16 of them.
        sampled: Whether the caller records.
    """

    trace_id: str
    span_id: str
    sampled: bool


def read_traceparent(given: bytes | None) -> TraceParent | None:
    """The caller; None where the header is missing or not as it should be.

    Source:
        W3C Trace Context Level 1, section 3.2: version 00 has exactly these four fields, a later version may have more;
        version ff and ids of zeros alone are invalid.
    """
    found = _FORM.fullmatch(given) if given else None
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == b"ff" or (version == b"00" and more) or not trace_id.strip(b"0") or not span_id.strip(b"0"):
        return None
    return TraceParent(trace_id.decode(), span_id.decode(), bool(int(flags, 16) & _SAMPLED))


@dataclass(slots=True)
class Timing:
    """When a request's batch was taken and done, of `time.monotonic`; None before. The engine fills it in.

    Attributes:
        queued_s: It began to wait.
        taken_s: Its wait was over.
        done_s: Its answer was there.
        batch: Requests of the batch.
    """

    queued_s: float = 0.0
    taken_s: float | None = None
    done_s: float | None = None
    batch: int = 0


@dataclass(slots=True)
class Trace:
    """One request's place in a trace.

    Attributes:
        trace_id: As the caller named it.
        span_id: Of this request, 16 hexadecimal digits.
        sampled: Whether it is recorded.
        timing: Filled in while it is answered.
    """

    trace_id: str
    span_id: str
    sampled: bool
    timing: Timing = field(default_factory=Timing)

    @property
    def header(self) -> bytes:
        """The value of ``traceresponse``."""
        return f"00-{self.trace_id}-{self.span_id}-{int(self.sampled):02x}".encode()


def child_of(parent: TraceParent) -> Trace:
    """This request as the caller's child, with an id of its own."""
    return Trace(parent.trace_id, secrets.token_hex(8), parent.sampled)
