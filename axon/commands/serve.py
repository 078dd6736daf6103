"""``axon serve``: the HTTP service."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from service.models.live import LiveModel


def serve(
    registry: Annotated[
        str | None,
        typer.Option(help="Published models: a directory, or an address such as s3://BUCKET/PREFIX."),
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; this machine only by default.")
    ] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on.")] = None,
    model: Annotated[
        str | None, typer.Option(help="NAME[:VERSION|@ALIAS]; the only model by default.")
    ] = None,
    catalog: Annotated[
        Path | None, typer.Option(help="File of items to import: .parquet, .csv, .tsv, .jsonl.")
    ] = None,
    users: Annotated[Path | None, typer.Option(help="File of users to import, as for items.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that share the port; 1 by default.")
    ] = None,
    runtime: Annotated[
        str | None,
        typer.Option(
            metavar="auto|tensorflow|onnx",
            help="What computes; by default onnx where the version carries graphs for it.",
        ),
    ] = None,
) -> None:
    """Answer score requests over HTTP; settings also come from environment variables with the prefix AXON_."""
    from service.run import serve as run
    from service.settings import read_settings

    given: dict[str, Any] = {
        "registry": registry,
        "host": host,
        "port": port,
        "model": model,
        "catalog": catalog,
        "users": users,
        "runtime": runtime,
        "workers": workers,
    }
    options = {name: value for name, value in given.items() if value is not None}
    run(read_settings(options), on_live=_tell)


def _tell(address: str, live: "LiveModel") -> None:
    """What to open, and a request that works as printed."""
    from service.models.examples import example_rows

    body = json.dumps({"rows": example_rows(live.fitted)[:1]}, ensure_ascii=False).replace("'", "\\u0027")
    sys.stdout.write(
        f"\nserving {live.name}:{live.version}\n"
        f"  open   {address}/docs\n"
        f"  try    curl -s {address}/api/v1/score -H 'Content-Type: application/json' -d '{body}'\n\n"
    )
    sys.stdout.flush()
