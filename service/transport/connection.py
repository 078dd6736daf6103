"""A client's connection: plain requests of the hot routes are answered where their bytes arrive, all others as uvicorn does it.

Much of what a small request cost went into ASGI: a task, three coroutines and four messages for what is a function of a
body. `service.run` makes one of these per connection. A request is plain if nothing stands before it on its connection and it asks
for nothing of HTTP but an answer; `service.transport.hot` decides about it here as it does there.
"""

import asyncio
from functools import partial
from typing import Any

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from service.answered import Answered
from service.batching.waiting_room import hang_up
from service.errors import HungUpError, NotReadyError, SlowBodyError
from service.transport.hot import NOBODY, Call, HotPath, head
from service.transport.parser import Parser

_STOPPED = (
    "the service stops, and the turn of this request did not come before: ask again, or another process"
)

_MOST_HEAD_BYTES = 65_536
"""Of a head, after the read that it begins in, and of what may follow a body; a body is counted by `service.transport.hot`."""


class _Nobody:
    """Stands for the event by which uvicorn wakes who waits for more of a request: of a plain one nobody does."""

    def set(self) -> None:
        """Nothing to do."""


_NOBODY_WAITS = _Nobody()


class _Exchange:
    """A plain request and its answer.

    The second half of the attributes is what uvicorn reads and sets of the request that it takes for the current one.
    """

    __slots__ = (
        "body",
        "call",
        "computed",
        "disconnected",
        "held",
        "keep_alive",
        "message_event",
        "response_complete",
        "timer",
        "whole",
        "within_s",
    )

    def __init__(self, call: Call) -> None:
        self.call = call
        self.within_s = 0.0
        self.body: bytes | bytearray = b""
        self.held = 0
        self.whole = False
        self.timer: asyncio.TimerHandle | None = None
        self.computed: asyncio.Future[Answered] | None = None
        self.keep_alive = True
        self.disconnected = False
        self.response_complete = False
        self.message_event = _NOBODY_WAITS


class Connection(HttpToolsProtocol):
    """uvicorn's protocol with a short way through it.

    Args:
        hot: What becomes of a plain request.
    """

    cycle: Any  # uvicorn's own, or an `_Exchange`

    def __init__(self, *args: Any, hot: HotPath, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.parser: Parser = Parser(self)
        self._hot = hot
        self._paths = {path.encode(): path for path in hot.paths}
        self._coming: _Exchange | None = None  # the plain request whose body is not whole yet
        self._head_bytes, self._in_request = 0, False

    @override
    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if self._in_request and self._head_bytes > _MOST_HEAD_BYTES:
            if not self.transport.is_closing():
                self.send_400_response(f"expected at most {_MOST_HEAD_BYTES} bytes of headers, got more")
        elif self._coming is not None:
            self._wait_for_the_rest(self._coming)
        elif self.timeout_keep_alive_task is None and self._is_idle():
            # What came belonged to a head that is not whole yet, or to a request that was refused before its body: uvicorn looks
            # after the connection no longer.
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._coming is not None:
            self._give_up(self._coming)
        elif isinstance(self.cycle, _Exchange) and self.cycle.computed is not None:
            # Whoever waits for nobody leaves the queue: that costs those who stay nothing.
            hang_up(self.cycle.computed)

    @override
    def on_message_begin(self) -> None:
        # What this read holds besides may be of the request before.
        self._head_bytes, self._in_request = 0, True
        super().on_message_begin()

    @override
    def on_headers_complete(self) -> None:
        if self.parser.offers:
            return
        # An answer that was given within the same bytes has started the clock of an idle connection.
        self._unset_keepalive_if_required()
        path = self._paths.get(self.url)
        if path is None or not self._is_plain():
            super().on_headers_complete()
            return
        self.cycle = exchange = _Exchange(self._hot.begin(path, self.headers))
        try:
            exchange.within_s = self._hot.admit(exchange.call)
        except Exception as error:  # noqa: BLE001  # told by `refusal`
            self._answer(exchange, self._hot.refusal(exchange.call, error))
        else:
            self._coming = exchange

    @override
    def on_body(self, body: bytes) -> None:
        self._head_bytes = 0
        exchange = self._coming
        if exchange is None:
            super().on_body(body)
        # One piece is the rule; many small ones must take no more room than they count for.
        elif not exchange.body:
            exchange.body = body
        elif isinstance(exchange.body, bytearray):
            exchange.body += body
        else:
            exchange.body = bytearray(exchange.body) + body

    @override
    def on_message_complete(self) -> None:
        self._in_request = False
        if self.parser.offers:
            return
        if isinstance(self.cycle, _Exchange):
            self.cycle.whole = True
        exchange = self._coming
        if exchange is None:
            super().on_message_complete()
            return
        self._came(exchange)
        body, exchange.body = bytes(exchange.body), b""
        try:
            future = self._hot.submit(exchange.call, body, exchange.within_s)
        except Exception as error:  # noqa: BLE001  # told by `refusal`
            self._answer(exchange, self._hot.refusal(exchange.call, error))
        else:
            exchange.computed = future
            # A server that stops waits for them, and in the end ends them.
            self.tasks.add(future)  # type: ignore[arg-type]  # it is done with them what futures can do
            future.add_done_callback(partial(self._computed, exchange))

    @override
    def send_400_response(self, msg: str) -> None:
        if isinstance(self.cycle, _Exchange) and self.cycle.response_complete and not self.cycle.whole:
            # It is answered already: a second answer would be taken for that to the next request.
            self.transport.close()
        else:
            super().send_400_response(msg)

    def _is_idle(self) -> bool:
        """Whether nobody waits for an answer, and the client may send a request."""
        return (self.cycle is None or self.cycle.response_complete) and not self.transport.is_closing()

    def _is_plain(self) -> bool:
        """Whether nothing but its body is left to come before it can be answered."""
        parser = self.parser
        return (
            parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
            and not self.expect_100_continue
            and not self.flow.write_paused
            and self.limit_concurrency is None
            and (self.cycle is None or self.cycle.response_complete)
        )

    def _wait_for_the_rest(self, exchange: _Exchange) -> None:
        """What has come of a body is counted, and its time runs."""
        if self.transport.is_closing():  # it was no HTTP
            self._give_up(exchange)
            return
        try:
            self._hot.hold(len(exchange.body), exchange.held)
            exchange.held = len(exchange.body)
        except Exception as error:  # noqa: BLE001  # told by `refusal`
            self._refuse_the_rest(exchange, error)
            return
        if exchange.timer is None:
            exchange.timer = self.loop.call_later(self._hot.read_s, self._too_late, exchange)

    def _too_late(self, exchange: _Exchange) -> None:
        self._refuse_the_rest(exchange, SlowBodyError(f"expected the body within {self._hot.read_s:g} s"))

    def _refuse_the_rest(self, exchange: _Exchange, error: Exception) -> None:
        """What still comes of a request that is answered is passed over by uvicorn."""
        self._came(exchange)
        exchange.body = b""
        self._answer(exchange, self._hot.refusal(exchange.call, error))

    def _give_up(self, exchange: _Exchange) -> None:
        self._came(exchange)
        exchange.response_complete = True
        self._hot.end(exchange.call, NOBODY)

    def _came(self, exchange: _Exchange) -> None:
        self._coming = None
        if exchange.timer is not None:
            exchange.timer.cancel()
        self._hot.came(exchange.call, exchange.held)

    def _computed(self, exchange: _Exchange, computed: asyncio.Future[Answered]) -> None:
        self.tasks.discard(computed)
        error = NotReadyError(_STOPPED) if computed.cancelled() else computed.exception()
        if error is None:
            self._answer(exchange, computed.result())
        elif isinstance(error, HungUpError):
            exchange.response_complete = True
            self._hot.end(exchange.call, NOBODY)
        else:
            self._answer(exchange, self._hot.refusal(exchange.call, error))

    def _answer(self, exchange: _Exchange, answered: Answered) -> None:
        exchange.response_complete = True
        if not exchange.disconnected and not self.transport.is_closing():
            self.transport.write(self._written(exchange, answered))
            if not exchange.keep_alive:
                self.transport.close()
            # Lets the next request in, and looks after the connection until there is one.
            self.on_response_complete()
        else:
            answered = NOBODY
        self._hot.end(exchange.call, answered)

    def _written(self, exchange: _Exchange, answered: Answered) -> bytes:
        """The answer as bytes; no header has anything that a client chose but the request's id, which was looked at."""
        parts = [STATUS_LINE[answered.status]]
        for name, value in (*self.server_state.default_headers, *head(exchange.call, answered)):
            parts += name, b": ", value, b"\r\n"
        if not exchange.keep_alive:
            parts.append(b"connection: close\r\n")
        parts += b"\r\n", answered.body
        return b"".join(parts)
