"""The search's own split: a log comes in, encoded slices nested inside the task's own go out.

Earlier training impressions train, the last of them stop and calibrate, the task's validation slice judges. The test
slice is dropped before anything is replayed, counted or encoded. `training.tune.course` trains on these slices.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.encoder import Encoder
from training.config import TaskConfig
from training.encoding.slices import Slices, encode_slices, fit_statistics
from training.errors import DataError
from training.log.ingest import Ingested, ingest
from training.log.quarantine import Quarantine
from training.log.split import Cuts, Slice, cuts_of
from training.progress import Progress
from training.replay.replay import replay_log
from training.run import RunDirectory

STOP, JUDGE = Slice.VALIDATION, Slice.TEST
"""What the second and the third slice are for in a search; the third is the task's validation slice, not its test slice."""

_NAMES = {Slice.TRAIN: "train", STOP: "stop", JUDGE: "judge"}

_REFUSED = {
    Slice.TRAIN: "the training slice without its end",
    STOP: "the end of the training slice, which stops a search's trials",
    JUDGE: "the validation slice, which judges them",
}
"""What they are in the task, where one of them has a single label."""

LARGEST_STOP_SHARE = 0.25
"""The share of the training slice that may be taken from training, to stop and calibrate by."""


@dataclass(frozen=True)
class InnerSlices:
    """What trials share, encoded once."""

    encoder: Encoder
    slices: Slices

    def rows(self) -> dict[str, int]:
        """Impressions that train, stop and judge."""
        return {name: self.slices.facts[part].impressions for part, name in _NAMES.items()}

    def digests(self) -> dict[str, str]:
        """What tells them from those of another log: sha256 of the encoded impressions and their labels."""
        return {name: self.slices.stores[part].digest() for part, name in _NAMES.items()}


def inner_cuts(cuts: Cuts, time_ms: NDArray[np.int64]) -> Cuts:
    """The search's cuts: about as many impressions stop as judge, no more than a quarter of the training slice.

    Args:
        cuts: The task's.
        time_ms: Times of all impressions, shape ``(n,)``; those of one moment stay together.

    Raises:
        DataError: If nothing is left to train on.
    """
    past = np.sort(time_ms[time_ms < cuts.validation_from_ms])
    judged = int((cuts.slices(time_ms) == Slice.VALIDATION).sum())
    stopping = max(1, min(judged, int(len(past) * LARGEST_STOP_SHARE)))
    stop_from_ms = int(past[-stopping])
    if stop_from_ms == past[0]:
        raise DataError(
            "expected a training slice with several moments, of which the last stop a search's trials, got "
            f"{len(past)} impressions of one moment: move split.validation_from to a later time"
        )
    return Cuts(stop_from_ms, cuts.validation_from_ms)


def encode_once(task: TaskConfig, data_root: Path, run: RunDirectory, progress: Progress) -> InnerSlices:
    """Read, replay, count and encode the log up to the task's test slice.

    Raises:
        DataError: If the log cannot be used or is too small to be cut again.
    """
    seed = task.training.seed
    log, cuts = _log_without_test(task, data_root, run, progress)
    if task.features.history:
        log, _ = replay_log(
            task.features, task.history, log, cuts, seed=seed, work_dir=run.work, progress=progress
        )
    fitted = fit_statistics(task.features, log, cuts, seed=seed, progress=progress)
    encoder = Encoder(fitted, run.vocabularies)
    slices = encode_slices(
        encoder,
        log,
        cuts,
        keep_rate=task.training.keep_rate,
        seed=seed,
        work_dir=run.work,
        progress=progress,
        names=_REFUSED,
    )
    return InnerSlices(encoder, slices)


def _log_without_test(
    task: TaskConfig, data_root: Path, run: RunDirectory, progress: Progress
) -> tuple[Ingested, Cuts]:
    with Quarantine(run.quarantine, task.data.max_bad_rows) as quarantine:
        log = ingest(
            task,
            task.features.log_inputs(),
            data_root,
            quarantine=quarantine,
            work_dir=run.work,
            progress=progress,
        )
    cuts = cuts_of(task.split, log.time_ms, dated=log.dated)
    inner = inner_cuts(cuts, log.time_ms)
    return (log if cuts.test_from_ms is None else log.before(cuts.test_from_ms, run.work)), inner
