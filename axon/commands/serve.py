"""``axon serve``: the HTTP service."""

from pathlib import Path
from typing import Annotated

import typer


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(serve)


def serve(
    registry: Annotated[Path | None, typer.Option(help="Directory of published models.")] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; this machine only by default.")
    ] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on.")] = None,
    model: Annotated[
        str | None, typer.Option(help="NAME[:VERSION|@ALIAS]; the only model by default.")
    ] = None,
) -> None:
    """Answer score requests over HTTP; settings also come from environment variables with the prefix AXON_."""
    from service.run import serve as run
    from service.settings import ServiceSettings

    given = {"registry": registry, "host": host, "port": port, "model": model}
    run(ServiceSettings(**{name: value for name, value in given.items() if value is not None}))
