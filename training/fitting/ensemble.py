"""Several networks of one family as one: seeds come in, a network whose logit is the mean of theirs goes out.

`training.fitting.fit` calls `fit_ensemble`; the export sees one network like any other.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from training.config import ModelConfig, TrainingConfig
from training.fitting.balance import balance
from training.fitting.descent import FitStores, fit_network
from training.fitting.trained import Predictor, TrainedModel
from training.models.ensemble import Ensemble
from training.progress import Progress
from training.report.report import EnsembleCost

TIMED_ROUNDS = 5
"""How often a batch is predicted to say what an ensemble costs."""


def fit_ensemble(
    model: ModelConfig, config: TrainingConfig, stores: FitStores, progress: Progress
) -> TrainedModel:
    """Train ``model.ensemble`` networks, one after another: each has its own first weights and order of batches.

    Averaging logits lowers the variance that the seed brings in; the mean of logits is the normalised geometric mean
    of the odds.

    Source:
        Lakshminarayanan et al., "Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles",
        NeurIPS 2017.
    """
    members = tuple(
        fit_network(
            model,
            config.model_copy(update={"seed": seed}),
            stores.of_member(place),
            progress,
        )
        for place, seed in enumerate(seeds_of(config.seed, model.ensemble))
    )
    return as_one(members, stores, progress)


def as_one(
    members: tuple[TrainedModel, ...],
    stores: FitStores,
    progress: Progress,
    shares: Sequence[float] | None = None,
) -> TrainedModel:
    """Trained networks as one, whose logit is the weighted sum of theirs, balanced.

    Args:
        members: The networks, of one layout; the first one's settings stand for all.
        stores: The training slice is what it is balanced on; predicted to say what the ensemble costs, too.
        progress: Told that it is balanced.
        shares: Of each member in the logit, in [0, 1], together 1; equal ones by default.
    """
    network = Ensemble([member.network for member in members], shares)
    predictor = Predictor(network, members[0].predictor.batch_size)
    with progress.stage(
        f"balancing {len(members)} networks", unit="impressions", total=stores.train.rows
    ) as bar:
        balance(network, predictor, stores.train)
        bar.advance(stores.train.rows)
    return TrainedModel(
        network=network,
        config=members[0].config,
        predictor=predictor,
        learning_curve=(),
        parameters=sum(member.parameters for member in members),
        seconds=sum(member.seconds for member in members),
        training=members[0].training,
        shares=None if shares is None else tuple(shares),
        members=members,
        cost=_cost(members, predictor, stores),
    )


def seeds_of(seed: int, members: int) -> list[int]:
    """The members' seeds: the task's own and those that follow, each in [0, 2**32)."""
    return [(seed + place) % 2**32 for place in range(members)]


def _cost(members: tuple[TrainedModel, ...], predictor: Predictor, stores: FitStores) -> EnsembleCost:
    records = stores.train.read(0, predictor.batch_size)
    one, together = (_seconds_of(partial(model.of, records)) for model in (members[0].predictor, predictor))
    return EnsembleCost(
        seconds=tuple(round(member.seconds, 3) for member in members),
        parameters_of_one=members[0].parameters,
        parameters=tuple(member.parameters for member in members),
        prediction_time=round(together / one, 2),
    )


def _seconds_of(call: Callable[[], object]) -> float:
    """The median of a few calls, after one that compiles."""
    call()
    times = []
    for _ in range(TIMED_ROUNDS):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return float(np.median(times))
