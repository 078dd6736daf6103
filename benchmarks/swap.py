"""A hundred versions one after the other under a steady load: ``make bench-swap``, or ``python -m benchmarks.swap``.

The real service follows the champion of a registry into which the model of `benchmarks.serving` is published again and
again, while requests come at a fixed rate. A swap lasts from the start of loading until the old version is freed, as
the service logs it. Latencies count from the moment a request was due.
"""

import argparse
import asyncio
import multiprocessing
import re
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np

from benchmarks.serving import worlds
from benchmarks.serving.bodies import S1, write_bodies
from benchmarks.serving.plans import OURS_ONNX, axon
from benchmarks.serving.processes import Server, running
from registry.local import LocalRegistry

RATE = 200
"""Requests per second."""

KEPT = 5
"""Versions that stay in the registry."""

_BETWEEN_S = 2.0
"""Between two swaps, so that there are requests outside of swaps to compare with."""

_AFTER_S = 0.3
"""How long after the swap the old version may take to be freed: its last requests are answered then."""

_MOMENT = "%Y-%m-%d %H:%M:%S,%f"


class Asked(NamedTuple):
    """A request: seconds since the epoch when it was due and answered, the status, and the version that answered."""

    due: float
    done: float
    status: int
    version: int | None


def main() -> None:
    """One run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--publishes", type=int, default=100)
    parser.add_argument("--data", type=Path, help="directory of KuaiRand's tables; the example's by default")
    parser.add_argument("--work", type=Path, default=Path("data/serving"), help="for models and logs")
    asked = parser.parse_args()
    work = asked.work.resolve()
    world = worlds.kuairand(work, asked.data)
    body = write_bodies(world, S1, work / "bodies").read_bytes().splitlines()[0]
    with tempfile.TemporaryDirectory(dir=work) as directory:
        bundle = Path(directory) / "bundle"
        shutil.copytree(world.version.directory, bundle)
        registry = LocalRegistry(Path(directory) / "models")
        registry.publish(bundle, world.version.name)
        world = replace(world, registry=registry.root)
        plan = axon(world, Path(directory), OURS_ONNX, "onnx")
        plan.environment.update(AXON_POLL_S="0.1", AXON_LOG_LEVEL="info")
        with running([plan], Path(directory)) as [server]:
            server.thaw()
            load = Load(server, body)
            weighed, copying = publish_all(registry, bundle, world.version.name, asked.publishes, server)
            answers = load.stopped()
            log = (Path(directory) / "Axon,-ONNX.log").read_text()
    show(answers, swaps(log), copying, weighed)


def publish_all(
    registry: LocalRegistry, bundle: Path, name: str, times: int, server: Server
) -> tuple[list[float], list[tuple[float, float]]]:
    """Publish again and again, each time once the service has taken the one before.

    Returns:
        MB of memory after each, and when the publisher copied or deleted files, seconds since the epoch.
    """
    weighed: list[float] = []
    copying: list[tuple[float, float]] = []
    with httpx.Client(base_url=server.address, trust_env=False) as client:
        for _ in range(times):
            began = time.time()
            version = registry.publish(bundle, name)
            copying.append((began, time.time()))
            wait_for(client, version.number)
            weighed.append(server.resident_mb())
            began = time.time()
            registry.prune(name, keep=KEPT)
            copying.append((began, time.time()))
            time.sleep(_BETWEEN_S)
    time.sleep(1)
    return weighed, copying


def wait_for(client: httpx.Client, version: int) -> None:
    """Return once this version answers."""
    until = time.monotonic() + 60
    while f"/{version} is loaded" not in client.get("/healthz?verbose").text:
        if time.monotonic() > until:
            raise RuntimeError(f"version {version} never answered: {client.get('/healthz?verbose').text}")
        time.sleep(0.05)


class Load:
    """Requests at a fixed rate, from a process of its own, until stopped: the publisher's copying must not delay them."""

    def __init__(self, server: Server, body: bytes) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_send_until_told, args=(server.url(S1), body, theirs))
        self._process.start()

    def stopped(self) -> list[Asked]:
        """All that was asked."""
        self._pipe.send(None)
        answers: list[Asked] = self._pipe.recv()
        self._process.join()
        return answers


def _send_until_told(url: str, body: bytes, pipe: Connection) -> None:
    answers: list[Asked] = []
    asyncio.run(_send(url, body, pipe, answers))
    pipe.send(answers)


async def _send(url: str, body: bytes, pipe: Connection, answers: list[Asked]) -> None:
    limits = httpx.Limits(max_connections=100)
    async with (
        httpx.AsyncClient(trust_env=False, timeout=30, limits=limits) as client,
        asyncio.TaskGroup() as group,
    ):
        start, number = time.time(), 0
        while number % RATE or not pipe.poll():  # told or not, once a second
            due = start + number / RATE
            await asyncio.sleep(max(0.0, due - time.time()))
            group.create_task(_ask(client, url, body, due, answers))
            number += 1


async def _ask(client: httpx.AsyncClient, url: str, body: bytes, due: float, answers: list[Asked]) -> None:
    status, version = 0, None
    try:
        answer = await client.post(url, content=body, headers={"Content-Type": "application/json"})
        status, version = answer.status_code, answer.json().get("version")
    except httpx.TransportError:
        pass
    answers.append(Asked(due, time.time(), status, version))


def swaps(log: str) -> list[tuple[float, float]]:
    """Start and end of every swap, seconds since the epoch, from the service's log."""
    found: list[tuple[float, float]] = []
    loading: float | None = None
    for line in log.splitlines():
        moment = re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}", line)
        if moment is None:
            continue
        at = datetime.strptime(moment[0], _MOMENT).astimezone().timestamp()
        if "loading " in line:
            loading = at
        elif "answers in the place of" in line and loading is not None:
            found.append((loading, at + _AFTER_S))
            loading = None
    return found


def show(
    answers: Sequence[Asked],
    during: Sequence[tuple[float, float]],
    copying: Sequence[tuple[float, float]],
    weighed: Sequence[float],
) -> None:
    """Print what was seen; what was asked while the publisher was at work outside of a swap counts as neither."""
    failed = sum(asked.status != 200 for asked in answers)
    versions = [asked.version for asked in sorted(answers, key=lambda asked: asked.done) if asked.version]
    inside = _within(answers, during)
    apart = _within(answers, copying) & ~inside
    outside = ~inside & ~apart
    latencies = np.array([(asked.done - asked.due) * 1000 for asked in answers])
    p99_in, p99_out = (float(np.percentile(latencies[mask], 99)) for mask in (inside, outside))
    print(f"{len(answers):,} requests at {RATE} a second, {len(during)} swaps; {failed} failed")
    print(
        f"p99 during swaps {p99_in:.2f} ms ({inside.mean():.0%} of the requests), outside {p99_out:.2f} ms: {p99_in / p99_out:.2f}"
    )
    if apart.any():
        told = float(np.percentile(latencies[apart], 99))
        print(f"p99 while versions were copied or deleted {told:.2f} ms ({apart.mean():.0%}): neither")
    print(f"versions answered: {len(set(versions))}, from {min(versions)} to {max(versions)}")
    print(
        f"resident after the 5th publish {weighed[4]:.0f} MB, after the last {weighed[-1]:.0f} MB: {weighed[-1] / weighed[4]:.2f}"
    )


def _within(answers: Sequence[Asked], spans: Sequence[tuple[float, float]]) -> np.ndarray:
    """Which requests were waiting at some moment of a span, shape ``(answers,)``."""
    starts, ends = np.array(spans).reshape(-1, 2).T
    return np.array([bool(((starts <= asked.done) & (asked.due <= ends)).any()) for asked in answers])


if __name__ == "__main__":
    main()
