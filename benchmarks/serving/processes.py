"""Servers as processes: a plan comes in, a running server goes out, which can be frozen, weighed and stopped.

While one server is measured all others are frozen, so that none of them takes its cores; Linux only.
"""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from benchmarks.serving.bodies import Shape

HOST = "127.0.0.1"
READY_WITHIN_S = 60
STOPS_WITHIN_S = 30


@dataclass(frozen=True)
class Plan:
    """How a server is started and asked.

    Attributes:
        name: In the tables.
        command: From a free port.
        environment: Beside that of this process.
        ready: Path that answers 200 as soon as it can compute.
        score: Path of score requests, and ``rank`` of rank requests.
        by_id: Whether it has a catalog.
        ready_within_s: Longest wait.
    """

    name: str
    command: Callable[[int], list[str]]
    environment: dict[str, str] = field(default_factory=dict)
    ready: str = "/readyz"
    score: str = "/api/v1/score"
    rank: str = "/api/v1/rank"
    by_id: bool = False
    ready_within_s: float = READY_WITHIN_S

    def path(self, shape: Shape) -> str:
        """Where requests of a shape go."""
        return self.rank if shape.ranks else self.score

    def takes(self, shape: Shape) -> bool:
        """Whether it can answer requests of a shape."""
        return self.by_id or not shape.by_id


class Server:
    """A running server: the process that was started and all of its session.

    Args:
        plan: What to start.
        log: File for what it writes.

    Attributes:
        ready_s: Seconds from the start of the process until it could compute.
    """

    def __init__(self, plan: Plan, log: Path) -> None:
        self.plan = plan
        self.port = free_port()
        self._log = log
        with log.open("wb") as written:
            self._started = time.perf_counter()
            self._process = subprocess.Popen(
                plan.command(self.port),
                env={**os.environ, **plan.environment},
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.ready_s = 0.0

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.port}"

    def url(self, shape: Shape) -> str:
        """Where requests of a shape go."""
        return self.address + self.plan.path(shape)

    def wait_until_ready(self) -> None:
        """Return as soon as it can compute, and note when that was.

        Raises:
            RuntimeError: If it ends or takes too long; with what it wrote last.
        """
        with httpx.Client(base_url=self.address, trust_env=False, timeout=2.0) as client:
            while not self._is_ready(client):
                waited = time.perf_counter() - self._started
                if not self.is_alive() or waited > self.plan.ready_within_s:
                    end = self._log.read_text(errors="replace")[-2000:]
                    raise RuntimeError(
                        f"{self.plan.name}: expected it ready within {self.plan.ready_within_s} s, waited {waited:.0f} s: {end}"
                    )
                time.sleep(0.02)
        self.ready_s = time.perf_counter() - self._started

    def _is_ready(self, client: httpx.Client) -> bool:
        try:
            return client.get(self.plan.ready).status_code == 200
        except httpx.TransportError:
            return False

    def is_alive(self) -> bool:
        """Whether the process that was started still runs."""
        return self._process.poll() is None

    def resident_mb(self) -> float:
        """Resident memory of all of its processes, MB; pages that they share are counted in each."""
        return sum(_resident_kb(process) for process in self.processes()) / 1024

    def processes(self) -> list[int]:
        """Ids of the process that was started, of its session, and of what these started in sessions of their own."""
        alive = {
            int(path.name): _parent_and_session(int(path.name))
            for path in Path("/proc").iterdir()
            if path.name.isdigit()
        }
        first = self._process.pid
        ours = {process for process, of in alive.items() if of is not None and of[1] == first}
        while more := {process for process, of in alive.items() if of is not None and of[0] in ours} - ours:
            ours |= more
        return sorted(ours)

    def freeze(self) -> None:
        """Let it have no core until `thaw`."""
        self._tell(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._tell(signal.SIGCONT)

    def stop(self) -> None:
        """End it and all that it started; politely first."""
        self.thaw()
        left = self.processes()
        self._process.terminate()
        try:
            self._process.wait(STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for process in left:
            # What outlived its parent; a number that was taken anew in the meantime is not in one of these sessions.
            of = _parent_and_session(process)
            if of is not None and of[1] in left:
                _send(process, signal.SIGKILL)

    def _tell(self, sent: signal.Signals) -> None:
        for process in self.processes():
            _send(process, sent)


@contextlib.contextmanager
def running(plans: list[Plan], logs: Path) -> Iterator[list[Server]]:
    """All of them, started one after the other and left frozen, except those that fail, which are named."""
    logs.mkdir(parents=True, exist_ok=True)
    servers: list[Server] = []
    try:
        for plan in plans:
            server = Server(plan, logs / f"{plan.name.replace(' ', '-').replace('/', '-')}.log")
            servers.append(server)
            try:
                server.wait_until_ready()
            except RuntimeError as error:
                print(f"left out: {error}", flush=True)
                servers.remove(server)
                server.stop()
            else:
                server.freeze()
        yield servers
    finally:
        for server in servers:
            server.stop()


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port


def _parent_and_session(process: int) -> tuple[int, int] | None:
    """The parent and the session of a process; None once it is gone."""
    try:
        # The command in front of these may itself hold blanks and brackets.
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    # A dead child that nobody asked about yet holds no memory and takes no signal.
    return None if fields[0] == "Z" else (int(fields[1]), int(fields[3]))


def _resident_kb(process: int) -> int:
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    lines: dict[str, Any] = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return int(lines.get("VmRSS", "0 kB").split()[0])


def _send(process: int, sent: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, sent)
