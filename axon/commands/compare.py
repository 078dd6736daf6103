"""``axon compare``: versions that answered side by side, judged by what people did."""

from pathlib import Path
from typing import Annotated

import typer

from axon.options import Json, Quiet, screen


def compare(
    log: Annotated[Path, typer.Argument(help="Written by axon join.", show_default=False)],
    user: Annotated[str, typer.Option(help="Column that tells users apart.")] = "user_id",
    against: Annotated[
        int | None,
        typer.Option(min=1, help="Version that the others are held against; the one with most impressions."),
    ] = None,
    resamples: Annotated[int, typer.Option(min=10, help="How often users are redrawn.")] = 1000,
    confidence: Annotated[
        float, typer.Option(min=0.5, max=0.999, help="With which an interval holds its figure.")
    ] = 0.95,
    seed: Annotated[int, typer.Option(min=0, help="Of the redrawing.")] = 0,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Hold the versions of a joined log against each other: click rate, log loss, calibration and GAUC, with intervals."""
    from training.compare import compare as compared
    from training.compare import rows_of
    from training.gate.bootstrap import Resampling

    comparison = compared(log, user=user, against=against, how=Resampling(resamples, confidence, seed))
    out = screen(quiet=quiet, as_json=as_json)
    header, *rows = rows_of(comparison)
    out.table(f"{log}: held against version {comparison.against}, {confidence:.0%} intervals", header, rows)
    out.result(comparison.model_dump(mode="json"))
