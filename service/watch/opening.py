"""All that is watched in one process: metrics, engine, registry and journals come in, the thread that looks after them goes out.

`service.app` makes one.
"""

from registry.registry import Registry
from service.batching.engine import Engine
from service.decisions.opening import Decisions
from service.metrics.metrics import ServiceMetrics
from service.watch.background import Background, Chore
from service.watch.gate import GateMetrics
from service.watch.load import LoadMetrics

_OFTEN_S, _SELDOM_S = 0.5, 15.0


def open_background(
    metrics: ServiceMetrics, engine: Engine, registry: Registry, decisions: Decisions | None
) -> Background:
    """Register what is told, and arrange for what is to be done for it."""
    gate = GateMetrics(registry)
    metrics.registry.register(LoadMetrics(engine))
    metrics.registry.register(gate)
    chores = [
        Chore("counting features", metrics.features.count, _OFTEN_S),
        Chore("reading how trainings ended", gate.look, _SELDOM_S),
    ]
    if decisions is not None:
        chores.append(Chore("comparing promised with observed clicks", decisions.promises.follow, _OFTEN_S))
    return Background(chores)
