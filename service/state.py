"""What every route may use: the settings, the model's holder and the metrics. `service.app` makes it, once."""

from dataclasses import dataclass, field

from starlette.requests import Request

from registry.registry import Registry
from service.batching.engine import Engine
from service.catalog.catalog import Catalog
from service.decisions.opening import Decisions
from service.metrics.metrics import ServiceMetrics
from service.models.holder import ModelHolder
from service.settings import ServiceSettings
from service.telling.teller import Teller


@dataclass(frozen=True)
class Service:
    """One running service."""

    settings: ServiceSettings
    holder: ModelHolder
    metrics: ServiceMetrics
    engine: Engine
    catalog: Catalog
    registry: Registry
    decisions: Decisions | None = None
    teller: Teller = field(default_factory=Teller)


def service_of(request: Request) -> Service:
    """The service that the request came to."""
    service: Service = request.app.state.service
    return service
