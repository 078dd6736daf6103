"""Closed-loop load: a server's address and bodies come in, requests per second and latencies go out.

`wrk` of Debian's packages makes the load: each of its connections asks again as soon as it was answered.
"""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = Path(__file__).with_name("walk.lua")


@dataclass(frozen=True)
class Load:
    """What one window saw; latencies in milliseconds.

    Attributes:
        rate: Good answers per second.
        refused: Answers with a status of 400 or more.
        broken: Connections that failed and answers that did not come.
    """

    rate: float
    p50_ms: float
    p99_ms: float
    p999_ms: float
    refused: int
    broken: int


def closed_loop(url: str, bodies: Path, *, connections: int, seconds: int) -> Load:
    """Ask a server for some time over so many connections.

    Raises:
        RuntimeError: If wrk is not there or fails.
    """
    wrk = shutil.which("wrk")
    if wrk is None:
        raise RuntimeError("expected wrk on the path: install it (Debian, Ubuntu: apt-get install wrk)")
    command = [wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(_SCRIPT), url]
    done = subprocess.run([*command, "--", str(bodies)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(
            f"wrk {url}: exit code {done.returncode}: {done.stderr[-500:]}{done.stdout[-500:]}"
        )
    return read_load(done.stdout)


def read_load(printed: str) -> Load:
    """What `walk.lua` printed last."""
    seen = json.loads(printed.strip().rpartition("\n")[2])
    return Load(
        rate=(seen["requests"] - seen["refused"]) / seen["seconds"],
        p50_ms=seen["p50_us"] / 1e3,
        p99_ms=seen["p99_us"] / 1e3,
        p999_ms=seen["p999_us"] / 1e3,
        refused=seen["refused"],
        broken=seen["broken"],
    )
