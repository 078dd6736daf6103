"""What a run has chosen, learned again from all of its log: a judged network comes in, the one that will serve goes out.

`training.pipeline` calls `on_the_whole_log` where the task asks for it, when everything has been chosen and judged.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit

from features.encoder import Encoder
from features.fitted import FittedSpec
from registry.manifest import JUDGED, write_manifest
from registry.version import Version
from training.calibration import (
    Calibration,
    Evidence,
    Linear,
    PerSegment,
    fit_offset,
    fit_sureness,
    has_offset,
    lasting_share,
    prior_of,
    segment_column,
)
from training.config import TaskConfig, as_yaml
from training.encoding.encode import droppable_columns
from training.encoding.slices import encode_whole, fit_whole_statistics
from training.encoding.store import EncodedStore
from training.export.bundle_facts import bundle_facts
from training.export.export import ServingModel, save
from training.fitting.balance import shifts
from training.fitting.descent import FitStores
from training.fitting.refit import refit
from training.fitting.trained import TrainedModel
from training.fitting.warm_start import known_ids, start_of
from training.judge import user_codes
from training.log.split import Slice
from training.metrics import Float64Array
from training.prepare import Prepared
from training.progress import Progress
from training.run import RunDirectory

NOTE = (
    "Exported is a network that learned from all impressions of the log, those that judged among them, after all was chosen "
    "(training.refit): it has the settings, the epochs and the kind of calibration of the one that the figures are of."
)
"""What the report says of it."""


class JudgedModel(NamedTuple):
    """What was judged.

    Attributes:
        model: The networks, and how they were fitted.
        serving: The same as it would be exported.
        champion: The version that it may begin from; None before there is one.
    """

    model: TrainedModel
    serving: ServingModel
    champion: Version | None


def on_the_whole_log(
    config: TaskConfig,
    data: Prepared,
    judged: JudgedModel,
    run: RunDirectory,
    *,
    now: datetime,
    progress: Progress,
) -> tuple[ServingModel, EncodedStore]:
    """Learn the statistics, encode and fit once more, with the held-out slices among what is learned from.

    What was judged is kept within the bundle: a later challenger stands against that, on impressions new to both.

    Args:
        config: The task.
        data: Its log, encoded as before.
        judged: What was judged.
        run: Where the bundle is made.
        now: The time of the run.
        progress: Told about every stage.

    Returns:
        What will be exported, and the slice that judged as it was encoded for it.
    """
    seed, keep_rate = config.training.seed, config.training.keep_rate
    fitted = fit_whole_statistics(config.features, data.log, seed=seed, progress=progress)
    encoder = Encoder(fitted, run.vocabularies_of_the_whole())
    stores = encode_whole(
        encoder, data.log, data.cuts, keep_rate=keep_rate, seed=seed, work_dir=run.work, progress=progress
    )
    start, _ = start_of(judged.champion, config, fitted)
    # Nothing is chosen any more, so that it does not matter what validates.
    validation = stores.held_out[Slice.VALIDATION]
    learned = FitStores(stores.whole, validation, droppable_columns(encoder), start)
    model = refit(judged.model, learned, progress)
    calibrations = [
        _with_ids_of(fitted, calibration, data.fitted)
        for calibration in _as_sure_as_shown(config, data, judged)
    ]
    _set_level(config, data, model, calibrations, stores.held_out)
    kept = run.bundle / JUDGED
    save(judged.serving, kept, as_yaml(config))
    write_manifest(kept, bundle_facts(config, data.fitted, data.log, data.slices, now=now))
    serving = ServingModel(encoder, model.network, keep_rate, calibrations[0], calibrations[1:])
    return serving, stores.held_out[data.cuts.held_out]


def _as_sure_as_shown(config: TaskConfig, data: Prepared, judged: JudgedModel) -> list[Calibration]:
    """The curves of what was judged; a line that a prior holds gets the slope that all held-out impressions speak for.

    Its offset does not matter, since the level is set anew.
    """
    keep_rate, calibrations = config.training.keep_rate, judged.serving.calibrations
    if prior_of(config.training.calibration, thinned=keep_rate < 1) is None:
        return list(calibrations)
    stores = [data.slices.stores[part] for part in _held_out(data)]
    logits = np.concatenate([judged.model.predictor.target_logits(store, keep_rate) for store in stores])
    return [
        calibration.model_copy(update={"slope": fit_sureness(evidence)})
        if isinstance(calibration, Linear) and calibration.kind != "none"
        else calibration
        for calibration, evidence in zip(calibrations, _evidence(config, data, logits), strict=True)
    ]


def _held_out(data: Prepared) -> list[Slice]:
    return [part for part in data.slices.facts if part is not Slice.TRAIN]


def _evidence(config: TaskConfig, data: Prepared, logits: Float64Array) -> list[Evidence]:
    """The impressions of the held-out slices with somebody's logits ``(n, targets)``, for each target."""
    facts = [data.slices.facts[part] for part in _held_out(data)]
    times = np.concatenate([one.time_ms for one in facts])
    users = user_codes(config, pl.concat([one.kept for one in facts]))
    return [
        Evidence(own, np.concatenate([one.labels(place) for one in facts]), times, users=users)
        for place, own in enumerate(logits.T)
    ]


def _with_ids_of(fitted: FittedSpec, calibration: Calibration, before: FittedSpec) -> Calibration:
    """A calibration whose segments were known by the ids of another encoder, by those of this one."""
    if not isinstance(calibration, PerSegment):
        return calibration
    ids, ids_before = known_ids(before, fitted)[calibration.feature]
    now = dict(zip(ids_before.tolist(), ids.tolist(), strict=True))
    by_id = {now[segment]: curve for segment, curve in calibration.by_id.items() if segment in now}
    return calibration.model_copy(update={"by_id": by_id}) if by_id else calibration.otherwise


def _set_level(
    config: TaskConfig,
    data: Prepared,
    model: TrainedModel,
    calibrations: Sequence[Calibration],
    stores: dict[Slice, EncodedStore],
) -> None:
    """Move every target's logit so that calibrated probabilities of the held-out slices have the right mean.

    A curve was fitted to impressions that the network had not seen, and tells how sure it may be. It tells of the click
    rate since, too; but the network has learned from that now, and would follow it twice. So the rate is asked again of
    the network as it is: it may stray from that of the whole log as far as the task's prior lets a calibration go, and
    as changes of this log have lasted before.
    """
    keep_rate, targets = config.training.keep_rate, model.network.targets
    held_out = [stores[part] for part in _held_out(data)]
    segment_ids = [_segment_ids(calibration, held_out) for calibration in calibrations]

    def told(heads: Float64Array) -> Float64Array:
        logits = targets.on_the_full_log(np, heads, keep_rate)
        curves = zip(calibrations, logits.T, segment_ids, strict=True)
        calibrated = [calibration.apply(own, ids) for calibration, own, ids in curves]
        probabilities: Float64Array = expit(np.stack(targets.capped(np, calibrated), axis=1))
        return probabilities

    heads = np.concatenate([model.predictor.heads(store) for store in held_out])
    logits = targets.on_the_full_log(np, heads, keep_rate)
    prior = prior_of(config.training.calibration, thinned=keep_rate < 1)
    rates = np.empty(len(targets))
    for place, evidence in enumerate(_evidence(config, data, logits)):
        offset = fit_offset(evidence, prior) if has_offset(calibrations[place]) else 0.0
        lasting = lasting_share(data.slices.labels_in_time(place), len(evidence.clicked))
        rates[place] = expit(evidence.logits + lasting * offset).mean()
    model.network.shift.assign_add(shifts(heads, rates, told))


def _segment_ids(calibration: Calibration, held_out: Sequence[EncodedStore]) -> NDArray[np.int32] | None:
    """Encoded ids of the feature whose values have curves of their own, ``(n,)``; None for one curve."""
    if not isinstance(calibration, PerSegment):
        return None
    columns = [
        store.mapped()["ids"][:, segment_column(store.layout, calibration.feature)] for store in held_out
    ]
    return np.concatenate(columns)
