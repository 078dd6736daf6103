"""What a bundle's manifest says beside its files: a task, its log and what was learned come in, `BundleFacts` go out.

`training.pipeline` seals the bundle with them.
"""

from datetime import datetime

import tensorflow as tf

from features.fitted import FittedSpec
from features.spec import RawInput, RawKind
from registry.manifest import BundleFacts
from training.config import TaskConfig
from training.encoding.slices import Slices
from training.export.version import code_version
from training.log.ingest import Ingested
from training.log.split import Slice, moment


def bundle_facts(
    config: TaskConfig,
    fitted: FittedSpec,
    log: Ingested,
    slices: Slices,
    *,
    now: datetime,
    whole: bool = False,
) -> BundleFacts:
    """The facts of a fresh model, which learned from the training slice or from the whole log."""
    train = slices.facts[Slice.TRAIN]
    counts = bool(fitted.spec.history)
    return BundleFacts(
        name=config.name,
        created_at=now,
        code_version=code_version(),
        tensorflow_version=tf.__version__,
        spec_fingerprint=fitted.spec.fingerprint(),
        fitted_fingerprint=fitted.fingerprint(),
        family=config.model.family,
        first_impression_at=train.first,
        last_impression_at=_end_of_log(slices) if whole else train.last,
        history_until=_end_of_log(slices) if counts else None,
        history_rows=int(log.time_ms.max()) + 1 if counts and not log.dated else None,
        history_shown_until=moment(log.shown_ms) if counts else None,
        user_key=config.data.user_column,
        item_key=config.data.item_column,
        impression_time=_impression_time(config),
    )


def _end_of_log(slices: Slices) -> datetime | None:
    return max((facts.last for facts in slices.facts.values() if facts.last is not None), default=None)


def _impression_time(config: TaskConfig) -> RawInput | None:
    """The column in which a request may say when its impression is; None where nothing asks for it or could read it."""
    if not config.features.history or config.data.time is None:
        return None
    column = config.data.time.raw_input()
    read = next((raw for raw in config.features.log_inputs() if raw.column == column.column), column)
    return read if read.kind is RawKind.TIME else None
