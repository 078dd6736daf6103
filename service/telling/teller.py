"""What is told about single requests: their beginning and their end come in, a log line and spans go out.

`service.transport.hot` and `service.transport.middleware` call it, for every request; what nobody asked for costs a look at a header.
"""

import logging
import random
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from service.telling.trace_context import TRACEPARENT, Trace, child_of, read_traceparent

log = logging.getLogger("service.requests")

Headers = Mapping[bytes, bytes]

FAILED = 500
"""The status of failures of ours, which are logged whatever the share: the line has the ids that their traceback lacks."""


class Ended(NamedTuple):
    """A request that has come to its end; nothing in it is a feature's value or a secret.

    Attributes:
        method: Of HTTP.
        endpoint: The route's path with its placeholders, or ``other``.
        status: Of HTTP; 499 if the client hung up.
        seconds: From its first byte to the last of its answer.
        request_id: Given by the client or made.
        model: That answered; empty if none did.
        version: Of the model.
        decision_id: Of a ranked answer, else empty.
    """

    method: str
    endpoint: str
    status: int
    seconds: float
    request_id: str
    model: str = ""
    version: int | None = None
    decision_id: str = ""


class Tracer(Protocol):
    """Where spans go."""

    def begin(self, headers: Headers) -> Trace | None:
        """A request has come; None where there is nothing to trace."""

    def end(self, trace: Trace, ended: Ended) -> None:
        """It is answered."""

    def close(self) -> None:
        """Send what waits."""


class HeadersAlone:
    """Records nothing: a caller's trace is carried into the log and the answer, and that is all."""

    def begin(self, headers: Headers) -> Trace | None:
        parent = read_traceparent(headers.get(TRACEPARENT))
        return None if parent is None else child_of(parent)

    def end(self, trace: Trace, ended: Ended) -> None:
        pass

    def close(self) -> None:
        pass


class Teller:
    """Tells about requests.

    Args:
        tracer: Where spans go; nowhere by default.
        log_share: Share of requests that leave a line in the log, 0 to 1.
    """

    def __init__(self, tracer: Tracer | None = None, log_share: float = 0.0) -> None:
        self.tracer = tracer = tracer or HeadersAlone()
        self.begin = tracer.begin
        self._log_share = log_share

    def wants(self, trace: Trace | None, status: int) -> bool:
        """Whether anybody wants to know about the end of a request; asked before what is told is put together."""
        return trace is not None or status == FAILED or self._log_share > 0

    def end(self, trace: Trace | None, ended: Ended) -> None:
        """A request is answered."""
        if trace is not None:
            self.tracer.end(trace, ended)
        if ended.status == FAILED or random.random() < self._log_share:  # noqa: S311  # which are told is no secret
            _write(trace, ended)


def _write(trace: Trace | None, ended: Ended) -> None:
    facts: dict[str, object] = {
        **ended._asdict(),
        "seconds": round(ended.seconds, 6),
        "trace_id": trace.trace_id if trace else "",
        "span_id": trace.span_id if trace else "",
    }
    told = {name: value for name, value in facts.items() if value not in {"", None}}
    level = logging.ERROR if ended.status == FAILED else logging.INFO
    log.log(level, "request", extra={"facts": told})
