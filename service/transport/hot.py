"""The short way in: scoring and ranking requests go straight to the engine, and its answers straight out.

The framework's layers would cost several times what scoring one row does; every other request goes on to it. What is decided
about a request stands here, for both ways in which one comes: `service.transport.connection` answers nearly all of them where their
bytes arrive, and `HotPath` is an ASGI application for the rest, and for servers that are not ours. The routes of these paths in
`service.routes` only describe them.
"""

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from service.answered import Answered
from service.batching.engine import Engine
from service.batching.waiting_room import Gone
from service.errors import (
    BodyTooLargeError,
    DeadlineHeaderError,
    HungUpError,
    MediaTypeError,
    ServiceError,
    SlowBodyError,
)
from service.models.live import LiveModel
from service.openapi import DEADLINE_HEADER
from service.problems import failed, refused
from service.state import Service
from service.telling.teller import Ended
from service.telling.trace_context import TRACERESPONSE, Timing, Trace
from service.traffic.traffic import PinnedBody, pinned
from service.transport.middleware import HUNG_UP, request_id

_JSON = b"application/json"
_DEADLINE = DEADLINE_HEADER.lower().encode()

NOBODY = Answered(HUNG_UP, b"")
"""Never sent: stands for the answer to a client that left."""

log = logging.getLogger(__name__)

Headers = Mapping[bytes, bytes]


@dataclass(slots=True)
class Call:
    """One request, from its head to the end of its answer.

    Attributes:
        path: Of its address.
        headers: By their names in lower case.
        began_s: Of `time.perf_counter`.
        request_id: As it is echoed.
        trace: Its place in a trace; None outside of any.
    """

    path: str
    headers: Headers
    began_s: float
    request_id: str
    trace: Trace | None

    @property
    def timing(self) -> Timing | None:
        """What the engine fills in for whoever traces the request."""
        return None if self.trace is None else self.trace.timing


class HotPath:
    """What becomes of a request, step by step: `begin`, `admit`, `came`, `submit`, `end`; called as ASGI, all of them.

    Args:
        service: Settings, holder and metrics.
        engine: Computes.

    Attributes:
        read_s: How long a body may take to come.
    """

    def __init__(self, service: Service, engine: Engine) -> None:
        self._service = service
        self._engine = engine
        self.read_s = service.settings.read_s
        self._longest_s = service.settings.deadline_ms / 1000
        self._most_bytes = service.settings.max_body_bytes

    def takes(self, scope: Scope) -> bool:
        """Whether a request comes this way; any other is the framework's."""
        return scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in self._engine.kinds

    @property
    def paths(self) -> frozenset[str]:
        """The paths of the requests that come this way."""
        return frozenset(self._engine.kinds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = self.begin(scope["path"], scope["headers"])
        answered = NOBODY
        try:
            answer = await self._answer(call, scope["query_string"], receive)
            await _send(send, call, answer)
            answered = answer
        except (ClientDisconnect, HungUpError):
            pass
        finally:
            self.end(call, answered)

    def begin(self, path: str, headers: Sequence[tuple[bytes, bytes]]) -> Call:
        """The head of a request is there."""
        # The first of several counts, as the framework has it.
        by_name = dict(reversed(headers))
        told_id = request_id(by_name.get(b"x-request-id", b"").decode("latin-1"))
        return Call(path, by_name, time.perf_counter(), told_id, self._service.teller.begin(by_name))

    def admit(self, call: Call) -> float:
        """Let a request send its body, to be followed by `came`: what cannot be answered now should cost next to nothing.

        Returns:
            Seconds that it may wait for its turn.

        Raises:
            ServiceError: If it is refused.
        """
        check_media_type(call.headers)
        within_s = self._deadline_s(call.headers)
        self._service.holder.pick(None)
        announced = call.headers.get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._most_bytes:
            raise BodyTooLargeError(
                f"expected at most {self._most_bytes} bytes, got {announced.decode()}: split the request"
            )
        self._engine.admit(call.path, within_s)
        return within_s

    def hold(self, coming: int, held: int) -> None:
        """So many bytes of a body have come, and there is more; so many of them were told before.

        They count, whatever its Content-Length says, so that many slow bodies fill no memory.

        Raises:
            BodyTooLargeError: As soon as there are more bytes than may be.
            OverloadedError: If there is no room for them.
        """
        self._check_size(coming)
        self._engine.hold(coming - held)

    def came(self, call: Call, held: int = 0) -> None:
        """The body of an admitted request is there, or will not come; `hold` was told of so many bytes."""
        self._engine.came(call.path)
        if held:
            self._engine.hold(-held)

    def submit(
        self, call: Call, body: bytes, within_s: float, gone: Gone | None = None
    ) -> asyncio.Future[Answered]:
        """See `Engine.submit`."""
        self._check_size(len(body))
        return self._engine.submit(call.path, body, within_s=within_s, gone=gone, timing=call.timing)

    def refusal(self, call: Call, error: BaseException) -> Answered:
        """What is told about a request that failed."""
        if isinstance(error, ServiceError):
            return refused(error, call.path)
        # The edge of the service: a failure is logged in full and told in one sentence.
        log.error("POST %s failed", call.path, exc_info=error)
        return failed(call.path)

    def end(self, call: Call, answered: Answered) -> None:
        """The last byte of the answer is on its way, or the client has left."""
        seconds = time.perf_counter() - call.began_s
        code, live, teller = answered.status, answered.live, self._service.teller
        self._service.metrics.answered(call.path, live, code, seconds)
        if teller.wants(call.trace, code):
            ended = Ended(
                "POST", call.path, code, seconds, call.request_id, *_names(live), answered.decision_id
            )
            teller.end(call.trace, ended)

    async def _answer(self, call: Call, query: bytes, receive: Receive) -> Answered:
        try:
            pin = pinned(query, self._service.holder) if query else None
            within_s = self.admit(call)
            body = await self._body(call, receive)
            if pin is not None:
                body = PinnedBody.of(body, pin)
            return await self.submit(call, body, within_s, receive)
        except (HungUpError, ClientDisconnect):
            raise
        except Exception as error:  # noqa: BLE001  # told by `refusal`
            return self.refusal(call, error)

    async def _body(self, call: Call, receive: Receive) -> bytes:
        """The body, however it comes.

        Raises:
            SlowBodyError: If it has not come in time.
        """
        chunks: list[bytes] = []
        held, more = 0, True
        try:
            async with asyncio.timeout(self.read_s):
                while more:
                    chunk, more = await _chunk(receive)
                    chunks.append(chunk)
                    if more:
                        self.hold(held + len(chunk), held)
                        held += len(chunk)
        except TimeoutError as error:
            raise SlowBodyError(f"expected the body within {self.read_s:g} s") from error
        finally:
            self.came(call, held)
        return b"".join(chunks)

    def _deadline_s(self, headers: Headers) -> float:
        """How long the request may wait; a header may shorten it."""
        given = headers.get(_DEADLINE)
        if given is None:
            return self._longest_s
        if not given.isdigit() or len(given) > 9 or int(given) == 0:
            raise DeadlineHeaderError(
                f"{DEADLINE_HEADER}: expected a whole number of milliseconds above 0, got {given[:100].decode('latin-1')!r}"
            )
        return min(self._longest_s, int(given) / 1000)

    def _check_size(self, size: int) -> None:
        if size > self._most_bytes:
            raise BodyTooLargeError(f"expected at most {self._most_bytes} bytes, got more: split the request")


async def _chunk(receive: Receive) -> tuple[bytes, bool]:
    """A piece of the body, and whether more is to come."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return message.get("body", b""), message.get("more_body", False)


def _names(live: LiveModel | None) -> tuple[str, int | None]:
    return ("", None) if live is None else (live.name, live.version)


def head(call: Call, answered: Answered) -> Iterator[tuple[bytes, bytes]]:
    """The headers of an answer, but for those of the connection."""
    yield b"content-length", b"%d" % len(answered.body)
    yield b"content-type", answered.media_type.encode()
    yield b"x-request-id", call.request_id.encode()
    for name, value in answered.headers:
        yield name.lower().encode(), value.encode()
    if call.trace is not None:
        yield TRACERESPONSE, call.trace.header


async def _send(send: Send, call: Call, answered: Answered) -> None:
    headers = list(head(call, answered))
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
