"""One scheduled run: a task and a cut in time come in, a published version, or the reason against it, goes out.

`axon retrain` calls it, once by itself or again and again through `training.retraining.loop`. A run writes how it ended into its
directory and into the file that the loop reads.
"""

from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

from registry.errors import RegistryError
from registry.outcomes import Outcome
from registry.registry import Registry
from training.config import TaskConfig, as_yaml
from training.errors import ConfigError, DriftError, GateClosedError
from training.pipeline import Places, RunResult, train_in
from training.progress import Progress
from training.retraining.gather import Retraining
from training.retraining.joined_log import JoinedLog
from training.retraining.retrain_state import Ending, RetrainState, RunOutcome, alone, state_path
from training.retraining.run_log import RUN_LOG, RunLog
from training.run import RunDirectory, runs_of, started_at


def retrain(
    config: TaskConfig, places: Places, *, until: datetime | None, now: datetime, progress: Progress
) -> RunResult:
    """Train on the log up to a cut, and publish if the gate lets it pass.

    Args:
        config: The task.
        places: Where everything is.
        until: Impressions from here on are left out; None: now less ``retrain.attribution``.
        now: The time of the run.
        progress: Told about every stage.

    Raises:
        BusyError: If another run of the same task is not done yet.
        TrainingError: If anything refuses the run; nothing is published then.
        RegistryError: If the version cannot be written.
    """
    joined = JoinedLog(places.runs / f"{config.name}.joined", now) if config.retrain.join.decisions else None
    retraining = Retraining(cut_of(config, until, now), joined)
    with alone(places.runs, config.name, "run"):
        _write_down_killed(places, config.name, progress)
        run = RunDirectory.create(places.runs, config.name, now=now)
        run.write("axon.yaml", as_yaml(config))
        log = RunLog(run.path / RUN_LOG, progress)
        with _Record(run, places, config.name, log, retraining.until) as record:
            outcome = train_in(run, config, places, now=now, progress=log, retraining=retraining)
            record.version = outcome.version
        return outcome


def cut_of(config: TaskConfig, until: datetime | None, now: datetime) -> datetime | None:
    """From when on impressions are left out; None for a log without a clock.

    Raises:
        ConfigError: If a cut is asked of a log without a clock.
    """
    if config.data.time is None:
        if until is not None:
            raise ConfigError(
                "--until: expected a log with data.time, got one without a clock; leave --until out"
            )
        return None
    return until or now - timedelta(milliseconds=config.retrain.attribution_ms)


_OUTCOME = "outcome.json"


def _write_down_killed(places: Places, name: str, progress: Progress) -> None:
    """Say of earlier runs that were killed how they ended; nobody else is at work, so whoever has not said it never will."""
    for path in runs_of(places.runs, name):
        lines = path / RUN_LOG
        if not lines.exists() or (path / _OUTCOME).exists():
            continue
        outcome = RunOutcome(
            outcome="failed",
            run=path.name,
            started_at=started_at(path, name),
            ended_at=datetime.fromtimestamp(lines.stat().st_mtime, UTC),
            until=None,
            reasons=(f"it was killed, or could not write how it ended: {RUN_LOG} says how far it came",),
        )
        RunDirectory(path).write(_OUTCOME, outcome.model_dump_json(indent=1))
        _note(places.registry, name, outcome, RunLog(lines, progress))


class _Record:
    """Writes down how the block ends, whatever ends it, and lets the error go on.

    The registry keeps the outcome too, under the name of the model, for whoever watches the service.
    """

    def __init__(
        self, run: RunDirectory, places: Places, name: str, log: RunLog, until: datetime | None
    ) -> None:
        self.version: int | None = None
        self._run, self._places, self._name, self._log, self._until = run, places, name, log, until
        self._started = datetime.now(UTC)

    def __enter__(self) -> Self:
        self._log.line("started")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        outcome = RunOutcome(
            outcome=_ending(error),
            run=self._run.path.name,
            started_at=self._started,
            ended_at=datetime.now(UTC),
            until=self._until,
            version=self.version,
            reasons=_reasons(error),
        )
        self._run.write(_OUTCOME, outcome.model_dump_json(indent=1))
        path = state_path(self._places.runs, self._name)
        RetrainState.read(path).model_copy(update={"last": outcome}).write(path)
        self._log.line(outcome.outcome, version=self.version, reasons=outcome.reasons)
        _note(self._places.registry, self._name, outcome, self._log)


def _note(registry: Registry | None, name: str, outcome: RunOutcome, log: RunLog) -> None:
    if registry is None:
        return
    ended = Outcome(
        at=outcome.ended_at,
        ending=outcome.outcome,
        run=outcome.run,
        version=outcome.version,
        reasons=outcome.reasons,
    )
    try:
        registry.note_outcome(name, ended)
    except (OSError, RegistryError) as error:
        # Whoever watches learns it later or not at all; the run itself is over, and so is its verdict.
        log.line("unnoted", reason=str(error))


def _ending(error: BaseException | None) -> Ending:
    match error:
        case None:
            return "published"
        case GateClosedError():
            return "refused"
        case DriftError():
            return "drifted"
        case KeyboardInterrupt() | SystemExit():
            return "stopped"
        case _:
            return "failed"


def _reasons(error: BaseException | None) -> tuple[str, ...]:
    if isinstance(error, GateClosedError | DriftError):
        return error.reasons
    return () if error is None else (f"{type(error).__name__}: {error}",)
