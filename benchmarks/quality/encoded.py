"""A log encoded once for everybody: a task and its data come in; stores, judge and times go out to the contestants."""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from features.encoder import Encoder
from training.config import TaskConfig
from training.encoding.slices import Slices, encode_slices, fit_statistics
from training.judge import Judge
from training.log.ingest import Ingested, ingest
from training.log.quarantine import Quarantine
from training.log.split import Cuts, Slice, cuts_of
from training.progress import Silent
from training.replay.replay import replay_log

ENCODING_SEED = 1
"""Of what the encoding draws; the seeds of a benchmark are those of the fits."""

Logits = dict[Slice, NDArray[np.float64]]
"""Of a model on the full log, before calibration: ``(n,)`` for the validation slice and for the judged one."""


@dataclass(frozen=True)
class EncodedLog:
    """What every contestant gets.

    Attributes:
        time_ms: Times of all impressions of the log, in its order, ``(rows,)``.
        cuts: Where the later slices begin.
    """

    task: TaskConfig
    encoder: Encoder
    slices: Slices
    time_ms: NDArray[np.int64]
    cuts: Cuts

    @property
    def judge(self) -> Judge:
        return Judge(self.task, self.slices, self.cuts.held_out)

    @property
    def judged(self) -> Slice:
        """The slice that judges: the validation slice where there is no later one."""
        return self.cuts.held_out

    @property
    def parts(self) -> tuple[Slice, ...]:
        """The slices of which a contestant says its logits."""
        return tuple(dict.fromkeys([Slice.VALIDATION, self.judged]))

    def mask(self, part: Slice) -> NDArray[np.bool_]:
        """Which impressions of the log belong to a slice, ``(rows,)``."""
        inside: NDArray[np.bool_] = self.cuts.slices(self.time_ms) == part
        return inside

    def for_task(self, task: TaskConfig) -> "EncodedLog":
        """The same encoding for a task that differs in its model or its training alone."""
        return replace(self, task=task)

    def calibrated(self, logits: Logits) -> NDArray[np.float64]:
        """Probabilities ``(judged,)``, calibrated on the validation slice as the task says: ours and the peers' alike."""
        chosen = self.judge.choose(logits[Slice.VALIDATION])
        return self.judge.probabilities(chosen.calibration, logits[self.judged], self.judged)

    def figures(self, logits: Logits) -> dict[str, float | None]:
        """What the tables show of a contestant: after calibration, and before."""
        after = self.judge.metrics(self.calibrated(logits), self.judged)
        before = self.judge.metrics(expit(logits[self.judged]), self.judged)
        return {
            "AUC": after.auc,
            "GAUC": after.gauc,
            "log loss": after.log_loss,
            "ECE": after.ece,
            "ECE by chance": after.ece_by_chance,
            "log loss, raw": before.log_loss,
            "ECE, raw": before.ece,
        }


def encode_log(task: TaskConfig, root: Path, work: Path, *, until: datetime | None = None) -> EncodedLog:
    """Read, replay and encode a log as `training.pipeline` does.

    Args:
        task: Its split cuts the log.
        root: Directory of the data.
        work: A new directory for the stores.
        until: Later impressions are dropped before anything is counted or replayed; None keeps all.

    Raises:
        DataError: If the log cannot be used.
    """
    (work / "vocabularies").mkdir(parents=True)
    log = _read(task, root, work)
    if until is not None:
        log = log.before(int(until.timestamp() * 1000), work)
    cuts = cuts_of(task.split, log.time_ms, dated=log.dated)
    if task.features.history:
        log, _ = replay_log(
            task.features, task.history, log, cuts, seed=ENCODING_SEED, work_dir=work, progress=Silent()
        )
    fitted = fit_statistics(task.features, log, cuts, seed=ENCODING_SEED, progress=Silent())
    encoder = Encoder(fitted, work / "vocabularies")
    keep_rate = task.training.keep_rate
    slices = encode_slices(
        encoder, log, cuts, keep_rate=keep_rate, seed=ENCODING_SEED, work_dir=work, progress=Silent()
    )
    return EncodedLog(task, encoder, slices, log.time_ms, cuts)


def _read(task: TaskConfig, root: Path, work: Path) -> Ingested:
    with Quarantine(None, 0.0) as quarantine:
        inputs = task.features.log_inputs()
        return ingest(task, inputs, root, quarantine=quarantine, work_dir=work, progress=Silent())
