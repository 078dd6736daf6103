"""Open-loop load: requests are sent when they are due, however the server fares; latencies and answers by status go out.

A latency counts from the moment a request was due, not from when a connection was free for it: a server that stalls
pays for everybody who came meanwhile (no coordinated omission). Runs in a process of its own, by `open_loop`.
"""

import argparse
import contextlib
import errno
import json
import os
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import numpy as np

CONNECTIONS = 256
"""At most so many at once unless told otherwise; what is due beyond them waits, and its latency grows."""

PATIENCE_S = 10.0
"""How long answers may still come after the last request was due."""

REFUSED = frozenset({429, 503})
_TICK_S = 0.0005
_SEND_BUFFER = 1 << 20
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


@dataclass(frozen=True)
class OpenLoad:
    """What a run saw; latencies in milliseconds, from when requests were due, of good answers alone.

    Attributes:
        due: Requests that were due per second.
        sent: Requests per second that were sent while they were due; less than ``due`` where the load could not keep up.
        good: Answers of status 200 per second, those that came while requests were due.
        refused: Share of the sent requests that were answered with 429 or 503.
        errors: Requests with any other answer, or none, and those that were not let in.
        unsent: Requests that were due and for which no connection became free in time.
    """

    due: float
    sent: float
    good: float
    refused: float
    errors: int
    unsent: int
    p50_ms: float | None
    p99_ms: float | None
    p999_ms: float | None


class Connection:
    """One connection: a request at a time, its answer read as far as its status and its length.

    Args:
        load: Whose it is.
        address: Of the server.

    Raises:
        OSError: If the server does not take it.
    """

    def __init__(self, load: "Generator", address: tuple[str, int]) -> None:
        self._load = load
        self._next = self._end = 0
        self._answer = b""
        self._due: float | None = None
        self._stream = socket.socket()
        self._stream.settimeout(0)
        self._stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A whole request goes to the system at once, which wakes nobody again for the rest of it.
        self._stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        began = self._stream.connect_ex(address)
        if began not in {0, errno.EINPROGRESS}:
            self._stream.close()
            raise OSError(began, "cannot connect")
        self._connected = False
        load.selector.register(self._stream, _READ | _WRITE, self)

    def send(self, request: slice, due: float) -> None:
        """Ask."""
        self._due = due
        self._next, self._end = request.start, request.stop
        self._write()
        if self._next < self._end:
            self._load.selector.modify(self._stream, _READ | _WRITE, self)

    def ready(self, events: int) -> None:
        """The system has something to read, or room to write."""
        try:
            if events & _WRITE:
                self._can_write()
            if events & _READ:
                self._read()
        except OSError:
            self.close()

    def close(self) -> None:
        """Give the connection up, and what it waits for."""
        self._load.selector.unregister(self._stream)
        self._stream.close()
        self._load.lost(self, in_flight=self._due is not None, connected=self._connected)

    def _can_write(self) -> None:
        if not self._connected:
            failed = self._stream.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if failed:
                raise OSError(failed, "cannot connect")
            self._connected = True
            self._load.selector.modify(self._stream, _READ, self)
            self._load.free(self)
            return
        self._write()
        if self._next == self._end:
            self._load.selector.modify(self._stream, _READ, self)
            if self._due is None:
                self._load.free(self)

    def _write(self) -> None:
        # A broken connection is met where it is read.
        with contextlib.suppress(BlockingIOError, ConnectionError):
            file, size = self._load.requests.fileno(), self._end - self._next
            self._next += os.sendfile(self._stream.fileno(), file, self._next, size)

    def _read(self) -> None:
        data = self._stream.recv(65_536)
        if not data:
            self.close()
            return
        answer = self._answer + data if self._answer else data
        head = answer.find(b"\r\n\r\n")
        if head < 0 or len(answer) < head + 4 + _length(answer[:head]):
            self._answer = answer
            return
        self._answer = b""
        if self._due is None:
            return
        self._load.answered(int(answer[9:12]), self._due)
        self._due = None
        if b"connection: close" in answer[:head].lower():
            self.close()
        elif self._next == self._end:  # else it was refused by its head, and the rest is still owed
            self._load.free(self)


class Generator:
    """Sends what is due; made for one run.

    Args:
        host: Of the server, and its ``port``.
        requests: Whole requests, heads and bodies; walked through in turn.
        rate: Requests per second.
        seconds: How long.
        connections: At most so many at once.
        rest_s: So long it sleeps between two looks at what is due and what has come. 0 looks whenever there is something, which takes
            more of the servers' processor time; what it says of latencies is only as exact as this.

    Attributes:
        selector: Tells connections what they can do.
        requests: The requests as a file.
    """

    def __init__(
        self,
        host: str,
        port: int,
        requests: Sequence[bytes],
        rate: float,
        seconds: float,
        connections: int = CONNECTIONS,
        rest_s: float = 0.0,
    ) -> None:
        self.selector = selectors.DefaultSelector()
        self._address = (host, port)
        # From a file the system sends them by itself: what writes them takes the servers' processor time.
        self.requests = tempfile.TemporaryFile()  # noqa: SIM115  # until the process ends
        self._places = cycle(_written(requests, self.requests))
        self._rate, self._seconds, self._connections = rate, seconds, connections
        self._rest_s = rest_s
        self._idle: list[Connection] = []
        self._waiting: deque[float] = deque()
        self._open = 0
        self._sent = self._unsent = self._sent_in_time = self._good_in_time = 0
        self._latencies: list[float] = []
        self._statuses: Counter[int] = Counter()
        self._broken = 0
        self._refused_connections = 0
        self._end = 0.0

    def run(self) -> OpenLoad:
        """Send everything, wait for the last answers, and count."""
        start = time.perf_counter()
        self._end = start + self._seconds
        total, due = round(self._rate * self._seconds), 0
        while due < total:
            ripe = min(total, int((time.perf_counter() - start) * self._rate) + 1)
            for number in range(due, ripe):
                self._ask(start + number / self._rate)
            due = ripe
            self._listen(start + due / self._rate)
        # What nobody could take while it was due is not sent any more: it would only be in flight at the end.
        self._unsent = len(self._waiting)
        self._waiting.clear()
        while self._answers() < self._sent and time.perf_counter() < self._end + PATIENCE_S:
            self._listen(time.perf_counter() + 0.01)
        return self._seen()

    def _listen(self, until: float) -> None:
        """See to what has come, or comes until then."""
        wait_s = max(_TICK_S, until - time.perf_counter())
        if self._rest_s:
            time.sleep(self._rest_s)
            wait_s = 0.0
        for key, events in self.selector.select(wait_s):
            key.data.ready(events)

    def free(self, connection: Connection) -> None:
        """A connection can take a request: the one that has waited longest, if any."""
        if self._waiting:
            self._send(connection, self._waiting.popleft())
        else:
            self._idle.append(connection)

    def answered(self, status: int, due: float) -> None:
        """An answer came to the request that was due then."""
        self._statuses[status] += 1
        if status == 200:
            now = time.perf_counter()
            self._latencies.append(now - due)
            self._good_in_time += now <= self._end

    def lost(self, connection: Connection, *, in_flight: bool, connected: bool) -> None:
        """A connection is gone, and with it the answer to what was in flight."""
        self._open -= 1
        self._broken += in_flight
        if connection in self._idle:
            self._idle.remove(connection)
        if not connected:
            self._not_let_in()

    def _ask(self, due: float) -> None:
        if self._idle:
            self._send(self._idle.pop(), due)
            return
        self._waiting.append(due)
        if self._open < self._connections:
            try:
                Connection(self, self._address)
            except OSError:
                self._not_let_in()
            else:
                self._open += 1

    def _not_let_in(self) -> None:
        if self._waiting:
            self._waiting.popleft()
            self._refused_connections += 1

    def _send(self, connection: Connection, due: float) -> None:
        self._sent += 1
        self._sent_in_time += time.perf_counter() <= self._end
        connection.send(next(self._places), due)

    def _answers(self) -> int:
        return self._statuses.total() + self._broken

    def _seen(self) -> OpenLoad:
        refused = sum(self._statuses[status] for status in REFUSED)
        p50, p99, p999 = percentiles_ms(self._latencies)
        return OpenLoad(
            due=self._rate,
            sent=self._sent_in_time / self._seconds,
            good=self._good_in_time / self._seconds,
            refused=refused / max(1, self._sent),
            errors=self._sent - self._statuses[200] - refused + self._refused_connections,
            unsent=self._unsent,
            p50_ms=p50,
            p99_ms=p99,
            p999_ms=p999,
        )


def _written(requests: Sequence[bytes], file: IO[bytes]) -> list[slice]:
    """The places of requests in a file."""
    places: list[slice] = []
    for request in requests:
        places.append(slice(file.tell(), file.tell() + len(request)))
        file.write(request)
    file.flush()
    return places


def percentiles_ms(latencies_s: Sequence[float]) -> tuple[float | None, float | None, float | None]:
    """The 50th, 99th and 99.9th percentile in milliseconds; None without a latency."""
    if not latencies_s:
        return None, None, None
    p50, p99, p999 = np.percentile(np.asarray(latencies_s) * 1e3, [50, 99, 99.9])
    return float(p50), float(p99), float(p999)


def open_loop(
    url: str,
    bodies: Path,
    *,
    rate: float,
    seconds: float,
    connections: int = CONNECTIONS,
    rest_s: float = 0.0,
) -> OpenLoad:
    """Load a server at a fixed rate, from a process of its own.

    Raises:
        RuntimeError: If the process fails.
    """
    command = [
        sys.executable,
        "-m",
        "benchmarks.serving.open_loop",
        url,
        str(bodies),
        f"{rate:.3f}",
        str(seconds),
        str(connections),
        str(rest_s),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"open loop at {url}: exit code {done.returncode}: {done.stderr[-1000:]}")
    return OpenLoad(**json.loads(done.stdout))


def whole_requests(url: str, bodies: Path) -> list[bytes]:
    """Requests as they go over the wire, one per line of the file."""
    parts = urlsplit(url)
    return [
        (
            f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode()
        + body
        for body in bodies.read_bytes().splitlines()
    ]


def _length(head: bytes) -> int:
    """The announced length of a body; every server of the benchmark announces it."""
    start = head.lower().find(b"content-length:")
    return 0 if start < 0 else int(head[start + 15 :].split(b"\r\n", 1)[0])


def main() -> None:
    """One run; prints an `OpenLoad` as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="http://HOST:PORT/PATH")
    parser.add_argument("bodies", type=Path)
    parser.add_argument("rate", type=float)
    parser.add_argument("seconds", type=float)
    parser.add_argument("connections", type=int)
    parser.add_argument("rest_s", type=float)
    asked = parser.parse_args()
    host, _, port = urlsplit(asked.url).netloc.rpartition(":")
    requests = whole_requests(asked.url, asked.bodies)
    generator = Generator(
        host, int(port), requests, asked.rate, asked.seconds, asked.connections, asked.rest_s
    )
    print(json.dumps(asdict(generator.run())))


if __name__ == "__main__":
    main()
