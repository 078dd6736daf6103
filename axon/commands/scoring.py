"""``axon score`` and ``axon evaluate``: whole files through a published version."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from axon.options import REGISTRY, RUNS, Config, DataRoot, Json, Model, Quiet, Registry, Runs, screen

if TYPE_CHECKING:
    from registry.version import Version

QuarantineFile = Annotated[
    Path | None, typer.Option("--quarantine", help="Where unreadable rows go; beside the output by default.")
]


Stream = Annotated[
    bool,
    typer.Option(
        "--stream",
        help="Replay labelled rows as they happened: each is scored from the history before it, then its outcome is fed in after "
        "the history.delay that the model learned with. Otherwise history is what it was at the end of training.",
    ),
]


def score(
    config: Config,
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="Rows, read like the log.", show_default=False)
    ],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", help=".csv, .tsv or .parquet; IN with a column probability.", show_default=False
        ),
    ],
    stream: Stream = False,
    model: Model = None,
    data_root: DataRoot = None,
    registry: Registry = REGISTRY,
    quarantine: QuarantineFile = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Add a click probability to every row of a file; a row that cannot be read gets none."""
    from training.config import data_root as root_of
    from training.config import load_config
    from training.log.quarantine import Quarantine

    out = screen(quiet=quiet, as_json=as_json)
    task = load_config(config)
    version = _version(registry, model or task.name)
    bad_rows = quarantine or target.with_name(f"{target.name}.quarantine.jsonl")
    from axon.quiet import import_tensorflow

    import_tensorflow()
    from training.scoring.scoring import Scorer, score_file

    with Quarantine(bad_rows, limit=1.0) as apart:
        scored = score_file(
            task,
            Scorer.open(task, version, stream=stream),
            root_of(task, config, data_root),
            source=source.absolute(),
            target=target,
            quarantine=apart,
            progress=out.progress(),
        )
    out.result(
        {
            "rows": scored.rows,
            "bad_rows": scored.bad_rows,
            "output": str(target),
            "quarantine": str(bad_rows) if scored.bad_rows else None,
            "model": version.name,
            "version": version.number,
            "notes": list(scored.notes),
        },
        [
            f"{scored.rows:,} rows scored by {version.name}:{version.number} -> {target}",
            *([f"{scored.bad_rows:,} rows could not be read: {bad_rows}"] if scored.bad_rows else []),
            *scored.notes,
        ],
    )


def evaluate(
    config: Config,
    log: Annotated[
        Path, typer.Argument(metavar="LOG", help="A labelled log, read like the task's.", show_default=False)
    ],
    stream: Stream = False,
    model: Model = None,
    data_root: DataRoot = None,
    registry: Registry = REGISTRY,
    runs: Runs = RUNS,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Judge a published version on a labelled log."""
    from training.config import data_root as root_of
    from training.config import load_config

    out = screen(quiet=quiet, as_json=as_json)
    task = load_config(config)
    version = _version(registry, model or task.name)
    from axon.quiet import import_tensorflow

    import_tensorflow()
    from training.scoring.evaluate import evaluate_log

    report, run = evaluate_log(
        task,
        version,
        root_of(task, config, data_root),
        log=log.absolute(),
        stream=stream,
        runs=runs,
        now=datetime.now(UTC),
        progress=out.progress(),
    )
    out.comparison(f"{version.name}:{version.number} on {log}", report)
    out.result(
        {
            "model": version.name,
            "version": version.number,
            "run": str(run),
            "report": report.model_dump(mode="json"),
        },
        [f"report {run / 'report.html'}", *report.notes],
    )


def _version(registry: str, text: str) -> "Version":
    """The published version that a command names, with its checksums verified."""
    from registry.manifest import verify
    from registry.opening import open_registry
    from registry.reference import ModelRef

    shelf = open_registry(registry)
    version = shelf.fetch(shelf.resolve(ModelRef.parse(text)))
    verify(version.directory)
    return version
