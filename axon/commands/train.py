"""``axon train``: from a log to a published version."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from axon.options import REGISTRY, RUNS, Config, DataRoot, Json, Quiet, Registry, Runs, screen


def train(
    config: Config,
    data_root: DataRoot = None,
    registry: Registry = REGISTRY,
    publish: Annotated[bool, typer.Option(help="Publish the version if the gate lets it pass.")] = True,
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=2**32 - 1, help="Of every random choice; the task file's by default."),
    ] = None,
    compare: Annotated[
        list[str] | None,
        typer.Option(
            help="Also train this model and judge it on the same impressions: a family, lightgbm, or all.",
            metavar="NAME",
        ),
    ] = None,
    runs: Runs = RUNS,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train on a log, report, check the export and publish it."""
    from axon.quiet import import_tensorflow
    from training.config import data_root as root_of
    from training.config import load_config

    out = screen(quiet=quiet, as_json=as_json)
    task = load_config(config).with_seed(seed).compared_with(compare or ())
    import_tensorflow()
    from registry.opening import open_registry
    from training.pipeline import Places
    from training.pipeline import train as run
    from training.report.advice import terminal_lines

    places = Places(
        data_root=root_of(task, config, data_root),
        runs=runs,
        registry=open_registry(registry) if publish else None,
    )
    outcome = run(task, places, now=datetime.now(UTC), progress=out.progress())
    out.comparison(f"{task.name}: {outcome.report.slice} slice", outcome.report)
    out.result(
        {
            "name": task.name,
            "version": outcome.version,
            "run": str(outcome.run),
            "report": outcome.report.model_dump(mode="json"),
        },
        [
            *terminal_lines(outcome.report),
            f"report    {outcome.run / 'report.html'}",
            f"published {task.name}:{outcome.version}"
            if outcome.version
            else f"bundle    {outcome.run / 'bundle'}",
        ],
    )
