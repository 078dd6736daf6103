"""``axon retrain``: train again on the newer log, once or on a schedule."""

import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from axon.options import REGISTRY, RUNS, Config, DataRoot, Json, Quiet, Registry, Runs, screen

if TYPE_CHECKING:
    from training.config import TaskConfig

Every = Annotated[
    str | None,
    typer.Option(
        help="Go on until SIGTERM, a run every so often, such as 1h; survives restarts.", metavar="DURATION"
    ),
]
Until = Annotated[
    str | None,
    typer.Option(
        help="Leave out impressions from this moment on, such as 2026-03-01T00:00:00Z; by default now less retrain.attribution.",
        metavar="MOMENT",
    ),
]


Decisions = Annotated[
    str | None,
    typer.Option(
        help="Where the service keeps decisions, file:DIR or redis://HOST:PORT/NUMBER, to be joined first; by default the task "
        "file's retrain.join.decisions."
    ),
]
Window = Annotated[
    str | None,
    typer.Option(
        help="How long after its impression a click counts; by default the task file's retrain.join.window.",
        metavar="DURATION",
    ),
]


def retrain(
    config: Config,
    every: Every = None,
    until: Until = None,
    decisions: Decisions = None,
    window: Window = None,
    data_root: DataRoot = None,
    registry: Registry = REGISTRY,
    runs: Runs = RUNS,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train on the log as it is now, and publish if the gate lets it pass against the champion."""
    from training.config import load_config

    task = _joining(load_config(config), decisions, window)
    if every is not None:
        if until is not None:
            raise typer.BadParameter("expected --every or --until, got both: a schedule has a cut of its own")
        _go_on(task, every, runs, quiet=quiet)
        return
    cut = _moment(until)
    # A container is stopped with SIGTERM: end like on Ctrl+C, with everything tidied up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    from axon.quiet import import_tensorflow

    import_tensorflow()
    from registry.opening import open_registry
    from training.config import data_root as root_of
    from training.pipeline import Places
    from training.retraining.retrain import retrain as run

    out = screen(quiet=quiet, as_json=as_json)
    places = Places(root_of(task, config, data_root), runs, open_registry(registry))
    outcome = run(task, places, until=cut, now=datetime.now(UTC), progress=out.progress())
    out.comparison(f"{task.name}: {outcome.report.slice} slice", outcome.report)
    out.result(
        {"name": task.name, "version": outcome.version, "run": str(outcome.run)},
        [f"report    {outcome.run / 'report.html'}", f"published {task.name}:{outcome.version}"],
    )


def _joining(task: "TaskConfig", decisions: str | None, window: str | None) -> "TaskConfig":
    """The task with the options of this command in the place of what its file says."""
    from pydantic import ValidationError

    from training.config import JoinConfig, TaskConfig

    given = {"decisions": decisions or None, "window": window or None}
    try:
        join = JoinConfig.model_validate(
            task.retrain.join.model_dump() | {key: value for key, value in given.items() if value is not None}
        )
    except ValidationError as error:
        raise typer.BadParameter(f"--window: {error.errors()[0]['msg']}") from error
    parts = {name: getattr(task, name) for name in TaskConfig.model_fields}
    try:
        return TaskConfig.model_validate(parts | {"retrain": task.retrain.model_copy(update={"join": join})})
    except ValidationError as error:
        raise typer.BadParameter(f"--decisions, --window: {error.errors()[0]['msg']}") from error


def _go_on(task: "TaskConfig", every: str, runs: Path, *, quiet: bool) -> None:
    from features.spec import milliseconds
    from training.retraining.loop import Rhythm, keep_retraining

    try:
        rhythm = Rhythm(milliseconds(every) / 1000, task.retrain.backoff_s)
    except ValueError as error:
        raise typer.BadParameter(f"--every: {error}") from error
    # The same command without --every: one run in a process of its own.
    arguments = [part for part in sys.argv[1:] if not part.startswith("--every=")]
    if "--every" in arguments:
        place = arguments.index("--every")
        del arguments[place : place + 2]
    command = [sys.executable, "-m", "axon", *arguments]
    keep_retraining(command, rhythm, runs, task.name, screen(quiet=quiet, as_json=False).say)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise typer.BadParameter(
            f"--until: expected a moment with its time zone such as 2026-03-01T00:00Z, got {text!r}"
        )
    return moment
