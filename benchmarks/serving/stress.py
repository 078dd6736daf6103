"""What a server does under more than it can answer, at a fixed rate, and over a hundred thousand requests."""

from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression

from benchmarks.serving.bodies import Shape
from benchmarks.serving.closed_loop import closed_loop
from benchmarks.serving.open_loop import CONNECTIONS, OpenLoad, open_loop
from benchmarks.serving.processes import Server
from benchmarks.serving.rounds import settle

SHARES_OF_PEAK, TIMES_PEAK = (0.35, 0.7), 3.0

PEAK_S = 10
"""How long the peak is measured, right before a run at a fixed rate and right after it: a shared machine drifts within minutes."""

OVERLOAD_REST_S = 0.005
"""The generator of an overload looks around so often: a process that wakes up for every answer takes the servers' processor time."""

SOAK_CONNECTIONS = 8


@dataclass(frozen=True)
class Stress:
    """A run at a fixed rate.

    Attributes:
        times: The rate over the peak.
        peak: Requests per second of the same server and shape in the closed loop, the mean of before and after.
        alive: Whether the process ran on, and answered afterwards.
    """

    server: str
    shape: str
    times: float
    peak: float
    load: OpenLoad
    alive: bool


@dataclass(frozen=True)
class Soak:
    """Resident memory over many requests.

    Attributes:
        start_mb: After warm-up, and ``end_mb`` after the last request.
        slope_mb: MB per 10,000 requests, of the least-squares line through all weighings.
    """

    server: str
    requests: int
    start_mb: float
    end_mb: float
    slope_mb: float


def crowd(shape: Shape) -> int:
    """Connections of an overload: more than may wait, or nobody would be refused until it is too late for them."""
    return 4_096 if shape.candidates < 1_000 else 1_024


def at_rate(
    server: Server, shape: Shape, bodies: Path, *, connections: int, times: float, seconds: int
) -> Stress:
    """Load a server with so many times its peak, which so many connections reach in the closed loop."""
    at_once, rest_s = (crowd(shape), OVERLOAD_REST_S) if times > 1 else (CONNECTIONS, 0.0)

    def peak() -> float:
        return closed_loop(server.url(shape), bodies, connections=connections, seconds=PEAK_S).rate

    server.thaw()
    try:
        before = peak()
        load = open_loop(
            server.url(shape),
            bodies,
            rate=times * before,
            seconds=seconds,
            connections=at_once,
            rest_s=rest_s,
        )
        settle(server, shape, bodies)
        after = peak()
        alive = server.is_alive() and after > 0
        return Stress(server.plan.name, shape.name, times, (before + after) / 2, load, alive)
    finally:
        server.freeze()


def soak(server: Server, shape: Shape, bodies: Path, *, requests: int) -> Soak:
    """Weigh a server while it answers so many requests."""
    server.thaw()
    try:
        weighed: list[tuple[float, float]] = [(0.0, server.resident_mb())]
        while weighed[-1][0] < requests:
            load = closed_loop(server.url(shape), bodies, connections=SOAK_CONNECTIONS, seconds=2)
            weighed.append((weighed[-1][0] + max(1.0, load.rate * 2), server.resident_mb()))
    finally:
        server.freeze()
    (done, end), start = weighed[-1], weighed[0][1]
    slope = linear_regression(*zip(*weighed, strict=True)).slope
    return Soak(server.plan.name, round(done), start, end, slope * 10_000)
