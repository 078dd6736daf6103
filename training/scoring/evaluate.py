"""A published version judged on a labelled log: a file comes in, a `Report` goes out to ``axon evaluate``."""

from datetime import datetime
from pathlib import Path

from registry.version import Version
from training.config import TaskConfig
from training.errors import DataError
from training.export.stored_task import output_for
from training.export.version import code_version
from training.judge import texts_of, users_of
from training.log.quarantine import Quarantine
from training.log.split import moment
from training.metrics import all_metrics
from training.progress import Progress, Stopwatch
from training.report.html import render_html
from training.report.report import Curves, DataSummary, Period, Report, TargetReport, build_slice
from training.run import RunDirectory
from training.scoring.scoring import PredictedLog, Scorer, predict_log
from training.targets import PROBABILITY


def evaluate_log(  # noqa: PLR0913  # each is one thing that an evaluation needs
    config: TaskConfig,
    version: Version,
    root: Path,
    *,
    log: Path,
    stream: bool = False,
    runs: Path,
    now: datetime,
    progress: Progress,
) -> tuple[Report, Path]:
    """Judge a published version on a labelled log; the report is also written into a run directory.

    Raises:
        DataError: If the log cannot be used.
    """
    output, doubts = _answer_for(config, version)
    run = RunDirectory.create(runs, f"{config.name}-evaluation", now=now)
    watch = Stopwatch()
    with Quarantine(run.quarantine, config.data.max_bad_rows) as quarantine, watch.stage("scoring"):
        predicted = predict_log(
            config,
            Scorer.open(config, version, stream=stream),
            root,
            log=log,
            output=output,
            quarantine=quarantine,
            progress=progress,
        )
    manifest = version.manifest()
    segments = {column: texts_of(predicted.kept[column]) for column in config.report.segments}
    metrics, by_segment = build_slice(
        predicted.clicked,
        predicted.probabilities,
        users_of(config, predicted.kept),
        segments,
        config.report.max_values,
    )
    rows = len(predicted.clicked)
    report = Report(
        name=version.name,
        family=manifest.family,
        created_at=now,
        code_version=code_version(),
        seed=config.training.seed,
        notes=(*doubts, *predicted.notes, *_seen_before(version, predicted)),
        slice="log",
        data=DataSummary(
            impressions_read=rows + predicted.bad_rows,
            bad_rows=predicted.bad_rows,
            slices={
                "log": Period(
                    impressions=rows, first=moment(predicted.first_ms), last=moment(predicted.last_ms)
                )
            },
        ),
        metrics=metrics,
        segments=by_segment,
        curves=Curves.of(predicted.clicked, predicted.probabilities),
        targets=_targets_of(config, predicted),
        seconds=watch.seconds,
    )
    run.write("report.json", report.model_dump_json(indent=1))
    run.write("report.html", render_html(report))
    run.drop_work()
    return report, run.path


def _answer_for(config: TaskConfig, version: Version) -> tuple[str, tuple[str, ...]]:
    """The version's answer that is judged by the task's first label, and what to know if it is about something else."""
    try:
        return output_for(version, config), ()
    except DataError as error:
        return PROBABILITY, (f"{error}: its probability is judged by that",)


def _seen_before(version: Version, predicted: PredictedLog) -> tuple[str, ...]:
    """What to know if the version may have learned from a part of the log."""
    until, first = version.manifest().last_impression_at, moment(predicted.first_ms)
    if until is None or first is None or first > until:
        return ()
    return (
        f"{version} learned from impressions up to {until:%Y-%m-%d %H:%M} UTC, and this log begins before that: the figures "
        "flatter it where they are of the same impressions. Ask it about later ones.",
    )


def _targets_of(config: TaskConfig, predicted: PredictedLog) -> dict[str, TargetReport]:
    """Every target of a labelled log, where the model has several."""
    users = users_of(config, predicted.kept)
    reports = {}
    for target in config.all_targets() if predicted.targets else ():
        happened, probabilities = predicted.targets[target.name]
        reports[target.name] = TargetReport(
            label=target.label,
            after=target.after,
            metrics=all_metrics(happened, probabilities, users),
            curves=Curves.of(happened, probabilities),
        )
    return reports
