"""Everything before the first network: a task comes in, an encoded log and what judges it go out to `training.pipeline`.

Gathered, cut in time, its past filled in, its statistics learned, every impression encoded once.
"""

from dataclasses import dataclass

from features.encoder import Encoder
from features.fitted import FittedSpec
from features.spec import RawInput
from registry.version import Version
from training.config import TaskConfig
from training.encoding.slices import Slices, encode_slices, fit_statistics
from training.gate.champion import Champion
from training.log.ingest import Ingested
from training.log.split import Cuts, Slice, cuts_of
from training.progress import Progress, Stopwatch
from training.replay.replay import Counted, replay_log
from training.retraining.gather import Gathering, gathered
from training.retraining.profile import draw, profile_of


@dataclass(frozen=True)
class Prepared:
    """A log, ready to learn from; ``counted`` is None where nothing of the past is looked at."""

    log: Ingested
    cuts: Cuts
    counted: Counted | None
    fitted: FittedSpec
    encoder: Encoder
    slices: Slices

    def profile_json(self, *, whole: bool) -> str:
        """What was learned from, the training slice or the whole log, for later logs to be compared with."""
        sample = draw(self.log, (self.cuts.slices(self.log.time_ms) == Slice.TRAIN) | whole)
        return profile_of(sample, self.fitted.spec.log_inputs()).model_dump_json()


@dataclass(frozen=True)
class Rival:
    """The version in whose place the new one will go: None before there is one.

    Attributes:
        version: Which one.
        champion: The same, ready to answer; a sentence where it cannot and the policy lets it be.
    """

    version: Version | None
    champion: Champion | str | None

    def columns(self, config: TaskConfig) -> tuple[RawInput, ...]:
        """What is read: the task's columns, and those that only the champion needs."""
        extra = self.champion.extra_inputs if isinstance(self.champion, Champion) else ()
        return (*config.features.log_inputs(), *extra)


def prepared(config: TaskConfig, sources: Gathering, watch: Stopwatch, progress: Progress) -> Prepared:
    """Read the log and encode it.

    Raises:
        DataError: If the log cannot be used, or is no longer like the champion's.
    """
    work_dir, seed = sources.run.work, config.training.seed
    with watch.stage("reading"):
        log = gathered(config, sources, progress)
    cuts = cuts_of(config.split, log.time_ms, dated=log.dated)
    counted: Counted | None = None
    if config.features.history:
        with watch.stage("history"):
            log, counted = replay_log(
                config.features, config.history, log, cuts, seed=seed, work_dir=work_dir, progress=progress
            )
    with watch.stage("statistics"):
        fitted = fit_statistics(config.features, log, cuts, seed=seed, progress=progress)
    encoder = Encoder(fitted, sources.run.vocabularies)
    with watch.stage("encoding"):
        slices = encode_slices(
            encoder,
            log,
            cuts,
            keep_rate=config.training.keep_rate,
            seed=seed,
            work_dir=work_dir,
            progress=progress,
        )
    return Prepared(log, cuts, counted, fitted, encoder, slices)
