"""Who is measured: a world comes in, the plans of all servers go out, and the names of those that are not installed."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.serving.processes import HOST, Plan
from benchmarks.serving.servers.questions import MODEL
from benchmarks.serving.worlds import World

ROOT = Path(__file__).parents[2]
PEERS = ROOT / ".venv-serving" / "bin"
"""Environment of Mosec, LitServe and BentoML, from requirements/serving-peers.lock."""

SERVERS = "benchmarks.serving.servers"
FLOOR, CAREFUL, MOSEC = "FastAPI, constant", "FastAPI, careful", "Mosec"
OURS_TF, OURS_ONNX = "Axon, TensorFlow", "Axon, ONNX"
TWO_WORKERS = "Axon, ONNX, two workers"
OURS = (OURS_TF, OURS_ONNX, TWO_WORKERS)
_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT)}


def floors(world: World) -> list[Plan]:
    """What the frameworks alone can do, and what careful people write."""
    environment = {MODEL: str(world.version.directory.resolve()), **_QUIET}
    return [
        Plan("bare ASGI, constant", _uvicorn("bare")),
        Plan(FLOOR, _uvicorn("floor")),
        Plan(CAREFUL, _uvicorn("careful"), environment),
    ]


def references(network: Path) -> list[Plan]:
    """The floor and the careful service with the reference network, all of whose requests are to score."""
    environment = {MODEL: str(network.resolve()), **_QUIET}
    return [
        Plan(FLOOR, _uvicorn("floor"), rank=Plan.score),
        Plan(CAREFUL, _uvicorn("reference"), environment, rank=Plan.score),
    ]


def ours(world: World, work: Path) -> list[Plan]:
    """Axon in both runtimes, and as two processes; each with a catalog of its own."""
    return [
        axon(world, work, OURS_TF, "tensorflow"),
        axon(world, work, OURS_ONNX, "onnx"),
        axon(world, work, TWO_WORKERS, "onnx", "--workers", "2"),
    ]


def peers(world: World) -> tuple[list[Plan], list[str]]:
    """The peers that are installed, and the names of those that are not."""
    environment = {MODEL: str(world.version.directory.resolve()), **_QUIET}
    all_of_them = {
        "mosec": Plan(MOSEC, _mosec, environment, "/", "/inference", "/inference"),
        "litserve": Plan("LitServe", _litserve, environment, "/health", "/predict", "/predict"),
        "bentoml": Plan("BentoML", _bentoml, environment, "/readyz", "/rank", "/rank"),
    }
    there = {module: _installed(module) for module in all_of_them}
    return (
        [plan for module, plan in all_of_them.items() if there[module]],
        [plan.name for module, plan in all_of_them.items() if not there[module]],
    )


def _uvicorn(module: str) -> Callable[[int], list[str]]:
    app = f"{SERVERS}.{module}:app"
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        app,
        "--host",
        HOST,
        "--no-access-log",
        "--log-level",
        "warning",
    ]
    return lambda port: [*command, "--port", str(port)]


def axon(world: World, work: Path, name: str, runtime: str, *options: str) -> Plan:
    """The real service with a catalog of its own under ``work``."""
    command = [str(Path(sys.executable).with_name("axon")), "serve", "--registry", str(world.registry)]
    command += ["--model", world.version.name, "--host", HOST, *options]
    items, users = world.catalog
    command += ["--catalog", str(items), "--users", str(users)]
    kept = work / f"{name}.sqlite".replace(" ", "-").replace(",", "")
    environment = {**_QUIET, "AXON_RUNTIME": runtime, "AXON_ENTITIES": f"sqlite:{kept}"}
    return Plan(name, lambda port: [*command, "--port", str(port)], environment, by_id=True)


def _mosec(port: int) -> list[str]:
    return [str(PEERS / "python"), "-m", f"{SERVERS}.mosec_server", "--address", HOST, "--port", str(port)]


def _litserve(port: int) -> list[str]:
    return [str(PEERS / "python"), "-m", f"{SERVERS}.litserve_server", str(port)]


def _bentoml(port: int) -> list[str]:
    app = f"{SERVERS}.bentoml_server:Ranker"
    return [str(PEERS / "python"), "-m", "bentoml", "serve", app, "--host", HOST, "--port", str(port)]


def _installed(module: str) -> bool:
    python = PEERS / "python"
    if not python.exists():
        return False
    asked = subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False)
    return asked.returncode == 0
