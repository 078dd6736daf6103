"""Questions a compose project that is up with `--profile remember`, from outside: exits 0 when the history is where the service looks.

`.ci/run` calls it through the compose tool, as it calls `compose_test.py`. Standard library only, because it runs on the host.
"""

import json
import os
import sys
import time

from compose_test import ask, check, container, docker, expect, inspect, wait_until_ready

FILLED_WITHIN_SECONDS = 60


def everything_runs() -> None:
    """Service, Redis and the one who counts run beside each other."""
    states = {name: inspect(name)["State"]["Status"] for name in ("service", "rememberer", "redis")}
    expect(set(states.values()) == {"running"}, f"expected all three to run; found {states}")


def history_is_filled() -> None:
    """The one who counts has put into Redis what the version knew when it was trained."""
    number = os.environ["AXON_HISTORY"].rpartition("/")[2]
    deadline = time.monotonic() + FILLED_WITHIN_SECONDS
    while "records from the snapshot" not in (said := docker("logs", container("rememberer")).stdout):
        expect(time.monotonic() < deadline, f"expected a filled history; the rememberer said {said[-1000:]}")
        time.sleep(1)
    counted = docker("exec", container("redis"), "redis-cli", "-n", number, "dbsize").stdout.strip()
    expect(int(counted or 0) > 1, f"expected records in database {number}; redis-cli counts {counted!r}")
    while "nobody has filled the store" in (said := ask("GET", "/healthz?verbose")[1]):
        expect(
            time.monotonic() < deadline, f"expected a service that sees the filled history; it says {said}"
        )
        time.sleep(1)


def service_looks_there() -> None:
    """A list is ranked with it; without the store nothing is, because the service does not pretend that nothing happened."""
    question = {
        "user": {"id": "u000001", "features": {"device": "phone"}},
        "context": {"time_ms": time.time_ns() // 1_000_000},
        "candidates": [{"id": "i00001", "features": {"category": "shoes"}}],
    }
    status, text = ask("POST", "/api/v1/rank", question)
    expect(status == 200, f"expected a ranked list; came {status} {text[:500]}")
    docker("pause", container("redis"))
    try:
        status, text = ask("POST", "/api/v1/rank", question)
    finally:
        docker("unpause", container("redis"))
    expect(
        (status, json.loads(text).get("type")) == (503, "/problems/history-unavailable"),
        f"expected 503 while Redis stands still; came {status} {text[:500]}",
    )


def containers_are_locked_down() -> None:
    """The one who counts does not run as root, write its root file system, or have a capability."""
    config, host = inspect("rememberer")["Config"], inspect("rememberer")["HostConfig"]
    expect(
        config["User"] not in {"", "0", "root"}, f"expected it not to run as root; found {config['User']!r}"
    )
    expect(
        (host["ReadonlyRootfs"], host["CapDrop"]) == (True, ["ALL"]),
        f"expected a read-only root and no capabilities; found {host['ReadonlyRootfs']}, {host['CapDrop']}",
    )


FACTS = (
    wait_until_ready,
    everything_runs,
    history_is_filled,
    service_looks_there,
    containers_are_locked_down,
)

if __name__ == "__main__":
    sys.exit(check(FACTS))
