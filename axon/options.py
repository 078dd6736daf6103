"""The options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from axon.console import Mode, Screen

Config = Annotated[Path, typer.Argument(help="The task file.", metavar="CONFIG", show_default=False)]
DataRoot = Annotated[
    Path | None,
    typer.Option("--data-root", help="Directory of the data files; the task file's data.root by default."),
]
Registry = Annotated[
    str,
    typer.Option(
        "--registry",
        help="Published models: a directory, or an address such as s3://BUCKET/PREFIX.",
        envvar="AXON_REGISTRY",
    ),
]
Model = Annotated[
    str | None, typer.Option("--model", help="NAME[:VERSION|@ALIAS]; the task's champion by default.")
]
Runs = Annotated[Path, typer.Option("--runs", help="Directory of run directories.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print nothing but errors.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")]

REGISTRY = "models"
RUNS = Path("runs")


def milliseconds(text: str, option: str) -> int:
    """A duration that was given as an option.

    Raises:
        typer.BadParameter: If it is none.
    """
    from features.spec import milliseconds as read

    try:
        return read(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def screen(*, quiet: bool, as_json: bool) -> Screen:
    """Where a command prints."""
    if as_json:
        return Screen(Mode.JSON)
    return Screen(Mode.QUIET if quiet else Mode.HUMAN)
