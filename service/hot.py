"""The short way in: scoring and ranking requests come in straight from the server, their answers go out.

It stands before the framework, whose layers would cost several times what scoring one row does; every other request
goes on to the framework. `service.app` puts the two together; the routes of these paths in `service.routes` only
describe them.
"""

import logging
import time
from collections.abc import Mapping

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from service.answered import Answered
from service.body_clock import BodyClock
from service.engine import Engine
from service.errors import (
    BodyTooLargeError,
    DeadlineHeaderError,
    HungUpError,
    MediaTypeError,
    ServiceError,
)
from service.live import LiveModel
from service.middleware import HUNG_UP, request_id
from service.openapi import DEADLINE_HEADER
from service.problems import failed, refused
from service.state import Service
from service.telling.teller import Ended
from service.telling.trace_context import TRACERESPONSE, Timing, Trace
from service.traffic import PinnedBody, pinned

_JSON = b"application/json"
_DEADLINE = DEADLINE_HEADER.lower().encode()

_HUNG_UP = Answered(HUNG_UP, b"")
"""Never sent: stands for the answer to a client that left."""

log = logging.getLogger(__name__)

Headers = Mapping[bytes, bytes]


class HotPath:
    """Reads a request, lets the engine answer it, and sends the answer.

    Args:
        service: Settings, holder and metrics.
        engine: Computes.
    """

    def __init__(self, service: Service, engine: Engine) -> None:
        self._service = service
        self._engine = engine
        self._clock = BodyClock(service.settings.read_s)

    def takes(self, scope: Scope) -> bool:
        """Whether a request comes this way; any other is the framework's."""
        return scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in self._engine.kinds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        path: str = scope["path"]
        # The first of several counts, as the framework has it.
        headers = dict(reversed(scope["headers"]))
        teller = self._service.teller
        trace = teller.begin(headers)
        answered, told_id = _HUNG_UP, request_id(headers.get(b"x-request-id", b"").decode("latin-1"))
        try:
            timing = None if trace is None else trace.timing
            answer = await self._answer(path, scope["query_string"], headers, receive, timing)
            await _send(send, answer, told_id, trace)
            answered = answer
        except (ClientDisconnect, HungUpError):
            pass
        finally:
            seconds = time.perf_counter() - started
            code, live = answered.status, answered.live
            self._service.metrics.answered(path, live, code, seconds)
            if teller.wants(trace, code):
                ended = Ended("POST", path, code, seconds, told_id, *_names(live), answered.decision_id)
                teller.end(trace, ended)

    async def _answer(
        self, path: str, query: bytes, headers: Headers, receive: Receive, timing: Timing | None
    ) -> Answered:
        try:
            check_media_type(headers)
            within_s = self._deadline_s(headers)
            # Before the body is read: what cannot be answered now should cost next to nothing.
            self._service.holder.pick(None)
            pin = pinned(query, self._service.holder) if query else None
            self._engine.admit(path, within_s)
            try:
                body = await self._body(headers, receive)
            finally:
                self._engine.came(path)
            if pin is not None:
                body = PinnedBody.of(body, pin)
            return await self._engine.submit(path, body, within_s=within_s, gone=receive, timing=timing)
        except HungUpError:
            raise
        except ServiceError as error:
            return refused(error, path)
        except ClientDisconnect:
            raise
        except Exception:
            # The edge of the service: a failure is logged in full and told in one sentence.
            log.exception("POST %s failed", path)
            return failed(path)

    def _deadline_s(self, headers: Headers) -> float:
        """How long the request may wait; a header may shorten it."""
        longest = self._service.settings.deadline_ms
        given = headers.get(_DEADLINE)
        if given is None:
            return longest / 1000
        if not given.isdigit() or len(given) > 9 or int(given) == 0:
            raise DeadlineHeaderError(
                f"{DEADLINE_HEADER}: expected a whole number of milliseconds above 0, got {given[:100]!r}"
            )
        return min(longest, int(given)) / 1000

    async def _body(self, headers: Headers, receive: Receive) -> bytes:
        """The body, counted while it comes, whatever its Content-Length says.

        Raises:
            BodyTooLargeError: As soon as it has more bytes than it may.
            SlowBodyError: If it has not come in time.
            OverloadedError: If there is no room for it.
        """
        limit = self._service.settings.max_body_bytes
        announced = headers.get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > limit:
            raise BodyTooLargeError(
                f"expected at most {limit} bytes, got {announced.decode()}: split the request"
            )
        with self._clock.reading():
            body, more = await _chunk(receive)
            if more:
                body = await self._rest(body, receive)
        _check_size(len(body), limit)
        return body

    async def _rest(self, first: bytes, receive: Receive) -> bytes:
        """A body that comes in pieces; the engine's room holds them, so that many such bodies fill no memory."""
        chunks, more, size = [first], True, 0
        try:
            while more:
                self._engine.hold(len(chunks[-1]))
                size += len(chunks[-1])
                _check_size(size, self._service.settings.max_body_bytes)
                chunk, more = await _chunk(receive)
                chunks.append(chunk)
        finally:
            self._engine.hold(-size)
        return b"".join(chunks)


async def _chunk(receive: Receive) -> tuple[bytes, bool]:
    """A piece of the body, and whether more is to come."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return message.get("body", b""), message.get("more_body", False)


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise BodyTooLargeError(f"expected at most {limit} bytes, got more: split the request")


def _names(live: LiveModel | None) -> tuple[str, int | None]:
    return ("", None) if live is None else (live.name, live.version)


async def _send(send: Send, answered: Answered, request: str, trace: Trace | None) -> None:
    headers = [
        (b"content-length", str(len(answered.body)).encode()),
        (b"content-type", answered.media_type.encode()),
        (b"x-request-id", request.encode()),
        *((name.lower().encode(), value.encode()) for name, value in answered.headers),
    ]
    if trace is not None:
        headers.append((TRACERESPONSE, trace.header))
    await send({"type": "http.response.start", "status": answered.status, "headers": headers})
    await send({"type": "http.response.body", "body": answered.body})


def check_media_type(headers: Headers) -> None:
    """Let a body pass that is plain JSON.

    Raises:
        MediaTypeError: If its headers say otherwise.
    """
    given = headers.get(b"content-type", b"")
    if given != _JSON:
        media_type = given.decode("latin-1").partition(";")[0].strip().lower()
        if media_type != _JSON.decode():
            raise MediaTypeError(
                f"expected Content-Type application/json, got {media_type[:100] or 'none'!r}"
            )
    encoding = headers.get(b"content-encoding", b"identity").decode("latin-1")
    if encoding.lower() != "identity":
        raise MediaTypeError(f"expected a body without Content-Encoding, got {encoding[:100]!r}")
