"""Questions a compose project that is up with `--profile loop`, from outside: exits 0 when a rank, a click and a retrain move the version.

`.ci/run` calls it through the compose tool, as it calls `compose_test.py`. Standard library only, because it runs on the host.
"""

import json
import os
import random
import sys
import time
from typing import Any

from compose_test import (
    FactError,
    ask,
    check,
    container,
    docker,
    expect,
    inspect,
    port_is_local,
    wait_until_ready,
)

ASKED, SHOWN = 20, 5
RETRAINED_WITHIN_SECONDS = 420
rng = random.Random(5)  # noqa: S311  # which items are clicked is no secret
seen: dict[str, int] = {}
"""What one fact leaves for the next: the version that ranked, impressions and clicks that were sent."""


def everything_runs() -> None:
    """Service, retrainer and Redis run beside each other."""
    states = {name: inspect(name)["State"]["Status"] for name in ("service", "retrainer", "redis")}
    expect(set(states.values()) == {"running"}, f"expected all three to run; found {states}")


def nothing_of_tensorflow_serves() -> None:
    """Where the service was built for ONNX Runtime, its image has no TensorFlow."""
    if os.environ.get("AXON_RUNTIME") != "onnx":
        return
    code = "import importlib.util; print(importlib.util.find_spec('tensorflow'), importlib.util.find_spec('onnxruntime') is not None)"
    found = docker("exec", container("service"), "python", "-c", code)
    expect(
        found.stdout.split() == ["None", "True"],
        f"expected an image with ONNX Runtime and without TensorFlow; found {found.stdout}{found.stderr[-300:]}",
    )


def items_are_where_they_were_asked_to_be() -> None:
    """Where a Redis was named for items and users, it has them."""
    address = os.environ.get("AXON_ENTITIES", "")
    if not address.startswith("redis://"):
        return
    counted = docker("exec", container("redis"), "redis-cli", "-n", address.rpartition("/")[2], "dbsize")
    expect(
        counted.stdout.strip().isdigit() and int(counted.stdout) > 0,
        f"expected items and users in {address}; redis-cli counts {counted.stdout.strip()!r} {counted.stderr[-300:]}",
    )


def containers_are_locked_down() -> None:
    """Neither the retrainer nor Redis runs as root, writes its root file system, or has a capability."""
    for name in ("retrainer", "redis"):
        config, host = inspect(name)["Config"], inspect(name)["HostConfig"]
        expect(
            config["User"] not in {"", "0", "root"},
            f"expected {name} not to run as root; found {config['User']!r}",
        )
        expect(
            (host["ReadonlyRootfs"], host["CapDrop"]) == (True, ["ALL"]),
            f"expected a read-only root and no capabilities in {name}; found {host['ReadonlyRootfs']}, {host['CapDrop']}",
        )


def retrainer_reaches_nothing_outside() -> None:
    """The retrainer reaches Redis, and nothing beyond the project."""
    code = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3)"
    reached = docker("exec", container("retrainer"), "python", "-c", code, "redis", "6379")
    expect(reached.returncode == 0, f"expected the retrainer to reach Redis; came {reached.stderr[-300:]}")
    outside = docker("exec", container("retrainer"), "python", "-c", code, "1.1.1.1", "53")
    expect(outside.returncode != 0, "expected the retrainer to reach nothing outside the project; it did")


def feedback_is_acknowledged() -> None:
    """Lists are ranked, and what people saw and clicked of them is acknowledged."""
    clicks = 0
    for number in range(ASKED):
        answer = rank(number)
        seen["version"] = answer["version"]
        events, clicked = what_people_did(answer)
        clicks += clicked
        status, text = ask("POST", "/api/v1/feedback", {"events": events})
        told = json.loads(text)
        expect(
            (status, told.get("accepted")) == (200, len(events)),
            f"expected {len(events)} events to be accepted; came {status} {text[:300]}",
        )
    seen.update(impressions=ASKED * SHOWN, clicks=clicks)


def rank(number: int) -> dict[str, Any]:
    """The answer to one user's question about a few items of the catalog, now."""
    question = {
        "user": f"u{number:06d}",
        "context": {"time_ms": time.time_ns() // 1_000_000},
        "candidates": [f"i{item:05d}" for item in rng.sample(range(500), 20)],
        "k": SHOWN,
    }
    status, text = ask("POST", "/api/v1/rank", question)
    expect(status == 200, f"expected a ranked list; came {status} {text[:500]}")
    answer: dict[str, Any] = json.loads(text)
    return answer


def what_people_did(answer: dict[str, Any]) -> tuple[list[dict[str, Any]], int]:
    """Events of an answered list, all of whose items were shown, and how many of them were clicked."""
    clicked = [item for item in answer["items"] if rng.random() < item["probability"]] or answer["items"][:1]
    done = [("impression", item) for item in answer["items"]] + [("click", item) for item in clicked]
    events = [
        {
            "event_id": f"{answer['decision_id']}-{item['id']}-{kind}",
            "type": kind,
            "decision_id": answer["decision_id"],
            "item_id": item["id"],
        }
        for kind, item in done
    ]
    return events, len(clicked)


def runs_of_the_loop() -> list[dict[str, Any]]:
    """What the ended runs of the retrainer wrote down about their data and their outcome, the oldest first."""
    listed = docker("exec", container("retrainer"), "sh", "-c", "ls -d runs/shop-*/").stdout.split()
    runs = []
    for run in sorted(listed):
        read = docker("exec", container("retrainer"), "cat", f"{run}data.json", f"{run}outcome.json")
        if read.returncode == 0:  # else it is the trainer's, or one at work
            data, end = json.JSONDecoder().raw_decode(read.stdout)
            runs.append(data | json.loads(read.stdout[end:]))
    return runs


def retraining_learns_from_feedback() -> None:
    """A run reads every impression that was sent, once, and publishes what it learned."""
    deadline = time.monotonic() + RETRAINED_WITHIN_SECONDS
    told = (seen["impressions"], seen["clicks"])
    while time.monotonic() < deadline:
        clicks = 0
        for run in runs_of_the_loop():
            clicks += run["decisions"]["new"].get("clicked", 0)
            if run["decisions"]["impressions"] >= told[0] and run["outcome"] == "published":
                learned = (run["decisions"]["impressions"], clicks)
                expect(learned == told, f"expected {told} impressions and clicks in the log; found {learned}")
                seen["learned"] = run["version"]
                return
        time.sleep(2)
    said = docker("logs", "--tail", "40", container("retrainer"))
    raise FactError(
        f"expected a version with the feedback within {RETRAINED_WITHIN_SECONDS} s; the retrainer said "
        f"{said.stdout[-3000:]}{said.stderr[-3000:]}"
    )


def served_version_moves() -> None:
    """The service answers with the version that learned from the click, without having been restarted."""
    before = inspect("service")["State"]["StartedAt"]
    deadline = time.monotonic() + 60
    while (version := rank(0)["version"]) < seen["learned"]:
        expect(
            time.monotonic() < deadline, f"expected version {seen['learned']} to be served; it is {version}"
        )
        time.sleep(1)
    expect(version > seen["version"], f"expected a later version than {seen['version']}; it is {version}")
    expect(inspect("service")["State"]["StartedAt"] == before, "expected the service not to be restarted")


FACTS = (
    wait_until_ready,
    # At once, so that the first run of the retrainer has something to learn; the rest is asked while it works.
    feedback_is_acknowledged,
    everything_runs,
    nothing_of_tensorflow_serves,
    items_are_where_they_were_asked_to_be,
    port_is_local,
    containers_are_locked_down,
    retrainer_reaches_nothing_outside,
    retraining_learns_from_feedback,
    served_version_moves,
)

if __name__ == "__main__":
    sys.exit(check(FACTS))
