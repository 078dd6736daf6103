"""The story of a run, in order: read, split, learn the statistics, encode, fit, calibrate, judge, export, check, publish.

`train` holds no logic of its own; each step takes and returns a named thing from the file that bears its name.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from features.encoder import Encoder
from registry.manifest import EXTRA, PROFILE, write_manifest
from registry.registry import Registry
from registry.version import Version
from training.calibration import Chosen
from training.config import LINEAR, ModelConfig, TaskConfig, TrainingConfig, as_yaml
from training.encoding.encode import droppable_columns, raw_tensors
from training.encoding.slices import Slices
from training.encoding.store import EncodedStore
from training.errors import ConversionError, GateClosedError
from training.export.bundle_facts import bundle_facts
from training.export.export import BundleTexts, ServingModel, export
from training.export.onnx_check import checked_graphs, store
from training.export.onnx_export import Graphs
from training.export.parity import Answers, check_parity, in_batches, probabilities_of
from training.fitting.descent import FitStores
from training.fitting.fit import fit
from training.fitting.trained import TrainedModel
from training.fitting.warm_start import Start, start_of
from training.gate.again import JUDGES, keep_judges
from training.gate.challenge import challenged
from training.gate.champion import champion_of, champion_version
from training.gate.gate import gate_failures, gate_notes
from training.judge import Judge
from training.log.split import Slice
from training.models import family_of
from training.peers.peers import peer_trials
from training.prepare import Prepared, Rival, prepared
from training.progress import Progress, Stopwatch
from training.replay.replay import write_snapshot
from training.report.html import render_html
from training.report.report import Report
from training.report.study import Subject, studied
from training.report.target_reports import judge_targets
from training.retraining.gather import Gathering, Retraining
from training.run import RunDirectory
from training.whole import NOTE as REFITTED
from training.whole import JudgedModel, on_the_whole_log

WARMUP_ROWS = 8
"""Held-out impressions that travel with the export as warm-up requests."""


@dataclass(frozen=True)
class Places:
    """Where a run reads and writes; without a registry nothing is published."""

    data_root: Path
    runs: Path
    registry: Registry | None


@dataclass(frozen=True)
class RunResult:
    """What a run left behind: its report, its directory and the version it published."""

    report: Report
    run: Path
    version: int | None


def train(config: TaskConfig, places: Places, *, now: datetime, progress: Progress) -> RunResult:
    """Train, judge, export, check and publish.

    Raises:
        TrainingError: If anything refuses the run; nothing is published then.
        RegistryError: If the version cannot be written.
    """
    run = RunDirectory.create(places.runs, config.name, now=now)
    return train_in(run, config, places, now=now, progress=progress)


def train_in(  # each is one thing that a run needs
    run: RunDirectory,
    config: TaskConfig,
    places: Places,
    *,
    now: datetime,
    progress: Progress,
    retraining: Retraining | None = None,
) -> RunResult:
    """The same in a directory that is there already; a scheduled run cuts and checks its log.

    Raises:
        TrainingError: If anything refuses the run; nothing is published then.
        RegistryError: If the version cannot be written.
    """
    try:
        family_of(config.model)  # refused now rather than after the log was read
        return _train(config, places, run, retraining, now=now, progress=progress)
    finally:
        run.drop_work()


def _train(
    config: TaskConfig,
    places: Places,
    run: RunDirectory,
    retraining: Retraining | None,
    *,
    now: datetime,
    progress: Progress,
) -> RunResult:
    watch = Stopwatch()
    peer_trials(config)  # refused now rather than after the training
    version = champion_version(places.registry, config.name)
    rival = Rival(version, champion_of(version, config, places.data_root))
    sources = Gathering(places.data_root, run, rival.columns(config), version, retraining)
    data = prepared(config, sources, watch, progress)
    judge = Judge(config, data.slices, data.cuts.held_out)
    # A version that was refitted may have learned from what judges here; the one that was judged for it has not.
    start, notes = start_of(version and version.judged(), config, data.fitted)
    networks = _networks(config, data, judge, watch, progress, start)
    report = _judged(config, data, judge, networks, watch, progress, now=now)
    judged = judge_targets(judge, networks.models, networks.chosen)
    family = config.model.family
    changes = {
        "targets": judged.reports,
        "gate_reasons": gate_failures(report, config.gate),
        "notes": (
            *report.notes,
            *notes,
            *gate_notes(report, config.gate),
            *([REFITTED] if config.training.refit else []),
        ),
    }
    serving = ServingModel(
        data.encoder,
        networks.models[family].network,
        config.training.keep_rate,
        networks.chosen[family].calibration,
        judged.further,
    )
    held_out = data.slices.stores[data.cuts.held_out]
    if config.training.refit:
        before = JudgedModel(networks.models[family], serving, version)
        serving, held_out = on_the_whole_log(config, data, before, run, now=now, progress=progress)
    with progress.stage(
        "exporting and checking", unit="impressions", total=len(data.slices.held_out_sample)
    ) as bar:
        report = _export_and_check(serving, report.model_copy(update=changes), run, data, held_out)
        report = challenged(report, config, run.bundle, rival.champion, data)
        _write_report(report, run)
        bar.advance(len(data.slices.held_out_sample))
    (run.bundle / PROFILE).write_text(data.profile_json(whole=config.training.refit), encoding="utf-8")
    if data.counted is not None:
        write_snapshot(data.counted, run.bundle)
    fitted, whole = serving.encoder.fitted, config.training.refit
    facts = bundle_facts(config, fitted, data.log, data.slices, now=now, whole=whole)
    write_manifest(run.bundle, facts)
    try:
        return _publish(config, places, run, report, version)
    finally:
        if run.bundle.exists():
            keep_judges(data, run.path / JUDGES)


@dataclass(frozen=True)
class _Networks:
    """Every network of a run by its name in the report, and the calibration chosen for each."""

    models: dict[str, TrainedModel]
    chosen: dict[str, Chosen]


def _networks(  # each is one thing that training needs
    config: TaskConfig,
    data: Prepared,
    judge: Judge,
    watch: Stopwatch,
    progress: Progress,
    start: Start | None,
) -> _Networks:
    """The baseline and the task's own family, trained and calibrated."""
    models: dict[str, TrainedModel] = {}
    chosen: dict[str, Chosen] = {}
    asked = ((LINEAR, config.for_baseline(), None), (config.model, config.training, start))
    for model, how, first in asked:
        with watch.stage(f"training {model.family}"):
            trained = _fit(model, how, data.encoder, data.slices, progress, first)
        fitted_now = {model.family: trained, **trained.beside(model.family)}
        with watch.stage(f"calibrating {model.family}"):
            chosen |= {name: judge.calibrate(one) for name, one in fitted_now.items()}
        models |= fitted_now
    return _Networks(models, chosen)


def _judged(
    config: TaskConfig,
    data: Prepared,
    judge: Judge,
    networks: _Networks,
    watch: Stopwatch,
    progress: Progress,
    *,
    now: datetime,
) -> Report:
    """The report of the held-out slice, with what its studies found."""
    models, chosen = networks.models, networks.chosen
    with watch.stage("judging"):
        report = judge.report(
            models, chosen, ingested=data.log, seconds=watch.seconds, now=now, configuration=as_yaml(config)
        )
    subject = Subject(
        models,
        chosen,
        lambda model, how: _fit(model, how, data.encoder, data.slices, progress),
        data.log,
        data.cuts,
    )
    return studied(report, judge, subject, progress)


def _write_report(report: Report, run: RunDirectory) -> None:
    """The report with its verdict, beside the run and in the bundle, which is not sealed yet."""
    pages = {"report.json": report.model_dump_json(indent=1), "report.html": render_html(report)}
    for name, text in pages.items():
        run.write(name, text)
        (run.bundle / EXTRA / name).write_text(text, encoding="utf-8")


def _fit(
    model: ModelConfig,
    how: TrainingConfig,
    encoder: Encoder,
    slices: Slices,
    progress: Progress,
    start: Start | None = None,
) -> TrainedModel:
    train, validation = slices.stores[Slice.TRAIN], slices.stores[Slice.VALIDATION]
    return fit(model, how, FitStores(train, validation, droppable_columns(encoder), start), progress)


def _export_and_check(
    serving: ServingModel, report: Report, run: RunDirectory, data: Prepared, held_out: EncodedStore
) -> Report:
    """Write the bundle, then ask it in a fresh process what it says about held-out impressions, encoded as it learned them.

    The report that comes back says whether the bundle carries a second runtime.
    """
    sample = data.slices.held_out_sample
    graphs: Graphs = {}
    try:
        graphs = checked_graphs(serving, sample)
    except ConversionError as error:
        report = report.model_copy(update={"tensorflow_only": str(error)})
    texts = BundleTexts(report.model_dump_json(indent=1), render_html(report), report.configuration)
    run.write("report.json", texts.report_json)
    run.write("report.html", texts.report_html)
    run.write("axon.yaml", texts.task_yaml)
    export(serving, run.bundle, texts, sample[:WARMUP_ROWS])
    store(graphs, run.bundle)
    raw_inputs = serving.encoder.fitted.spec.raw_inputs()
    cached = np.concatenate([held_out.read(int(place), 1) for place in data.slices.sample_places])
    served = [serving.serve(raw_tensors(sample[batch], raw_inputs)) for batch in in_batches(len(sample))]
    trained = Answers(
        ids=np.ascontiguousarray(cached["ids"]),
        values=np.ascontiguousarray(cached["values"]),
        probabilities=np.concatenate([probabilities_of(answer) for answer in served]),
    )
    check_parity(run.bundle, sample, trained, run.work)
    return report


def _publish(
    config: TaskConfig, places: Places, run: RunDirectory, report: Report, judged_against: Version | None
) -> RunResult:
    if places.registry is None:
        return RunResult(report, run.path, version=None)
    if report.gate_reasons:
        raise GateClosedError([*report.gate_reasons, f"the bundle is kept in {run.bundle}"])
    _refuse_another_champion(places.registry, config.name, judged_against)
    version = places.registry.publish(run.bundle, config.name)
    run.drop_bundle()
    return RunResult(report, run.path, version.number)


def _refuse_another_champion(registry: Registry, name: str, judged_against: Version | None) -> None:
    """Somebody may have published while this run was at work: its verdict is about another champion, or none, then."""
    champion = champion_version(registry, name)
    if champion is not None and champion != judged_against:
        before = f"against version {judged_against.number}" if judged_against else "without a champion"
        raise GateClosedError(
            [f"judged {before}, but version {champion.number} became the champion meanwhile; run again"]
        )
