"""Questions a compose project that is up, from outside: over HTTP and through Docker; exits 0 when every fact holds.

`.ci/run` calls it through the compose tool, which sets DOCKER_HOST and COMPOSE_PROJECT_NAME. Standard library only, because
it runs on the host.
"""

import http.client
import json
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

HOST, PORT = "127.0.0.1", int(os.environ.get("AXON_HOST_PORT", "8000"))
READY_WITHIN_SECONDS = 120
ABSENT_FROM_THE_SERVICE = ("training", "simulator", "polars", "matplotlib", "scipy", "pandas", "jinja2")
log = logging.getLogger("compose_test")


class FactError(Exception):
    """A fact does not hold; the text says what was expected and what came."""


def expect(fact: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as `expect(a == b, "...")`
    """Raises FactError with `otherwise` unless the fact holds."""
    if not fact:
        raise FactError(otherwise)


def docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    """One docker command, its exit status for the caller to judge."""
    executable = shutil.which("docker")
    if executable is None:
        raise FactError("expected the docker client on PATH; found none")
    return subprocess.run([executable, *arguments], capture_output=True, text=True, check=False, timeout=180)  # noqa: S603


def container(service: str) -> str:
    """Id of the project's one container for a service, running or ended."""
    project = os.environ.get("COMPOSE_PROJECT_NAME", Path(__file__).resolve().parent.parent.name.lower())
    labels = (f"label=com.docker.compose.project={project}", f"label=com.docker.compose.service={service}")
    ids = docker("ps", "--all", "--quiet", "--filter", labels[0], "--filter", labels[1]).stdout.split()
    expect(
        len(ids) == 1,
        f"expected one container of {project}'s {service}; found {len(ids)}: is the project up?",
    )
    return ids[0]


def inspect(service: str) -> dict[str, Any]:
    """What Docker knows about a service's container."""
    found: list[dict[str, Any]] = json.loads(docker("inspect", container(service)).stdout)
    return found[0]


def inside(*command: str) -> subprocess.CompletedProcess[str]:
    """A command run in the service's container as its own user."""
    return docker("exec", container("service"), *command)


def ask(method: str, path: str, body: object = None) -> tuple[int, str]:
    """Status and text of one HTTP exchange with the published port."""
    connection = http.client.HTTPConnection(HOST, PORT, timeout=30)
    try:
        text = None if body is None else json.dumps(body)
        headers = {"Content-Type": "application/json", "X-API-Key": os.environ.get("AXON_API_KEY", "")}
        connection.request(method, path, text, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def wait_until_ready() -> None:
    """The service becomes ready."""
    last = "no answer"
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while time.monotonic() < deadline:
        try:
            status, text = ask("GET", "/readyz")
        except (OSError, http.client.HTTPException) as error:
            last = repr(error)
        else:
            if status == 200:
                return
            last = f"{status} {text}"
        time.sleep(0.5)
    raise FactError(f"expected /readyz to answer 200 within {READY_WITHIN_SECONDS} s; last came {last}")


def documented_example() -> object:
    """The score request that the service's own OpenAPI document shows."""
    status, text = ask("GET", "/openapi.json")
    expect(status == 200, f"expected /openapi.json to answer 200; came {status} {text[:200]}")
    content = json.loads(text)["paths"]["/api/v1/score"]["post"]["requestBody"]["content"]["application/json"]
    return content["example"]


def score_the_example() -> dict[str, Any]:
    """The service's answer to its own documented example."""
    status, text = ask("POST", "/api/v1/score", documented_example())
    expect(
        status == 200, f"expected the documented example to be scored with 200; came {status} {text[:500]}"
    )
    answer: dict[str, Any] = json.loads(text)
    return answer


def trainer_ended() -> None:
    """The trainer has exited with 0."""
    state = inspect("trainer")["State"]
    expect(
        (state["Status"], state["ExitCode"]) == ("exited", 0),
        f"expected the trainer to have exited with 0; its state is {state}",
    )


def service_is_healthy() -> None:
    """The health check says healthy."""
    health = inspect("service")["State"]["Health"]["Status"]
    expect(health == "healthy", f"expected the health check to say healthy; it says {health}")


def example_is_scored() -> None:
    """The documented example is answered with one probability for each row."""
    answer, rows = score_the_example(), documented_example()["rows"]  # type: ignore[index]
    probabilities = answer["probabilities"]
    expect(
        len(probabilities) == len(rows),
        f"expected {len(rows)} probabilities, one for each row; came {answer}",
    )
    expect(
        all(0 < probability < 1 for probability in probabilities),
        f"expected probabilities in (0, 1); came {answer}",
    )
    expect(answer["version"] == 1, f"expected the trainer's version 1; came {answer}")


def documentation_is_complete() -> None:
    """The documentation page loads everything from the service itself."""
    status, page = ask("GET", "/docs")
    expect(status == 200, f"expected /docs to answer 200; came {status}")
    expect(
        'src="http' not in page and 'href="http' not in page,
        "expected /docs to load everything from the service itself",
    )


def metrics_are_shown() -> None:
    """The metrics come in the text that Prometheus reads."""
    status, text = ask("GET", "/metrics")
    expect(
        status == 200 and "# TYPE" in text,
        f"expected /metrics to answer 200 with typed metrics; came {status} {text[:200]}",
    )


def port_is_local() -> None:
    """The port is bound to this machine only."""
    bindings = inspect("service")["NetworkSettings"]["Ports"]
    addresses = {binding["HostIp"] for port in bindings.values() for binding in port or []}
    expect(addresses == {HOST}, f"expected ports bound to {HOST} only; found {bindings}")


def users_are_unprivileged() -> None:
    """Neither container runs as root."""
    for service in ("trainer", "service"):
        user = inspect(service)["Config"]["User"]
        expect(user == "10001:10001", f"expected {service} to run as 10001:10001; it runs as {user!r}")
    uid = inside("id", "-u").stdout.strip()
    expect(uid == "10001", f"expected uid 10001 in the service; found {uid!r}")


def roots_are_read_only() -> None:
    """Root file systems and the service's models are read-only."""
    for service in ("trainer", "service"):
        expect(
            inspect(service)["HostConfig"]["ReadonlyRootfs"],
            f"expected a read-only root file system in {service}",
        )
    for path in ("/app/scratch", "/usr/local/scratch", "/models/scratch"):
        tried = inside("touch", path)
        expect(
            "Read-only file system" in tried.stderr, f"expected writing {path} to be refused; came {tried}"
        )


def privileges_are_dropped() -> None:
    """The service has no capability and cannot gain any."""
    status = inside("cat", "/proc/1/status").stdout
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    expect(int(facts["CapEff"], 16) == 0, f"expected no capabilities; found {facts['CapEff']}")
    expect(facts["NoNewPrivs"] == "1", "expected the service to be unable to gain privileges")


def resources_are_limited() -> None:
    """Memory and CPUs are limited."""
    for service, gigabytes in (("trainer", 4), ("service", 2)):
        limits = inspect(service)["HostConfig"]
        found = (limits["Memory"], limits["NanoCpus"])
        expect(
            found == (gigabytes * 2**30, 2 * 10**9),
            f"expected {gigabytes} GB and 2 CPUs for {service}; found {found}",
        )


def serving_image_is_lean() -> None:
    """The serving image carries nothing of training, dataframes or plotting."""
    code = "import sys; from importlib.util import find_spec; print(*[name for name in sys.argv[1:] if find_spec(name)])"
    found = inside("python", "-c", code, *ABSENT_FROM_THE_SERVICE)
    expect(
        (found.returncode, found.stdout.strip()) == (0, ""),
        f"expected none of {ABSENT_FROM_THE_SERVICE}; came {found}",
    )


def trainer_starts_again() -> None:
    """A second start of the trainer changes nothing."""
    again = docker("start", "--attach", container("trainer"))
    expect(again.returncode == 0, f"expected the trainer to exit with 0 again; came {again}")
    expect(
        "a version stands already" in again.stdout,
        f"expected the trainer to leave the version alone; it said {again.stdout}",
    )


def service_stops_and_returns() -> None:
    """The service stops gracefully and comes back with the same answers."""
    before = score_the_example()
    docker("stop", "--time", "30", container("service"))
    code = inspect("service")["State"]["ExitCode"]
    expect(code == 0, f"expected exit code 0 after docker stop; came {code}")
    docker("start", container("service"))
    wait_until_ready()
    after = score_the_example()
    expect(after == before, f"expected the same answers after a restart; came {after} instead of {before}")


FACTS: tuple[Callable[[], None], ...] = (
    trainer_ended,
    wait_until_ready,
    service_is_healthy,
    example_is_scored,
    documentation_is_complete,
    metrics_are_shown,
    port_is_local,
    users_are_unprivileged,
    roots_are_read_only,
    privileges_are_dropped,
    resources_are_limited,
    serving_image_is_lean,
    trainer_starts_again,
    service_stops_and_returns,
)


def check(facts: Sequence[Callable[[], None]]) -> int:
    """Checks every fact, says which hold, and returns 0 when all do, else 1."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    failed = 0
    for fact in facts:
        began = time.monotonic()
        try:
            fact()
        except FactError as reason:
            failed += 1
            log.info("FAILED   %s %s", fact.__doc__, reason)
        else:
            log.info("%5.1f s  %s", time.monotonic() - began, fact.__doc__)
    log.info("%d passed, %d failed", len(facts) - failed, failed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(check(FACTS))
