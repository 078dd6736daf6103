"""The story of a run, in order: read, split, learn the statistics, encode, fit, calibrate, judge, export, check, publish.

`train` holds no logic of its own; each step takes and returns a named thing from the file that bears its name.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import tensorflow as tf
import yaml

from features.encoder import Encoder
from features.fitted import FittedSpec
from features.spec import RawInput, RawKind, Side, TimeColumn
from history import History
from registry.local import LocalRegistry
from registry.manifest import BundleFacts, write_manifest
from training.calibration import Chosen
from training.config import ModelConfig, TaskConfig, TrainingConfig
from training.encode import droppable_columns, raw_tensors
from training.errors import ConversionError, GateClosedError
from training.evaluate import Judge, Stopwatch
from training.export import BundleTexts, ServingModel, export
from training.fit import fit
from training.gate import gate_failures
from training.html import render_html
from training.ingest import ingest
from training.models import family_of
from training.onnx_check import checked_graphs, store
from training.onnx_export import Graphs
from training.parity import Answers, check_parity, in_batches, probabilities_of
from training.past import replay_log, write_snapshot
from training.peers import peer_trials
from training.progress import Progress
from training.quarantine import Quarantine
from training.report import Report
from training.run import RunDirectory
from training.slices import Slices, encode_slices, fit_statistics
from training.split import Slice, cuts_of
from training.study import Subject, studied
from training.target_reports import judge_targets
from training.trained import TrainedModel
from training.version import code_version

WARMUP_ROWS = 8
"""Held-out impressions that travel with the export as warm-up requests."""


@dataclass(frozen=True)
class Places:
    """Where a run reads and writes; without a registry nothing is published."""

    data_root: Path
    runs: Path
    registry: LocalRegistry | None


@dataclass(frozen=True)
class Outcome:
    """What a run left behind: its report, its directory and the version it published."""

    report: Report
    run: Path
    version: int | None


def train(config: TaskConfig, places: Places, *, now: datetime, progress: Progress) -> Outcome:
    """Train, judge, export, check and publish.

    Raises:
        TrainingError: If anything refuses the run; nothing is published then.
        RegistryError: If the version cannot be written.
    """
    family_of(config.model)  # refused now rather than after the log was read
    run = RunDirectory.create(places.runs, config.name, now=now)
    try:
        return _train(config, places, run, now=now, progress=progress)
    finally:
        run.drop_work()


def _train(
    config: TaskConfig, places: Places, run: RunDirectory, *, now: datetime, progress: Progress
) -> Outcome:
    watch = Stopwatch()
    peer_trials(config)  # refused now rather than after the training
    settings = config.training
    with watch.stage("reading"), Quarantine(run.quarantine, config.data.max_bad_rows) as quarantine:
        log = ingest(
            config,
            config.features.log_inputs(),
            places.data_root,
            quarantine=quarantine,
            work_dir=run.work,
            progress=progress,
        )
    cuts = cuts_of(config.split, log.time_ms, dated=log.dated)
    history: History | None = None
    if config.features.history:
        with watch.stage("history"):
            log, history = replay_log(
                config.features,
                config.history,
                log,
                cuts,
                seed=settings.seed,
                work_dir=run.work,
                progress=progress,
            )
    with watch.stage("statistics"):
        fitted = fit_statistics(config.features, log, cuts, seed=settings.seed, progress=progress)
    encoder = Encoder(fitted, run.vocabularies)
    with watch.stage("encoding"):
        slices = encode_slices(
            encoder,
            log,
            cuts,
            keep_rate=settings.keep_rate,
            seed=settings.seed,
            work_dir=run.work,
            progress=progress,
        )
    judge = Judge(config, slices, cuts.held_out)
    models: dict[str, TrainedModel] = {}
    chosen: dict[str, Chosen] = {}
    validation_times = log.time_ms[cuts.slices(log.time_ms) == Slice.VALIDATION]
    for model, how in ((_BASELINE, config.for_baseline()), (config.model, settings)):
        with watch.stage(f"training {model.family}"):
            trained = _fit(model, how, encoder, slices, progress)
        fitted_now = {model.family: trained, **trained.beside(model.family)}
        with watch.stage(f"calibrating {model.family}"):
            chosen |= {name: judge.calibrate(one, validation_times) for name, one in fitted_now.items()}
        models |= fitted_now
    with watch.stage("judging"):
        report = judge.report(
            models, chosen, ingested=log, seconds=watch.seconds, now=now, configuration=_as_yaml(config)
        )
    subject = Subject(
        models, chosen, lambda model, how: _fit(model, how, encoder, slices, progress), log, cuts
    )
    report = studied(report, judge, subject, progress)
    judged = judge_targets(judge, models, chosen, validation_times)
    reasons = gate_failures(report, config.gate)
    report = report.model_copy(update={"targets": judged.reports, "gate_reasons": reasons})
    family = config.model.family
    serving = ServingModel(
        encoder, models[family].network, settings.keep_rate, chosen[family].calibration, judged.further
    )
    with progress.stage(
        "exporting and checking", unit="impressions", total=len(slices.held_out_sample)
    ) as bar:
        report = _export_and_check(serving, report, run, slices)
        bar.advance(len(slices.held_out_sample))
    if history is not None:
        write_snapshot(history, run.bundle)
    write_manifest(run.bundle, _facts(config, fitted, slices, now=now))
    return _publish(config, places, run, report)


_BASELINE = ModelConfig(family="logistic")


def _fit(
    model: ModelConfig, how: TrainingConfig, encoder: Encoder, slices: Slices, progress: Progress
) -> TrainedModel:
    return fit(
        model,
        how,
        encoder.layout,
        train=slices.stores[Slice.TRAIN],
        validation=slices.stores[Slice.VALIDATION],
        droppable=droppable_columns(encoder),
        progress=progress,
    )


def _export_and_check(serving: ServingModel, report: Report, run: RunDirectory, slices: Slices) -> Report:
    """Write the bundle, then ask it in a fresh process what it says about held-out impressions.

    The report that comes back says whether the bundle carries a second runtime.
    """
    sample = slices.held_out_sample
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
    held_out = slices.stores[Slice.TEST if Slice.TEST in slices.facts else Slice.VALIDATION]
    cached = np.concatenate([held_out.read(int(place), 1) for place in slices.sample_places])
    served = [serving.serve(raw_tensors(sample[batch], raw_inputs)) for batch in in_batches(len(sample))]
    trained = Answers(
        ids=np.ascontiguousarray(cached["ids"]),
        values=np.ascontiguousarray(cached["values"]),
        probabilities=np.concatenate([probabilities_of(answer) for answer in served]),
    )
    check_parity(run.bundle, sample, trained, run.work)
    return report


def _publish(config: TaskConfig, places: Places, run: RunDirectory, report: Report) -> Outcome:
    if places.registry is None:
        return Outcome(report, run.path, version=None)
    if report.gate_reasons:
        raise GateClosedError([*report.gate_reasons, f"the bundle is kept in {run.bundle}"])
    version = places.registry.publish(run.bundle, config.name)
    run.drop_bundle()
    return Outcome(report, run.path, version.number)


def _facts(config: TaskConfig, fitted: FittedSpec, slices: Slices, *, now: datetime) -> BundleFacts:
    train = slices.facts[Slice.TRAIN]
    return BundleFacts(
        name=config.name,
        created_at=now,
        code_version=code_version(),
        tensorflow_version=tf.__version__,
        spec_fingerprint=fitted.spec.fingerprint(),
        fitted_fingerprint=fitted.fingerprint(),
        family=config.model.family,
        first_impression_at=train.first,
        last_impression_at=train.last,
        user_key=config.data.user_column,
        item_key=config.data.item_column,
        impression_time=_impression_time(config),
    )


def _impression_time(config: TaskConfig) -> RawInput | None:
    """The column in which a request may say when its impression is; None where nothing asks for it or could read it."""
    if not config.features.history or config.data.time is None:
        return None
    how = TimeColumn(format=config.data.time.format, time_zone=config.data.time.time_zone)
    column = RawInput(column=config.data.time.column, side=Side.CONTEXT, kind=RawKind.TIME, time=how)
    read = next((raw for raw in config.features.log_inputs() if raw.column == column.column), column)
    return read if read.kind is RawKind.TIME else None


def _as_yaml(config: TaskConfig) -> str:
    return yaml.safe_dump(
        config.model_dump(mode="json", exclude_defaults=True), sort_keys=False, allow_unicode=True
    )
