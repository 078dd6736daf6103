"""The same networks on a longer log: trained models come in, models fitted alike on all of the log go out.

`training.whole` calls `refit` when the held-out impressions have chosen and judged: then they teach, too.
"""

from dataclasses import replace

from training.fitting.descent import FitStores, fit_network
from training.fitting.distillation import distilled
from training.fitting.ensemble import as_one
from training.fitting.trained import TrainedModel
from training.progress import Progress


def refit(trained: TrainedModel, stores: FitStores, progress: Progress) -> TrainedModel:
    """Fit every network of a model again: with its settings and its seed, for as many epochs, in the same shares.

    Args:
        trained: What the held-out impressions chose: when to stop, and how much of each member.
        stores: What is learned from now; nothing is chosen by its validation slice.
        progress: Told about every step.

    Source:
        Goodfellow, Bengio and Courville, "Deep Learning", MIT Press, 2016, algorithm 7.2.
    """
    if trained.teacher is not None:
        teacher = refit(trained.teacher, stores, progress)
        return distilled(teacher, trained.training, stores, progress, earlier=trained)
    if not trained.members:
        return fit_network(trained.config, trained.training, stores, progress, earlier=trained)
    members = tuple(
        refit(member, stores.of_member(place), progress) for place, member in enumerate(trained.members)
    )
    return replace(as_one(members, stores, progress, trained.shares), config=trained.config)
