"""The process: settings come in, a server that stops gracefully runs until it is told to.

``axon serve`` calls `serve`.
"""

import contextlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType

import uvicorn
from typing_extensions import override

from service.app import AxonApp, create_app
from service.errors import AddressError
from service.models.live import LiveModel
from service.settings import ServiceSettings
from service.telling.log_format import set_up_log
from service.transport.connection import Connection
from service.workers import Door, Workers

log = logging.getLogger(__name__)


OnLive = Callable[[str, LiveModel], None]
"""Told the address and the model; importable, because workers start afresh."""

_SWITCH_S = 0.0005
_GRACE_S = 5.0
_PATIENCE_S = 10.0
"""How long a worker with a model waits for the first to have one, unless that one fills the catalog."""
_BACKLOG = 2048


def serve(settings: ServiceSettings, *, on_live: OnLive | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then stop: not ready, drain, close, return.

    SIGTERM leaves balancers `drain_s` to notice; SIGINT, which a person sends, closes at once.

    Args:
        settings: Where to listen and what to serve.
        on_live: Told the address and the model as soon as there is one to score with.

    Raises:
        AddressError: If it cannot listen where the settings say.
    """
    _log(settings)
    listener = _listen(settings.host, settings.port)
    if settings.workers == 1:
        _serve_here(settings, create_app(settings, on_live=_told(settings, on_live, listener)), listener)
        return
    port = listener.getsockname()[1]
    listener.close()
    cores = len(os.sched_getaffinity(0))
    threads = settings.threads or max(1, cores // settings.workers)
    share = settings.model_copy(update={"port": port, "threads": threads})
    patience_s = settings.drain_s + settings.stop_s + _GRACE_S
    # Bound, not listening: the port stays ours while workers come and go.
    with _bound(settings.host, port):
        Workers(settings.workers, partial(_work, share, on_live), patience_s).run()


def _work(settings: ServiceSettings, on_live: OnLive | None, number: int, door: Door) -> None:
    """What a worker does; the first speaks for all."""
    _log(settings)
    # A socket of its own, because workers that share one share the connections badly: the first that wakes takes them all.
    listener = _bound(settings.host, settings.port)
    tell = _told(settings, on_live, listener) if number == 0 else None

    def ready(live: LiveModel) -> None:
        door.ready[number] = 1
        if tell is not None:
            tell(live)

    # One imports, the others follow: two would overwrite each other, and what was changed in between.
    files = {} if number == 0 else {"catalog": None, "users": None}
    app = create_app(settings.model_copy(update=files), on_live=ready)
    if door.at_once:
        listener.listen(_BACKLOG)
    else:
        app.opens_after = lambda waited_s: (
            bool(door.ready[0]) or (waited_s > _PATIENCE_S and not _imports(settings))
        )
    _serve_here(settings, app, listener)


def _imports(settings: ServiceSettings) -> bool:
    return settings.catalog is not None or settings.users is not None


def _told(
    settings: ServiceSettings, on_live: OnLive | None, listener: socket.socket
) -> Callable[[LiveModel], None] | None:
    return None if on_live is None else partial(on_live, _address(settings, listener))


def _address(settings: ServiceSettings, listener: socket.socket) -> str:
    return f"http://{settings.host}:{listener.getsockname()[1]}"


def _serve_here(settings: ServiceSettings, app: AxonApp, listener: socket.socket) -> None:
    """Serve in this process."""
    # The engine's thread must not wait 5 ms, Python's default, whenever the event loop is busy too.
    sys.setswitchinterval(_SWITCH_S)
    config = uvicorn.Config(
        app,
        http=partial(Connection, hot=app.hot),  # type: ignore[arg-type]  # called like the class
        ws="none",  # whatever is installed beside us
        log_config=None,
        log_level=settings.log_level,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nobody looks at the client's address
        timeout_graceful_shutdown=settings.stop_s,
    )
    if app.opens_after is None:
        log.info("listens on %s", _address(settings, listener))
    else:
        log.info("opens its port once it is ready")
    GracefulServer(config, app).run(sockets=[listener])
    if app.watcher.is_alive():
        _leave_while_loading()


class GracefulServer(uvicorn.Server):
    """uvicorn's server, which says 'not ready' before it closes its port, and whose process then ends with 0."""

    def __init__(self, config: uvicorn.Config, app: AxonApp) -> None:
        super().__init__(config)
        self._app = app

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        service = self._app.state.service
        again = service.holder.stopping
        service.holder.stop()
        # A port that is not open yet needs no draining.
        if sig == signal.SIGTERM and not again and service.settings.drain_s and self.started:
            # A timer, because a handler must return for the loop to go on answering.
            threading.Timer(service.settings.drain_s, super().handle_exit, (sig, frame)).start()
        else:
            super().handle_exit(sig, frame)

    @contextlib.contextmanager
    @override
    def capture_signals(self) -> Iterator[None]:
        # uvicorn's own raises the signal again after a graceful stop, and the process would die of it.
        before = {sig: signal.signal(sig, self.handle_exit) for sig in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for sig, handler in before.items():
                signal.signal(sig, handler)


def _log(settings: ServiceSettings) -> None:
    set_up_log(settings.log_level, settings.log_format)


def _listen(host: str, port: int) -> socket.socket:
    """The socket, before anything else starts: a taken port is told at once."""
    try:
        return socket.create_server((host, port), family=_family(host), backlog=_BACKLOG)
    except OSError as error:
        raise AddressError(
            f"cannot listen on {host}:{port}: {error.strerror}; name another address with AXON_HOST and AXON_PORT"
        ) from error


def _bound(host: str, port: int) -> socket.socket:
    """A socket that shares its port with others of this service; the system spreads connections over those that listen."""
    bound = socket.socket(_family(host))
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    # Connections of a service that was here a moment ago do not stand in the way.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((host, port))
    return bound


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _leave_while_loading() -> None:
    """End the process at once: TensorFlow, interrupted while it loads in its thread, would abort it instead."""
    log.info("stopped while a model was loading")
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
