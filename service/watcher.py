"""Looks into the registry in the background; a wanted version that is loaded and warm goes into the holder.

`service.app` starts one per process. The version that answers goes on answering while another one is loaded, and when it is
refused: a newer one may come, or the refused one be repaired.
"""

import logging
import threading
import time
from collections.abc import Callable

from registry.durable import in_use
from registry.errors import RegistryError
from registry.opening import open_registry
from registry.version import Version
from service.errors import ServiceError
from service.holder import ModelHolder
from service.live import LiveModel
from service.settings import ServiceSettings

REFUSED_FOR_S = 30.0
"""How long a refused version is left alone: reading all of it every two seconds would tell nothing new."""

_TIME_TO_END_S = 0.5

Load = Callable[[Version], LiveModel]

log = logging.getLogger(__name__)


class ModelWatcher:
    """A thread that loads the wanted version as soon as it is another one than the one that answers.

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
        self.registry = open_registry(settings.registry, cache=settings.registry_cache)
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
        """Whether it is still loading; a thread that only waits has ended by the time that this returns."""
        self._thread.join(_TIME_TO_END_S)
        return self._thread.is_alive()

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                self._look()
            except (RegistryError, ServiceError, OSError) as error:
                self._explain(str(error))
            except Exception:
                # The edge of the thread: whatever it is, the service goes on answering and looking.
                log.exception("looking for a model failed")
                self._explain("loading failed unexpectedly; the log has the details")
            self._stop.wait(self._settings.poll_s)

    def _look(self) -> None:
        version = self.registry.resolve(self._settings.wanted or self.registry.only())
        live = self._holder.live
        if live is not None and live.origin == version:
            self._holder.explain(None)
            return
        if time.monotonic() < self._refused_until.get(version, 0.0):
            return
        self._refused_until[version] = time.monotonic() + REFUSED_FOR_S
        log.info("loading %s", version)
        self._holder.explain(f"loading {version}")
        # Nobody prunes it while it is read.
        with in_use(self.registry.fetch(version).directory):
            self._holder.put(self._load(version))
        # A version that was served once may come back at once.
        del self._refused_until[version]
        self._tell(before=live)

    def _tell(self, before: LiveModel | None) -> None:
        live = self._holder.live
        if live is None:
            return
        if before is not None:
            log.info("%s answers in the place of %s", live.origin, before.origin)
        if self._on_live is not None:
            self._on_live(live)

    def _explain(self, reason: str) -> None:
        if reason != self._holder.trouble:
            served = self._holder.live
            log.warning("%s: %s", f"{served.origin} goes on answering" if served else "not ready", reason)
        self._holder.explain(reason)
