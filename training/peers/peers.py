"""Other models beside the judged one: a task comes in, what is to be trained for comparison and its figures go out.

`training.report.study` has them fitted on the same stores and judged on the same impressions.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from training.config import ModelConfig, TaskConfig, TrainingConfig
from training.errors import ConfigError
from training.metrics import Float64Array, SliceMetrics
from training.models import FAMILIES
from training.peers.boosted_trees import require_lightgbm
from training.report.insights import Peer

ALL = "all"
LIGHTGBM = "lightgbm"


@dataclass(frozen=True)
class Trial:
    """A model that is trained for comparison only; without a network it is LightGBM."""

    name: str
    network: ModelConfig | None
    training: TrainingConfig


def peer_trials(config: TaskConfig) -> tuple[Trial, ...]:
    """The peers that the task names, without its own family and the logistic that every report has.

    Each is one network with the task's own settings: what an ensemble adds is not the family's merit.

    Raises:
        ConfigError: If a name is unknown, or LightGBM is asked for and not installed.
    """
    named = config.report.compare
    known = (*FAMILIES, LIGHTGBM, ALL)
    unknown = [name for name in named if name not in known]
    if unknown:
        raise ConfigError(f"report.compare: expected names among {', '.join(known)}, got {unknown[0]!r}")
    if LIGHTGBM in named:
        require_lightgbm()
    wanted = (*FAMILIES, LIGHTGBM) if ALL in named else dict.fromkeys(named)
    return tuple(_trial(config, name) for name in wanted if name not in (config.model.family, "logistic"))


def depth_trials(config: TaskConfig) -> tuple[Trial, ...]:
    """The task's own networks, as many and mixed as it says, with one hidden layer more, as wide as its last, and with one less."""
    hidden = config.model.hidden
    if not (config.report.depth or ALL in config.report.compare) or not hidden:
        return ()
    if config.model.family == "logistic":
        return ()
    return tuple(
        Trial(
            f"{config.model.family} {_shown(layers)}",
            config.model.model_copy(update={"hidden": layers}),
            config.training,
        )
        for layers in ((*hidden, hidden[-1]), hidden[:-1])
    )


def _trial(config: TaskConfig, family: str) -> Trial:
    alone = {"family": family, "ensemble": 1, "linear_member": False}
    network = None if family == LIGHTGBM else config.model.model_copy(update=alone)
    return Trial(family, network, config.training.model_copy(update={"distill": False}))


def _shown(hidden: tuple[int, ...]) -> str:
    return "-".join(map(str, hidden)) if hidden else "without hidden layers"


def compared_peer(  # each is one column of the table
    name: str,
    metrics: SliceMetrics,
    losses: tuple[Float64Array, Float64Array],
    *,
    seconds: float | None = None,
    parameters: int | None = None,
    remark: str = "",
) -> Peer:
    """A model beside the judged one.

    Args:
        name: Of the model.
        metrics: Its metrics on the slice.
        losses: Log losses of every impression, of the model and of the judged one, each ``(n,)``. The difference is
            taken impression by impression: what both find hard cancels out.
        seconds: To fit it.
        parameters: That it learned.
        remark: What is to be known of it.
    """
    differences = losses[0] - losses[1]
    count = len(differences)
    return Peer(
        name=name,
        metrics=metrics,
        behind=float(differences.mean()),
        standard_error=float(differences.std(ddof=1) / np.sqrt(count)) if count > 1 else None,
        seconds=seconds,
        parameters=parameters,
        remark=remark,
    )


def by_log_loss(peers: Iterable[Peer]) -> tuple[Peer, ...]:
    """The best first."""
    return tuple(sorted(peers, key=lambda peer: (peer.behind, peer.name)))
