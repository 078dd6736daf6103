"""``make bench-serving``, or ``python -m benchmarks.serving [--quick]``: everybody measured beside everybody, in one run.

``--overload`` prints a minute of the overload by large bodies alone, of two workers.

Writes ``docs/benchmarks/serving.json`` and ``serving.svg``; docs/benchmarks/serving.md explains them.
"""

import argparse
import json
import resource
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from benchmarks.serving import plans, reference, stress, worlds
from benchmarks.serving.answers import differences
from benchmarks.serving.bodies import S1, S2, S3, SHAPES, Shape, write_bodies
from benchmarks.serving.closed_loop import closed_loop
from benchmarks.serving.pictures import picture
from benchmarks.serving.processes import Server, running
from benchmarks.serving.ratios import Found, Weight
from benchmarks.serving.rounds import ALL, ASKED, CHECK, Loads, measure
from benchmarks.serving.tables import document, show, show_validity, summary


@dataclass(frozen=True)
class Effort:
    """How long everything takes; seconds, but for the rounds and the requests."""

    rounds: int
    window: int
    steady: int
    steady_shapes: tuple[Shape, ...]
    overload: int
    soak_requests: int
    everything: bool


WHOLE = Effort(
    rounds=2,
    window=2,
    steady=20,
    steady_shapes=(S1, S2, S3),
    overload=60,
    soak_requests=100_000,
    everything=True,
)
QUICK = Effort(
    rounds=1, window=2, steady=8, steady_shapes=(S2,), overload=8, soak_requests=20_000, everything=False
)


def main() -> None:
    """One run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="fewer rounds, shorter windows, only what is asked for"
    )
    parser.add_argument("--overload", action="store_true", help="nothing but the overload by large bodies")
    parser.add_argument("--data", type=Path, help="directory of KuaiRand's tables; the example's by default")
    parser.add_argument("--work", type=Path, default=Path("data/serving"), help="for models, bodies and logs")
    parser.add_argument(
        "--out", type=Path, default=Path("docs/benchmarks"), help="for the JSON and the picture"
    )
    parser.add_argument("--only", nargs="*", default=[], help="servers whose names hold one of these words")
    asked = parser.parse_args()
    # Servers and generators inherit it: a crowd has more connections than the usual limit of open files.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # Ended from outside, it still stops its servers: frozen ones would stay for ever.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    work = asked.work.resolve()
    if asked.overload:
        print(json.dumps(asdict(overload(worlds.kuairand(work, asked.data), work)), indent=1))
        return
    effort = QUICK if asked.quick else WHOLE
    console = Console(width=150)
    found = Found(check=check(work, effort))
    show_validity(found, console)
    world = worlds.kuairand(work, asked.data)
    compare(world, work, effort, found, asked.only)
    show(found, console)
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "serving.json").write_text(json.dumps(document(found), indent=1) + "\n", encoding="utf-8")
    (asked.out / "serving.svg").write_text(picture(found.loads), encoding="utf-8")


def overload(world: worlds.World, work: Path) -> stress.Stress:
    """What a whole run does last to the fastest of ours at S3, with nobody beside it."""
    bodies = write_bodies(world, S3, work / "bodies")
    plan = plans.axon(world, work, plans.TWO_WORKERS, "onnx", "--workers", "2")
    with running([plan], work / "logs") as (server,):
        server.thaw()
        closed_loop(server.url(S3), bodies, connections=8, seconds=stress.PEAK_S)  # warm-up
        return stress.at_rate(
            server, S3, bodies, connections=8, times=stress.TIMES_PEAK, seconds=WHOLE.overload
        )


def check(work: Path, effort: Effort) -> Loads:
    """The floor and the careful service with the reference network, which show whether the run is valid."""
    bodies = {shape: reference.write_bodies(shape, work / "bodies") for shape in CHECK}
    with running(plans.references(reference.network(work)), work / "logs") as servers:
        return measure(servers, bodies, CHECK, rounds=effort.rounds + 2, seconds=effort.window)


def compare(world: worlds.World, work: Path, effort: Effort, found: Found, only: list[str]) -> None:
    """Everybody with the model that is served."""
    bodies = {shape: write_bodies(world, shape, work / "bodies") for shape in SHAPES}
    there, absent = plans.peers(world)
    found.absent.extend(absent)
    everybody = [*plans.floors(world), *plans.ours(world, work), *there]
    chosen = [plan for plan in everybody if not only or any(word in plan.name for word in only)]
    with running([plan for plan in chosen if plan.by_id], work / "logs"):
        pass  # catalogs are imported once, and not while somebody's start is timed
    with running(chosen, work / "logs") as servers:
        found.absent.extend(sorted({plan.name for plan in chosen} - {server.plan.name for server in servers}))
        computing = [server for server in servers if "constant" not in server.plan.name]
        found.differences.extend(differences(computing, bodies))
        windows = ALL if effort.everything else ASKED
        found.loads.update(measure(servers, bodies, windows, rounds=effort.rounds, seconds=effort.window))
        for server in servers:
            found.weights[server.plan.name] = Weight(server.ready_s, server.resident_mb())
        press(servers, bodies, effort, found)


def press(servers: list[Server], bodies: dict[Shape, Path], effort: Effort, found: Found) -> None:
    """Fixed rates, overload and many requests, for the fastest of ours at each shape."""
    ours = [server for server in servers if server.plan.name in plans.OURS]
    if not ours:
        return
    peaks = {shape: max(peak(found.loads, server, shape) for server in ours) for shape in (S1, S2, S3)}

    def pressed(shape: Shape, times: float, seconds: int) -> stress.Stress:
        _, name, connections = peaks[shape]
        server = next(one for one in ours if one.plan.name == name)
        print(f"{name}, {shape.name}: {times:g} times the peak for {seconds} s", flush=True)
        return stress.at_rate(
            server, shape, bodies[shape], connections=connections, times=times, seconds=seconds
        )

    found.steady.extend(
        pressed(shape, times, effort.steady)
        for shape in effort.steady_shapes
        for times in stress.SHARES_OF_PEAK
    )
    found.overload.extend(pressed(shape, stress.TIMES_PEAK, effort.overload) for shape in (S3, S1))
    for server in ours:
        print(f"{server.plan.name}: {effort.soak_requests:,} requests", flush=True)
        found.soaks.append(stress.soak(server, S1, bodies[S1], requests=effort.soak_requests))


def peak(loads: Loads, server: Server, shape: Shape) -> tuple[float, str, int]:
    """The most requests per second that a server answered at a shape, its name, and how many clients it took."""
    name = server.plan.name
    seen = {cell.connections: seen for cell, seen in loads.items() if cell[:2] == (name, shape.name)}
    rates = [(float(summary(of)["rate"]), name, connections) for connections, of in seen.items()]
    return max(rates, default=(0.0, name, 8))


if __name__ == "__main__":
    main()
