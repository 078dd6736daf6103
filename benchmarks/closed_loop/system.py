"""The real parts of the loop: `axon` as a command and as a service, in one directory; `benchmarks.closed_loop.loop` drives them."""

import contextlib
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from benchmarks.closed_loop.shop import Shop
from benchmarks.serving.processes import HOST, Plan, Server

TASK = Path(__file__).with_name("shop.yaml")
NAME = "shop"
CHAMPION_WITHIN_S = 60
FAR_BACK_S = 100 * 365 * 86_400
"""Simulated time is long ago by the clock of the service: no event of it is late."""


class System:
    """Commands and services over one directory.

    Args:
        directory: For logs, journals, models and runs; made if missing.
        shop: Whose first log, items and users are written there.
    """

    def __init__(self, directory: Path, shop: Shop) -> None:
        self.directory = directory
        self.log = directory / "log" / "joined.parquet"
        self._seed = str(shop.plan.seed)
        self.log.parent.mkdir(parents=True)
        shop.first_log().write_parquet(self.log.with_name("first.parquet"))
        shop.items.write_csv(directory / "items.csv")
        shop.users.write_csv(directory / "users.csv")
        self.task = directory / "axon.yaml"
        self.task.write_bytes(TASK.read_bytes())

    def train(self) -> None:
        """Publish the first version."""
        self._axon("train", self.task, "--seed", self._seed, "--registry", "models", "--json")

    def join(self, since_ms: int, until_ms: int, window: str) -> None:
        """Label what was shown from one moment on and is settled by another."""
        limits = ["--since", since_ms, "--until", until_ms, "--window", window]
        self._axon("join", self.log, "--decisions", "file:decisions", *limits, "--json")

    def forget_first_log(self) -> None:
        """Learn no more from what was noted before there was a model."""
        self.log.with_name("first.parquet").unlink(missing_ok=True)

    def retrain(self) -> "Retrained":
        """Train on the log as it is now, and publish if the gate lets it pass."""
        done = self._axon("retrain", self.task, "--registry", "models", "--quiet", refusable=True)
        run = max((self.directory / "runs").glob(f"{NAME}-*"), key=lambda path: path.stat().st_mtime_ns)
        outcome = json.loads((run / "outcome.json").read_text())
        if outcome["outcome"] not in {"published", "refused"}:
            raise RuntimeError(f"expected a verdict of the gate, got {outcome['outcome']}: {done.stderr}")
        return Retrained(outcome["version"], tuple(outcome["reasons"]))

    @contextlib.contextmanager
    def served(self, model: str) -> Iterator["Client"]:
        """A service on a free port that serves a reference such as ``shop@champion``, with decisions and a catalog."""
        name = model.replace(":", "-").replace("@", "-")
        command = [*_AXON, "serve", "--model", model, "--runtime", "onnx", "--host", HOST]
        plan = Plan(model, lambda port: [*command, "--port", str(port)], self._environment(name))
        server = Server(plan, self.directory / f"{name}.log")
        try:
            server.wait_until_ready()
            with contextlib.closing(Client(server.port)) as client:
                yield client
        finally:
            server.stop()

    def _environment(self, name: str) -> dict[str, str]:
        settings = {
            "registry": self.directory / "models",
            "catalog": self.directory / "items.csv",
            "users": self.directory / "users.csv",
            "entities": f"sqlite:{self.directory / name}.sqlite",
            "decisions": f"file:{self.directory / 'decisions'}",
            "feedback_window_s": FAR_BACK_S,
            "poll_s": 0.2,
            "drain_s": 0,
            "log_level": "warning",
        }
        return _PATH | {f"AXON_{key.upper()}": str(value) for key, value in settings.items()}

    def _axon(self, *arguments: object, refusable: bool = False) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*_AXON, *map(str, arguments)],
            cwd=self.directory,
            env={**os.environ, **_PATH},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode and not (refusable and done.returncode == 1):
            raise RuntimeError(
                f"axon {arguments[0]}: expected it to end well, it ended with {done.returncode}: {done.stderr}"
            )
        return done


_AXON = [sys.executable, "-m", "axon"]
_PATH = {"PYTHONPATH": str(Path(__file__).parents[2])}


@dataclass(frozen=True)
class Retrained:
    """How a retraining ended: the version that it published, or the gate's reasons against it."""

    version: int | None
    reasons: tuple[str, ...]


class Client:
    """One connection to a service; questions go out one after the other, so that a run can be repeated.

    Args:
        port: On this machine.
    """

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection(HOST, port, timeout=60)

    def post(self, path: str, document: object) -> Any:
        """The answer to a JSON document.

        Raises:
            RuntimeError: If it is refused.
        """
        self._connection.request("POST", path, orjson.dumps(document), {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise RuntimeError(
                f"POST {path}: expected 200, got {answer.status}: {body.decode(errors='replace')[:500]}"
            )
        return orjson.loads(body)

    def wait_for(self, version: int) -> None:
        """Return once this version answers.

        Raises:
            RuntimeError: If it never does.
        """
        until = time.monotonic() + CHAMPION_WITHIN_S
        while (answered := self.post("/api/v1/score", {"rows": [{}]})["version"]) != version:
            if time.monotonic() > until:
                raise RuntimeError(f"expected version {version} to answer, version {answered} still does")
            time.sleep(0.05)

    def close(self) -> None:
        """Hang up; the next question calls again. A service ends a connection that nobody uses for long."""
        self._connection.close()
