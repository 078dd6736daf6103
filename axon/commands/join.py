"""``axon join``: decisions and feedback, made into a log that ``axon train`` reads."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from axon.options import Json, Quiet, milliseconds, screen


def join(
    out: Annotated[
        Path, typer.Argument(help="The log: .parquet, .csv or .jsonl; replaced.", show_default=False)
    ],
    decisions: Annotated[
        str, typer.Option(help="Where the service keeps decisions: file:DIR or redis://HOST:PORT/NUMBER.")
    ],
    window: Annotated[
        str, typer.Option(help="How long after its impression a click counts, such as 30m.")
    ] = "30m",
    until: Annotated[
        str | None,
        typer.Option(
            help="Impressions whose window is open at this time are left out; ISO 8601 or milliseconds, now by default."
        ),
    ] = None,
    since: Annotated[str | None, typer.Option(help="Impressions before this time are left out.")] = None,
    shown: Annotated[
        str,
        typer.Option(help="impressions: items with an impression event; answered: all that were answered."),
    ] = "impressions",
    positions: Annotated[
        int | None, typer.Option(min=1, help="With answered: only so many from the top were shown.")
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Label what was shown with what people did; what they may still do is no negative yet."""
    from training.join import JoinRules
    from training.join import join as labelled

    if shown not in {"impressions", "answered"}:
        raise typer.BadParameter(f"expected impressions or answered, got {shown!r}", param_hint="--shown")
    rules = JoinRules(
        window_ms=milliseconds(window, "--window"),
        until_ms=int(datetime.now(UTC).timestamp() * 1000) if until is None else _time(until, "--until"),
        since_ms=0 if since is None else _time(since, "--since"),
        shown="answered" if shown == "answered" else "impressions",
        positions=positions,
    )
    joined = labelled(decisions, rules, out)
    screen(quiet=quiet, as_json=as_json).result(asdict(joined), [*joined.lines(), f"log          {out}"])


def _time(text: str, option: str) -> int:
    from features.errors import UnreadableValueError
    from features.raw import time_from_text
    from features.spec import TimeColumn

    try:
        return time_from_text(TimeColumn(), text)
    except UnreadableValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error
