"""Alternating measurement: running servers and bodies come in, the loads of every server, shape and concurrency go out.

Every window is a server alone on the machine, the others frozen; the order is shuffled anew in every round, so that a
drift of the machine meets everybody.
"""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import httpx

from benchmarks.serving.bodies import S1, S1_ID, S2, S2_ID, S3, S3_ID, Shape
from benchmarks.serving.closed_loop import Load, closed_loop
from benchmarks.serving.processes import Server

ALL = dict.fromkeys((S1, S2, S3, S1_ID, S2_ID, S3_ID), (1, 8, 64))
ASKED = {S1: (8, 64), S2: (8,), S3: (1, 8), S2_ID: (8,), S3_ID: (1, 8)}
"""Connections by shape that the table of ratios needs."""

CHECK = {S1: (64,), S2: (8,), S3: (8,)}
"""Those that show whether a run is valid."""

WARM_UP_CONNECTIONS = 8
LONGEST_WAIT_S = 60.0


class Cell(NamedTuple):
    """Who was asked what by how many clients."""

    server: str
    shape: str
    connections: int


Loads = dict[Cell, list[Load]]
"""One load per round."""


def measure(
    servers: Sequence[Server],
    bodies: Mapping[Shape, Path],
    plan: Mapping[Shape, Sequence[int]],
    *,
    rounds: int,
    seconds: int,
) -> Loads:
    """Warm everybody up, then go round after round through all windows."""
    order = random.Random(2026)  # noqa: S311  # an order, not a secret
    windows = [
        (server, shape, connections)
        for server in servers
        for shape, of_shape in plan.items()
        if server.plan.takes(shape) and shape in bodies
        for connections in of_shape
    ]
    for server, shape in dict.fromkeys((server, shape) for server, shape, _ in windows):
        one_window(server, shape, bodies[shape], WARM_UP_CONNECTIONS, seconds)
    loads: Loads = {}
    for number in range(1, rounds + 1):
        print(f"round {number} of {rounds}: {len(windows)} windows of {seconds} s", flush=True)
        order.shuffle(windows)
        for server, shape, connections in windows:
            load = one_window(server, shape, bodies[shape], connections, seconds)
            loads.setdefault(Cell(server.plan.name, shape.name, connections), []).append(load)
    return loads


def one_window(server: Server, shape: Shape, bodies: Path, connections: int, seconds: int) -> Load:
    """One server alone, for some seconds, after a second of the same that does not count.

    A thread pool lets idle threads go, and the first calls of new ones are slow.
    """
    server.thaw()
    try:
        closed_loop(server.url(shape), bodies, connections=connections, seconds=1)
        settle(server, shape, bodies)
        load = closed_loop(server.url(shape), bodies, connections=connections, seconds=seconds)
        settle(server, shape, bodies)
        return load
    finally:
        server.freeze()


def settle(server: Server, shape: Shape, bodies: Path) -> None:
    """Wait for the answer to one more request: a load that ends leaves requests behind that nobody waits for any more.

    A server that computes them nevertheless must not pay for them in its next window.
    """
    with bodies.open("rb") as lines:
        body = next(lines).strip()
    with httpx.Client(timeout=LONGEST_WAIT_S, trust_env=False) as client:
        for _ in range(2):  # the first may overtake what a pool of threads is still at
            client.post(server.url(shape), content=body, headers={"Content-Type": "application/json"})
