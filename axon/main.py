"""The command ``axon``: each command in a file of its own, errors turned into exit codes here.

Exit codes: 0 done, 1 the run was refused (the reason is printed), 2 wrong usage.
"""

import os
import sys
from importlib.metadata import version
from typing import Annotated

import typer

ROOTS = {
    "features.errors": "FeatureError",
    "history.errors": "HistoryError",
    "journal.errors": "JournalError",
    "registry.errors": "RegistryError",
    "service.errors": "ServiceError",
    "simulator.errors": "SimulatorError",
    "training.errors": "TrainingError",
}
"""The root of each room's tree of errors; an installation need not have every room."""

app = typer.Typer(
    name="axon",
    help="Calibrated click probabilities behind an HTTP endpoint, from a click log.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _tell_version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"{version('axon-ctr')}\n")
        raise typer.Exit


@app.callback()
def _options(
    asked: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """What stands before a command."""


def main() -> None:
    """Run the command line."""
    # Before TensorFlow is imported anywhere: its start-up notes are not for our users.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    # Before ONNX Runtime is: from 1.29 on it tells its makers about every model that it loads, unless it is told not to.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    register()
    try:
        app()
    except Exception as error:
        if not isinstance(error, refusals()):
            raise
        sys.stderr.write(f"axon: {error}\n")
        sys.exit(1)


def refusals() -> tuple[type[BaseException], ...]:
    """Errors that are told in one line: ours, and what the operating system refuses."""
    loaded = [getattr(sys.modules[module], root) for module, root in ROOTS.items() if module in sys.modules]
    return (OSError, *loaded)


def register() -> None:
    """Add every command; their modules import nothing heavy at their top."""
    from axon.commands.compare import compare
    from axon.commands.data import check, simulate
    from axon.commands.init import init
    from axon.commands.join import join
    from axon.commands.models import demote, models, promote, prune, publish, rollback
    from axon.commands.remember import remember
    from axon.commands.retrain import retrain
    from axon.commands.scoring import evaluate, score
    from axon.commands.serve import serve
    from axon.commands.train import train
    from axon.commands.tune import tune

    logs = (init, simulate, check, join, compare)
    learning = (train, retrain, remember, tune, score, evaluate)
    serving = (models, publish, promote, demote, rollback, prune, serve)
    for command in (*logs, *learning, *serving):
        app.command()(command)
