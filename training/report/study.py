"""What stands beside the figures of a run: a `Report` and its models come in, the report with its studies goes out.

`training.pipeline` calls `studied` once the model is judged: peers and depths on the same impressions, what each
feature is worth, and users and items that training has not seen.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from training.calibration import Chosen, segment_column, undo_downsampling
from training.config import ModelConfig, TrainingConfig
from training.encoding.store import Records
from training.errors import ConfigError, DivergedError
from training.fitting.trained import TrainedModel
from training.judge import Judge, users_of
from training.log.ingest import Ingested
from training.log.split import Cuts, Slice
from training.metrics import Float64Array, SliceMetrics, all_metrics, log_loss, log_losses
from training.peers.boosted_trees import BoostedTrees, fit_trees
from training.peers.peers import Trial, by_log_loss, compared_peer, depth_trials, peer_trials
from training.progress import Progress, Stopwatch
from training.report.familiarity import familiarities
from training.report.importance import (
    LEARNED,
    auc_of_each,
    columns_of_features,
    impressions_to_permute,
    permutation_importance,
)
from training.report.insights import Importance, Peer
from training.report.report import Report


@dataclass(frozen=True)
class Subject:
    """What a run has to study.

    Attributes:
        models: The judged model and those trained on the way, by the names of the report.
        chosen: Their calibrations.
        fit: Fits one more network on the same stores.
        log: The log, whose held-out slice is in the stores.
        cuts: Where its slices begin.
    """

    models: Mapping[str, TrainedModel]
    chosen: Mapping[str, Chosen]
    fit: Callable[[ModelConfig, TrainingConfig], TrainedModel]
    log: Ingested
    cuts: Cuts


def studied(report: Report, judge: Judge, subject: Subject, progress: Progress) -> Report:
    """The report with everything that the task's ``report`` asks for beside the figures."""
    return _Study(judge, subject, progress).complete(report)


class _Study:
    def __init__(self, judge: Judge, subject: Subject, progress: Progress) -> None:
        self.judge, self.subject, self.progress = judge, subject, progress
        self.config = judge.config
        self.clicked = judge.slices.facts[judge.held_out].clicked
        family = self.config.model.family
        self.model, self.chosen = subject.models[family], subject.chosen[family]
        self.probabilities = self._probabilities(self.model, self.chosen)
        self.losses = log_losses(self.clicked, self.probabilities)
        self.left_out: dict[str, str] = {}
        self.watch = Stopwatch()

    def complete(self, report: Report) -> Report:
        peers = by_log_loss([*self._beside(), *self._tried(peer_trials(self.config))])
        depths = by_log_loss([*self._tried(depth_trials(self.config))])
        with self.watch.stage("importance and unseen users"):
            importance = self._importance() if self.config.report.importance else None
            familiarity = familiarities(
                self.config.data, self.subject.log, self.subject.cuts, self._metrics_of
            )
        return report.model_copy(
            update={
                "peers": peers,
                "depths": depths,
                "left_out": self.left_out,
                "importance": importance,
                "familiarity": familiarity,
                "seconds": report.seconds | self.watch.seconds,
            }
        )

    def _beside(self) -> Iterator[Peer]:
        """What every run has beside its model: the prior, the logistic, the members of an ensemble."""
        prior = np.full(len(self.clicked), self.judge.prior)
        yield self._peer("prior", prior)
        for name, model in self.subject.models.items():
            if name != self.config.model.family:
                probabilities = self._probabilities(model, self.subject.chosen[name])
                yield self._peer(name, probabilities, seconds=model.seconds, parameters=model.parameters)

    def _tried(self, trials: tuple[Trial, ...]) -> Iterator[Peer]:
        """Every trial fitted, calibrated and judged; one that cannot be is left out with its reason."""
        for trial in trials:
            try:
                with self.watch.stage(f"comparing {trial.name}"):
                    yield self._judged(trial)
            except (ConfigError, DivergedError) as error:
                self.left_out[trial.name] = str(error)

    def _judged(self, trial: Trial) -> Peer:
        stores = self.judge.slices.stores
        if trial.network is None:
            model: TrainedModel | BoostedTrees = fit_trees(
                stores[Slice.TRAIN], stores[Slice.VALIDATION], trial.training, self.progress
            )
        else:
            model = self.subject.fit(trial.network, trial.training)
        probabilities = self._probabilities(model, self.judge.calibrate(model))
        return self._peer(
            trial.name,
            probabilities,
            seconds=model.seconds,
            parameters=model.parameters,
            remark=model.remark if isinstance(model, BoostedTrees) else "",
        )

    def _peer(
        self,
        name: str,
        probabilities: Float64Array,
        *,
        seconds: float | None = None,
        parameters: int | None = None,
        remark: str = "",
    ) -> Peer:
        return compared_peer(
            name,
            self.judge.metrics(probabilities, self.judge.held_out),
            (log_losses(self.clicked, probabilities), self.losses),
            seconds=seconds,
            parameters=parameters,
            remark=remark,
        )

    def _probabilities(self, model: TrainedModel | BoostedTrees, chosen: Chosen) -> Float64Array:
        logits = self.judge.logits(model, self.judge.held_out)
        return self.judge.probabilities(chosen.calibration, logits, self.judge.held_out)

    def _importance(self) -> Importance:
        store = self.judge.slices.stores[self.judge.held_out]
        features = columns_of_features(self.config.features, store.layout)
        records = store.spread(impressions_to_permute(len(features), max(1, len(self.model.members))))
        return permutation_importance(
            records,
            features,
            self._log_loss_of,
            alone=auc_of_each(self.judge.slices.stores[Slice.TRAIN].spread(LEARNED), records, features),
            seed=self.config.training.seed,
            progress=self.progress,
        )

    def _log_loss_of(self, records: Records) -> float:
        """The log loss of the judged model, calibrated, on encoded impressions."""
        size = self.model.predictor.batch_size
        parts = [records[start : start + size] for start in range(0, len(records), size)]
        logits = np.concatenate([self.model.predictor.of(part) for part in parts]).astype(np.float64)
        segment, layout = self.config.training.calibration.segment, self.model.network.layout
        segment_ids = None if segment is None else records["ids"][:, segment_column(layout, segment)]
        full = undo_downsampling(logits, self.config.training.keep_rate)
        return log_loss(records["clicked"], expit(self.chosen.calibration.apply(full, segment_ids)))

    def _metrics_of(self, mask: NDArray[np.bool_]) -> SliceMetrics:
        users = users_of(self.config, self.judge.slices.facts[self.judge.held_out].kept)
        return all_metrics(
            self.clicked[mask], self.probabilities[mask], None if users is None else users[mask]
        )
