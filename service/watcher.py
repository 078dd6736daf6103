"""Looks into the registry in the background until a version is loaded and warm, then puts it into the holder.

`service.app` starts one per process. A version that is refused does not stop it: a newer one may come, or the old one
be repaired.
"""

import logging
import threading
import time
from collections.abc import Callable

from registry.errors import RegistryError
from registry.local import LocalRegistry
from registry.version import Version
from service.errors import ServiceError
from service.holder import ModelHolder
from service.live import LiveModel
from service.settings import ServiceSettings

REFUSED_FOR_S = 30.0
"""How long a refused version is left alone: reading all of it every two seconds would tell nothing new."""

Load = Callable[[Version], LiveModel]

log = logging.getLogger(__name__)


class ModelWatcher:
    """A thread that loads the wanted version as soon as there is one.

    Args:
        settings: Which registry, which model, and how often to look.
        holder: Takes the loaded model, and until then the reason why there is none.
        load: Makes a version live.
        on_live: Told about every version that now answers.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        holder: ModelHolder,
        load: Load,
        on_live: Callable[[LiveModel], None] | None = None,
    ) -> None:
        self._settings = settings
        self._registry = LocalRegistry(settings.registry)
        self._holder = holder
        self._load = load
        self._on_live = on_live
        self._refused_until: dict[Version, float] = {}
        self._stop = threading.Event()
        # A daemon, because nothing can interrupt TensorFlow while it loads; `service.run` sees to a clean end.
        self._thread = threading.Thread(target=self._watch, name="model-watcher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; it does so after what it is loading now."""
        self._stop.set()

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def _watch(self) -> None:
        while self._holder.live is None and not self._stop.is_set():
            try:
                self._look()
            except (RegistryError, ServiceError, OSError) as error:
                self._explain(str(error))
            except Exception:
                # The edge of the thread: whatever it is, the service goes on answering and looking.
                log.exception("looking for a model failed")
                self._explain("loading failed unexpectedly; the log has the details")
            if self._holder.live is None:
                self._stop.wait(self._settings.poll_s)

    def _look(self) -> None:
        version = self._registry.resolve(self._settings.wanted or self._registry.only())
        if time.monotonic() < self._refused_until.get(version, 0.0):
            return
        self._refused_until[version] = time.monotonic() + REFUSED_FOR_S
        self._holder.explain(f"loading {version}")
        live = self._load(version)
        self._holder.put(live)
        if self._on_live is not None:
            self._on_live(live)

    def _explain(self, reason: str) -> None:
        if reason != self._holder.reason:
            log.warning("not ready: %s", reason)
        self._holder.explain(reason)
