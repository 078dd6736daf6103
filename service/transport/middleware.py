"""Around every request that the framework answers: an id that is echoed, a count, a duration, and an answer even when the code fails.

`service.app` puts it outermost, so that what is counted is what the client saw.
"""

import itertools
import logging
import re
import secrets
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.metrics.metrics import ServiceMetrics
from service.problems import internal_error
from service.telling.teller import Ended, Teller
from service.telling.trace_context import TRACERESPONSE, Trace

HUNG_UP = 499
"""Counted as the status of requests whose client left; nobody sees it."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._\-]{1,128}")

_PROCESS, _NUMBERS = secrets.token_hex(12), itertools.count()
"""An id that no other process makes, and a number: as good as random numbers, which cost a system call each."""

log = logging.getLogger(__name__)


class ObserveRequests:
    """The middleware."""

    def __init__(self, app: ASGIApp, metrics: ServiceMetrics, teller: Teller | None = None) -> None:
        self._app = app
        self._metrics = metrics
        self._teller = teller or Teller()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        trace = self._teller.begin(dict(reversed(scope["headers"])))
        answer = _Answer(send, request_id(Headers(scope=scope).get("x-request-id", "")), trace)
        try:
            await self._app(scope, receive, answer.send)
        except ClientDisconnect:
            answer.code = HUNG_UP
        except Exception:
            # The edge of the service: a failure is logged in full and told in one sentence.
            log.exception("%s %s failed, request %s", scope["method"], scope["path"], answer.request_id)
            if not answer.started:
                await internal_error(scope["path"])(scope, receive, answer.send)
        finally:
            seconds = time.perf_counter() - started
            self._metrics.answered(_endpoint(scope), None, answer.code, seconds)
            if self._teller.wants(trace, answer.code):
                ended = Ended(scope["method"], _endpoint(scope), answer.code, seconds, answer.request_id)
                self._teller.end(trace, ended)


class _Answer:
    """Passes an answer on, adds the request's ids to it, and remembers its status."""

    def __init__(self, send: Send, request_id: str, trace: Trace | None) -> None:
        self._send = send
        self._trace = trace
        self.request_id = request_id
        self.code = 500
        self.started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.code = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self.request_id
            if self._trace is not None:
                headers[TRACERESPONSE.decode()] = self._trace.header.decode()
        await self._send(message)


def request_id(given: str) -> str:
    """The id that came with the request, if it is fit for a log line, or a new one."""
    return given if given and _REQUEST_ID.fullmatch(given) else f"{_PROCESS}{next(_NUMBERS):08x}"


def _endpoint(scope: Scope) -> str:
    """The route's path with its placeholders, so that no client can add series without end."""
    path: str = getattr(scope.get("route"), "path", "other")
    return path
