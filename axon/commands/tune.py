"""``axon tune``: a better task file, searched around the one there is."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from axon.options import RUNS, Config, DataRoot, Json, Quiet, Runs, milliseconds, screen

if TYPE_CHECKING:
    from axon.console import Screen
    from training.tune import Tuned

SHOWN = 10
"""Trials in the table; `trials.csv` has all of them."""

BUDGET = "30m"


class Sampler(StrEnum):
    """Who proposes the next trial."""

    TPE = "tpe"
    RANDOM = "random"
    ANNEALING = "annealing"


def tune(
    config: Config,
    budget: Annotated[
        str | None,
        typer.Option(help=f"Time for everything, such as 30m or 2h; {BUDGET} where --trials is not given."),
    ] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Trials in all, those of an interrupted search included.")
    ] = None,
    sampler: Annotated[Sampler, typer.Option(help="Who proposes the next trial.")] = Sampler.TPE,
    families: Annotated[
        str | None,
        typer.Option(help="Families to try beside the task file's own, such as mlp,deepfm; all by default."),
    ] = None,
    confirm: Annotated[
        int, typer.Option(min=0, help="Best trials that are trained again with another seed before one wins.")
    ] = 3,
    output: Annotated[Path, typer.Option("-o", "--output", help="The task file of the winner.")] = Path(
        "tuned.yaml"
    ),
    force: Annotated[bool, typer.Option("--force", help="Replace an output that is there.")] = False,
    restart: Annotated[
        bool,
        typer.Option("--restart", help="Forget the earlier search in RUNS/tune-NAME; it goes on otherwise."),
    ] = False,
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=2**32 - 1, help="Of every random choice; the task file's by default."),
    ] = None,
    data_root: DataRoot = None,
    runs: Runs = RUNS,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Search for a better task file: try networks and settings, never looking at the test slice."""
    from axon.quiet import import_tensorflow

    import_tensorflow()
    from training.config import data_root as root_of
    from training.config import load_config, refuse_to_overwrite
    from training.tune import Limits, Wish, refuse_unwritable, write_winner
    from training.tune import tune as run

    wanted = budget or (None if trials else BUDGET)
    limits = Limits(trials=trials, budget_s=milliseconds(wanted, "--budget") / 1000 if wanted else None)
    out = screen(quiet=quiet, as_json=as_json)
    refuse_to_overwrite(output, force=force)
    task = load_config(config)
    root = root_of(task, config, data_root)
    refuse_unwritable(config, root, output)
    wish = Wish(
        families=tuple(name.strip() for name in families.split(",")) if families else (),
        sampler=sampler.value,
        limits=limits,
        confirm=confirm,
        restart=restart,
    )
    tuned = run(task.with_seed(seed), root, runs, wish, now=datetime.now(UTC), progress=out.progress())
    write_winner(tuned.result, config, root, output)
    _show(out, tuned, output)


def _show(out: "Screen", tuned: "Tuned", output: Path) -> None:
    result = tuned.result
    out.table(
        f"{result.name}: {len(result.trials)} trials, log loss on {result.rows['judge']:,} impressions",
        ["trial", "family", "log loss", "another seed", "differs from the task file in"],
        [
            [
                f"{trial.number}{' (as it stands)' if trial.number == result.first else ''}",
                trial.family,
                f"{trial.log_loss:.5f}" if trial.log_loss is not None else trial.without,
                f"{trial.confirmed:.5f}" if trial.confirmed is not None else "",
                trial.changed,
            ]
            for trial in result.trials[:SHOWN]
        ],
    )
    out.result(
        {
            "output": str(output),
            "run": str(tuned.run),
            "winner": result.winner.number,
            "result": result.model_dump(mode="json"),
        },
        [
            *([] if result.complete else ["stopped early: the same command with --force goes on"]),
            f"log loss {result.baseline.mean:.5f} as it stands, {result.winner.mean:.5f} tuned",
            f"page   {tuned.run / 'tune.html'}",
            f"winner {output}; next: axon train {output}",
        ],
    )
