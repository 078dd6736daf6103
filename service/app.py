"""The web application: settings come in, a FastAPI application that loads its model by itself goes out.

`service.run` serves it. Importing this file imports neither TensorFlow nor any dataframe library.
"""

import asyncio
import contextlib
import gc
import logging
import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import anyio.to_thread
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from registry.version import Version
from service.batching.engine import Engine, Handler
from service.batching.waiting_room import Limits
from service.catalog.catalog import open_catalog
from service.decisions.opening import Decisions, open_decisions
from service.errors import ServiceError
from service.metrics.metrics import ServiceMetrics
from service.metrics.served_metrics import ServedMetrics
from service.models.holder import ModelHolder
from service.models.live import LiveModel
from service.models.loader import load_version, warm_up_ranking
from service.models.watcher import ModelWatcher
from service.openapi import RANK_PATH, SCORE_PATH, describe
from service.problems import register_problems
from service.ranking.rank import RankHandler
from service.ranking.ranker import Ranker
from service.routes import documentation, entities, feedback, health, models, monitoring, rank, score
from service.scoring.score import ScoreHandler
from service.settings import ServiceSettings
from service.state import Service
from service.telling.opening import open_teller
from service.traffic.shadow import Shadow, ShadowMetrics
from service.traffic.shadow_answers import Largest
from service.traffic.traffic import Routed
from service.transport.hot import HotPath
from service.transport.middleware import ObserveRequests
from service.watch.background import Background
from service.watch.features import FeatureWatch
from service.watch.opening import open_background

log = logging.getLogger(__name__)

_LOOK_S = 0.05


class AxonApp(FastAPI):
    """FastAPI, whose description of itself shows the features of the model that is loaded at the moment.

    Args:
        service: What the routes use.
        watcher: Started and stopped with the application.
        engine: Answers what comes the short way; stopped with the application.

    Attributes:
        hot: The short way; `service.transport.connection` takes it too.
        opens_after: What else must be so before the port opens, beside a model that answers, asked with the seconds since there
            is one; None opens it at once.
    """

    background: Background
    loop: asyncio.AbstractEventLoop
    opens_after: Callable[[float], bool] | None = None
    shadow: Shadow | None = None

    def __init__(self, service: Service, watcher: ModelWatcher, engine: Engine) -> None:
        super().__init__(title="Axon", version=_version(), docs_url=None, redoc_url=None, lifespan=_lifespan)
        self.state.service = service
        self.watcher = watcher
        self.engine = engine
        self.hot = HotPath(service, engine)

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        way = self.hot if self.hot.takes(scope) else super().__call__
        await way(scope, receive, send)

    @override
    def openapi(self) -> dict[str, Any]:
        service: Service = self.state.service
        return describe(
            self.routes,
            service.holder.live,
            version=self.version,
            max_rows=service.settings.max_rows,
            max_candidates=service.settings.max_candidates,
        )


def create_app(settings: ServiceSettings, *, on_live: Callable[[LiveModel], None] | None = None) -> AxonApp:
    """An application that answers at once, and scores as soon as its registry has a version; `on_live` is told then."""
    metrics = ServiceMetrics(FeatureWatch(settings.watch_rows_per_s, settings.watch_window_s))
    holder = ModelHolder(settings.wanted, settings.followed)
    catalog = open_catalog(settings)

    def load(origin: Version) -> LiveModel:
        started = time.monotonic()
        live = load_version(
            origin, threads=settings.threads, history=settings.history, runtime=settings.runtime
        )
        items = catalog.build(live.fitted.spec, live.manifest, live.runtime.item_states, holder.explain)
        live = replace(live, ranker=Ranker(live, items, catalog.store, settings.max_candidates))
        warm_up_ranking(live)
        # What changed while its items were computed was brought in for the other versions alone. A loop that ends brings in nothing.
        if not watcher.stopping:
            asyncio.run_coroutine_threadsafe(_followed(app.state.service), app.loop).result()
        metrics.loaded(live, time.monotonic() - started)
        _keep_collections_short()
        return live

    decisions = open_decisions(settings, metrics)
    metrics.registry.register(ServedMetrics(holder))
    shadow = _shadow(settings, holder, metrics, decisions)
    engine = _engine(settings, holder, metrics, decisions, shadow)
    watcher = ModelWatcher(settings, holder, load, on_live)
    teller = open_teller(settings)
    app = AxonApp(
        Service(settings, holder, metrics, engine, catalog, watcher.registry, decisions, teller),
        watcher,
        engine,
    )
    app.background = open_background(metrics, engine, watcher.registry, decisions)
    app.shadow = shadow
    app.add_middleware(ObserveRequests, metrics=metrics, teller=teller)
    register_problems(app)
    for group in (score, rank, feedback, entities, models, health, monitoring, documentation):
        app.include_router(group.router)
    app.mount(documentation.ASSETS_PATH, documentation.assets())
    return app


def _engine(
    settings: ServiceSettings,
    holder: ModelHolder,
    metrics: ServiceMetrics,
    decisions: Decisions | None,
    shadow: Shadow | None,
) -> Engine:
    log = None if decisions is None else decisions.log
    handlers: dict[str, Handler] = {
        SCORE_PATH: ScoreHandler(holder, metrics, settings.max_rows, log),
        RANK_PATH: RankHandler(holder, metrics, settings.max_candidates, log),
    }
    routed: dict[str, Handler] = {
        path: Routed(path, handler, holder, settings.shares, shadow) for path, handler in handlers.items()
    }
    limits = Limits(settings.queue_size, settings.queue_bytes)
    # A store that hangs must not hold up the loop.
    stores = [address for address in (settings.history, settings.entities) if address is not None]
    is_remote = not all(address.startswith(("memory:", "sqlite:")) for address in stores)
    return Engine(holder, routed, replace(limits, inline_s=0.0) if is_remote else limits)


def _shadow(
    settings: ServiceSettings, holder: ModelHolder, metrics: ServiceMetrics, decisions: Decisions | None
) -> Shadow | None:
    """The shadow that the settings name; None where they name none."""
    if settings.shadow is None:
        return None
    return Shadow(
        holder,
        settings.shadow,
        Largest(settings.max_rows, settings.max_candidates),
        settings.shadow_queue_bytes,
        ShadowMetrics(metrics.registry),
        None if decisions is None else decisions.shadows,
    )


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    assert isinstance(app, AxonApp)  # noqa: S101  # nothing else has this lifespan
    settings: ServiceSettings = app.state.service.settings
    # More requests at once than cores would fight over the interpreter and be slower together; they wait in line.
    cores = settings.threads or len(os.sched_getaffinity(0))
    anyio.to_thread.current_default_thread_limiter().total_tokens = cores
    app.loop = asyncio.get_running_loop()
    app.watcher.start()
    app.background.start()
    if app.shadow is not None:
        app.shadow.start(lambda: app.engine.idle)
    following = asyncio.create_task(_follow(app.state.service))
    if app.opens_after is not None:
        await _ready(app.state.service.holder, app.opens_after)
        await _followed(app.state.service)
    yield
    following.cancel()
    app.watcher.stop()
    app.background.stop()
    if app.shadow is not None:
        app.shadow.stop()
    app.engine.stop()
    if app.state.service.decisions is not None:
        app.state.service.decisions.close()
    app.state.service.teller.tracer.close()


def _keep_collections_short() -> None:
    """Let the garbage collector leave alone what stays, such as modules and the model.

    Looking through all of it took 180 ms with TensorFlow loaded. What a request makes is freed without the collector.
    """
    gc.collect()
    gc.freeze()
    # The rows of one request are thousands of objects: by default each request would pay for several collections.
    gc.set_threshold(50_000, 10, 10)


async def _ready(holder: ModelHolder, others: Callable[[float], bool]) -> None:
    """Return as soon as a model answers and the others are so far; or when all is to stop."""
    since = time.monotonic()
    while not holder.stopping:
        if holder.live is None:
            since = time.monotonic()
        elif others(time.monotonic() - since):
            return
        await asyncio.sleep(_LOOK_S)


async def _follow(service: Service) -> None:
    """Bring in what other processes change in the catalog, until cancelled."""
    while True:
        await asyncio.sleep(service.settings.poll_s)
        await _followed(service)


async def _followed(service: Service) -> None:
    try:
        await service.catalog.follow(service.engine.run)
    except ServiceError as error:
        log.warning("the catalog cannot be followed: %s", error)


def _version() -> str:
    try:
        return version("axon-ctr")
    except PackageNotFoundError:
        return "0"
