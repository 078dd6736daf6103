"""Bytes of a connection come in, requests go out as uvicorn's parser tells of them; offers of other protocols are passed over.

`service.transport.connection` has one per connection.
"""

from typing import Protocol

import httptools
from typing_extensions import override


class Told(Protocol):
    """Who is told about requests has the head of the one that is being read."""

    url: bytes
    headers: list[tuple[bytes, bytes]]


class Parser(httptools.HttpRequestParser):
    """uvicorn's, for which a request that offers another protocol is the same request without the offer.

    Java's client offers HTTP/2 with the first request of each of its connections. A server may pass over that, but to llhttp such
    a request ends with its head: its body would be lost.

    Args:
        told: Is told of a head that offers something twice, the second time without the offer.
    """

    def __init__(self, told: Told) -> None:
        self._told = told
        self._begin()

    @property
    def offers(self) -> bool:
        """Whether this is the head of a request that is told again without its offer."""
        return self.should_upgrade() and self.get_method() != b"CONNECT"

    @override
    def feed_data(self, data: bytes | memoryview) -> None:  # type: ignore[override]  # transports have no other kind
        while True:
            try:
                super().feed_data(data)
            except httptools.HttpParserUpgrade as offer:
                if not self.offers:
                    raise
                told_again = self._head()
                # After a request that closes the connection, as those of HTTP/1.0 do, nothing would be read.
                self._begin()
                super().feed_data(told_again)
                data = memoryview(data)[offer.args[0] :]
            else:
                return

    def _begin(self) -> None:
        super().__init__(self._told)
        # As uvicorn has it: who sends requests without waiting for answers gets those before one that closes the connection.
        self.set_dangerous_leniencies(lenient_data_after_close=True)

    def _head(self) -> bytes:
        """The head that was read last, without its offer."""
        line = b"%s %s HTTP/%s" % (self.get_method(), self._told.url, self.get_http_version().encode())
        lines = [name + b": " + value for name, value in self._told.headers if name != b"upgrade"]
        return b"\r\n".join([line, *lines, b"", b""])
