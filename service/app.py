"""The web application: settings come in, a FastAPI application that loads its model by itself goes out.

`service.run` serves it. Importing this file imports neither TensorFlow nor any dataframe library.
"""

import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import anyio.to_thread
from fastapi import FastAPI
from typing_extensions import override

from registry.version import Version
from service.holder import ModelHolder
from service.live import LiveModel
from service.loader import load_version
from service.metrics import ServiceMetrics
from service.middleware import ObserveRequests
from service.openapi import describe
from service.problems import register_problems
from service.routes import documentation, health, monitoring, score
from service.settings import ServiceSettings
from service.state import Service
from service.watcher import ModelWatcher


class AxonApp(FastAPI):
    """FastAPI, whose description of itself shows the features of the model that is loaded at the moment.

    Args:
        service: What the routes use.
        watcher: Started and stopped with the application.
    """

    def __init__(self, service: Service, watcher: ModelWatcher) -> None:
        super().__init__(title="Axon", version=_version(), docs_url=None, redoc_url=None, lifespan=_lifespan)
        self.state.service = service
        self.watcher = watcher

    @override
    def openapi(self) -> dict[str, Any]:
        service: Service = self.state.service
        max_rows = service.settings.max_rows
        return describe(self.routes, service.holder.live, version=self.version, max_rows=max_rows)


def create_app(settings: ServiceSettings, *, on_live: Callable[[LiveModel], None] | None = None) -> AxonApp:
    """An application that answers at once, and scores as soon as its registry has a version; `on_live` is told then."""
    metrics = ServiceMetrics()
    holder = ModelHolder(settings.wanted)

    def load(origin: Version) -> LiveModel:
        started = time.monotonic()
        live = load_version(origin, threads=settings.threads, history=settings.history)
        metrics.loaded(live, time.monotonic() - started)
        return live

    app = AxonApp(Service(settings, holder, metrics), ModelWatcher(settings, holder, load, on_live))
    app.add_middleware(ObserveRequests, metrics=metrics)
    register_problems(app)
    for group in (score, health, monitoring, documentation):
        app.include_router(group.router)
    app.mount(documentation.ASSETS_PATH, documentation.assets())
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    assert isinstance(app, AxonApp)  # noqa: S101  # nothing else has this lifespan
    settings: ServiceSettings = app.state.service.settings
    # More requests at once than cores would fight over the interpreter and be slower together; they wait in line.
    cores = settings.threads or len(os.sched_getaffinity(0))
    anyio.to_thread.current_default_thread_limiter().total_tokens = cores
    app.watcher.start()
    yield
    app.watcher.stop()


def _version() -> str:
    try:
        return version("axon-ctr")
    except PackageNotFoundError:
        return "0"
