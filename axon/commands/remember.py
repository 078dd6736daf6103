"""``axon remember``: feed a live history from decisions and feedback, once or for as long as it runs."""

import signal
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from axon.options import REGISTRY, Config, Json, Quiet, Registry, milliseconds, screen

if TYPE_CHECKING:
    from training.config import TaskConfig
    from training.remembering import Remembered

HistoryStore = Annotated[
    str,
    typer.Option(
        "--history",
        help="The store to feed: sqlite:PATH or redis://HOST:PORT/NUMBER, as the service has it.",
        envvar="AXON_HISTORY",
        show_default=False,
    ),
]
Decisions = Annotated[
    str | None,
    typer.Option(
        help="Where the service keeps decisions and feedback, file:DIR or redis://HOST:PORT/NUMBER; by default the task "
        "file's retrain.join.decisions.",
        envvar="AXON_DECISIONS",
        show_default=False,
    ),
]
Every = Annotated[
    str | None, typer.Option(help="Go on until SIGTERM, looking so often, such as 10s.", metavar="DURATION")
]
Grace = Annotated[
    str, typer.Option(help="Wait so much longer, for events that are on their way.", metavar="DURATION")
]
Within = Annotated[
    str,
    typer.Option(
        "--shown-within",
        help="How long after its answer an item may be shown; then its decision is forgotten.",
        metavar="DURATION",
    ),
]
SeedAgain = Annotated[
    bool,
    typer.Option(
        "--seed-again",
        help="Empty the store first, and fill it anew from the champion's snapshot and the journals since.",
    ),
]


def remember(
    config: Config,
    history: HistoryStore,
    decisions: Decisions = None,
    every: Every = None,
    grace: Grace = "5s",
    within: Within = "1h",
    seed_again: SeedAgain = False,
    registry: Registry = REGISTRY,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Count what was shown and clicked into the history that the service looks at."""
    # A container is stopped with SIGTERM: end like on Ctrl+C, with everything tidied up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    from registry.opening import open_registry
    from training.config import load_config
    from training.remembering import Remembering, Sources, keep_remembering
    from training.remembering.following import Patience

    task = load_config(config)
    every_s = None if every is None else milliseconds(every, "--every") / 1000
    patience = Patience(milliseconds(within, "--shown-within"), milliseconds(grace, "--grace"))
    sources = Sources(history, _journals(task, decisions), open_registry(registry))
    remembering = Remembering(task, sources, patience, seed_again=seed_again)
    out = screen(quiet=quiet, as_json=as_json)

    def tell(told: "Remembered") -> None:
        out.result(asdict(told), [_line(task.name, told)])
        sys.stdout.flush()

    try:
        if every_s is None:
            tell(remembering.step(time.time_ns() // 1_000_000))
        else:
            keep_remembering(remembering, every_s, tell, _warn)
    finally:
        remembering.close()


def _warn(text: str) -> None:
    sys.stderr.write(f"axon: {text}\n")
    sys.stderr.flush()


def _journals(task: "TaskConfig", decisions: str | None) -> str:
    address = decisions or task.retrain.join.decisions
    if address is None:
        raise typer.BadParameter(
            "expected where the service keeps decisions, such as file:decisions, here or as retrain.join.decisions in the "
            "task file",
            param_hint="--decisions",
        )
    return address


def _line(name: str, told: "Remembered") -> str:
    counts = {
        "records from the snapshot": told.seeded,
        "impressions": told.impressions,
        "clicked": told.clicked,
        "too late": told.late,
        "not described": told.undescribed,
        "unreadable": told.unreadable,
    }
    said = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count or what == "impressions")
    return f"{name}: {said}; up to {datetime.fromtimestamp(told.shown_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
