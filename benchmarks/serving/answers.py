"""Whether all servers say the same: running servers and bodies come in, what differs from the first one goes out."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from benchmarks.serving.bodies import S1, S1_ID, S2, S2_ID, S3, S3_ID, Shape
from benchmarks.serving.processes import Server

LOGIT_TOLERANCE = 1e-5
"""As far as two answers may lie apart in the logit, beyond what float32 loses at the ends."""

_SAME_PAIRS = {S1_ID: S1, S2_ID: S2, S3_ID: S3}
_BODIES = 5
_TRIES = 3
"""First calls may take longer than a server lets a request wait."""

Probabilities = dict[str, float]
"""By id of the candidate, in the order of the answer; by place in a score request."""


def differences(servers: Sequence[Server], bodies: Mapping[Shape, Path]) -> Iterator[str]:
    """One line per server and shape whose answers are not those of the first server; by id as with full features."""
    expected = {shape: _asked(servers[0], shape, bodies[shape]) for shape in (S1, S2, S3) if shape in bodies}
    for server in servers:
        for shape in bodies:
            if not server.plan.takes(shape):
                continue
            came = _asked(server, shape, bodies[shape])
            reasons = [
                reason
                for one, other in zip(expected[_SAME_PAIRS.get(shape, shape)], came, strict=True)
                if (reason := difference(one, other))
            ]
            if reasons:
                yield f"{server.plan.name}, {shape.name}: {reasons[0]}"


def difference(expected: Probabilities, came: Probabilities) -> str | None:
    """Why two answers are not the same; None if they are.

    Candidates may change places where their probabilities are nearer than the tolerance.
    """
    if len(expected) != len(came):
        return f"expected {len(expected)} probabilities, got {len(came)}"
    for place, (one, other) in enumerate(zip(expected.items(), came.items(), strict=True), start=1):
        apart = abs(logit(one[1]) - logit(other[1]))
        if apart > LOGIT_TOLERANCE:
            return f"place {place}: expected {one[0]} with {one[1]:.7f}, got {other[0]} with {other[1]:.7f} ({apart:.1e} apart in the logit)"
    return None


def logit(probability: float) -> float:
    """The log-odds."""
    return math.log(probability) - math.log1p(-probability)


def read_answer(answer: Any) -> Probabilities:
    """The probabilities of an answer; BentoML's is a list of one."""
    if isinstance(answer, list):
        (answer,) = answer
    if "items" in answer:
        return {item["id"]: item["probability"] for item in answer["items"]}
    return {str(place): probability for place, probability in enumerate(answer["probabilities"])}


def _asked(server: Server, shape: Shape, bodies: Path) -> list[Probabilities]:
    """The answers to the first bodies; an answer with another status than 200 is empty, and so differs."""
    server.thaw()
    try:
        with httpx.Client(
            trust_env=False, timeout=30, headers={"content-type": "application/json"}
        ) as client:
            return [
                _answered(client, server, shape, body) for body in bodies.read_bytes().splitlines()[:_BODIES]
            ]
    finally:
        server.freeze()


def _answered(client: httpx.Client, server: Server, shape: Shape, body: bytes) -> Probabilities:
    for _ in range(_TRIES):
        response = client.post(server.url(shape), content=body)
        if response.status_code == 200:
            return read_answer(response.json())
        print(f"{server.plan.name}, {shape.name}: {response.status_code} {response.text[:300]}", flush=True)
        time.sleep(1.0)
    return {}
