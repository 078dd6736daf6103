"""Open-loop load: requests are sent when they are due, however the server fares; latencies and answers by status go out.

A latency counts from the moment a request was due, not from when a connection was free for it: a server that stalls
pays for everybody who came meanwhile (no coordinated omission). Runs in a process of its own, by `open_loop`.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import uvloop
from typing_extensions import override

CONNECTIONS = 256
"""At most so many at once unless told otherwise; what is due beyond them waits, and its latency grows."""

PATIENCE_S = 10.0
"""How long answers may still come after the last request was due."""

REFUSED = frozenset({429, 503})
_TICK_S = 0.0005


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


class Connection(asyncio.Protocol):
    """One connection: a request at a time, its answer read as far as its status and its length."""

    def __init__(self, load: "Generator") -> None:
        self._load = load
        self._stream: asyncio.Transport
        self._due: float | None = None
        self._answer = b""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._stream = transport  # type: ignore[assignment]  # of a stream
        self._load.free(self)

    def send(self, request: bytes, due: float) -> None:
        """Ask."""
        self._due = due
        self._stream.write(request)

    @override
    def data_received(self, data: bytes) -> None:
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
            self._stream.close()
        else:
            self._load.free(self)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._load.lost(self, in_flight=self._due is not None)


class Generator:
    """Sends what is due; made for one run.

    Args:
        host: Of the server, and its ``port``.
        requests: Whole requests, heads and bodies; walked through in turn.
        rate: Requests per second.
        seconds: How long.
        connections: At most so many at once.
    """

    def __init__(
        self,
        host: str,
        port: int,
        requests: Sequence[bytes],
        rate: float,
        seconds: float,
        connections: int = CONNECTIONS,
    ) -> None:
        self._host, self._port = host, port
        self._requests = cycle(requests)
        self._rate, self._seconds, self._connections = rate, seconds, connections
        self._idle: list[Connection] = []
        self._waiting: deque[float] = deque()
        self._open = 0
        self._sent = self._unsent = self._sent_in_time = self._good_in_time = 0
        self._latencies: list[float] = []
        self._statuses: Counter[int] = Counter()
        self._broken = 0
        self._refused_connections = 0
        self._end = 0.0

    async def run(self) -> OpenLoad:
        """Send everything, wait for the last answers, and count."""
        start = time.perf_counter()
        self._end = start + self._seconds
        total, due = round(self._rate * self._seconds), 0
        while due < total:
            ripe = min(total, int((time.perf_counter() - start) * self._rate) + 1)
            for number in range(due, ripe):
                self._ask(start + number / self._rate)
            due = ripe
            # Until the next is due: waking up more often would take the servers' processor time.
            await asyncio.sleep(max(_TICK_S, start + due / self._rate - time.perf_counter()))
        # What nobody could take while it was due is not sent any more: it would only be in flight at the end.
        self._unsent = len(self._waiting)
        self._waiting.clear()
        while self._answers() < self._sent and time.perf_counter() < self._end + PATIENCE_S:
            await asyncio.sleep(0.01)
        return self._seen()

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

    def lost(self, connection: Connection, *, in_flight: bool) -> None:
        """A connection is gone, and with it the answer to what was in flight."""
        self._open -= 1
        self._broken += in_flight
        if connection in self._idle:
            self._idle.remove(connection)

    def _ask(self, due: float) -> None:
        if self._idle:
            self._send(self._idle.pop(), due)
            return
        self._waiting.append(due)
        if self._open < self._connections:
            self._open += 1
            asyncio.ensure_future(self._connect())  # noqa: RUF006  # it ends in `free`, `lost` or below

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: Connection(self), self._host, self._port)
        except OSError:
            self._open -= 1
            if self._waiting:
                self._waiting.popleft()
                self._refused_connections += 1

    def _send(self, connection: Connection, due: float) -> None:
        self._sent += 1
        self._sent_in_time += time.perf_counter() <= self._end
        connection.send(next(self._requests), due)

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


def percentiles_ms(latencies_s: Sequence[float]) -> tuple[float | None, float | None, float | None]:
    """The 50th, 99th and 99.9th percentile in milliseconds; None without a latency."""
    if not latencies_s:
        return None, None, None
    p50, p99, p999 = np.percentile(np.asarray(latencies_s) * 1e3, [50, 99, 99.9])
    return float(p50), float(p99), float(p999)


def open_loop(
    url: str, bodies: Path, *, rate: float, seconds: float, connections: int = CONNECTIONS
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
    asked = parser.parse_args()
    host, _, port = urlsplit(asked.url).netloc.rpartition(":")
    requests = whole_requests(asked.url, asked.bodies)
    generator = Generator(host, int(port), requests, asked.rate, asked.seconds, asked.connections)
    print(json.dumps(asdict(uvloop.run(generator.run()))))


if __name__ == "__main__":
    main()
