"""Looks into the registry in the background; wanted versions that are loaded and warm go into the holder.

`service.app` starts one per process. It follows the model that answers by default, and every alias that a split or a shadow
names. A version that answers goes on answering while another one is loaded, and when it is refused: a newer one may come,
or the refused one be repaired. It also looks whether somebody has filled the store of history that a version is to ask.
"""

import logging
import threading
import time
from collections.abc import Callable
from functools import partial

from history import StoreError
from registry.durable import in_use
from registry.errors import AmbiguousModelError, RegistryError
from registry.opening import open_registry
from registry.reference import ModelRef
from registry.version import Version
from service.errors import ServiceError
from service.models.holder import ModelHolder
from service.models.live import LiveModel
from service.models.loader import tell_of_past
from service.pacing import in_slices
from service.settings import ServiceSettings

REFUSED_FOR_S = 30.0
"""How long a refused version is left alone: reading all of it every two seconds would tell nothing new."""

_TIME_TO_END_S = 0.5

Load = Callable[[Version], LiveModel]

log = logging.getLogger(__name__)


class ModelWatcher:
    """A thread that loads a wanted version as soon as it is another one than the one that answers.

    Args:
        settings: Which registry, which model, and how often to look.
        holder: Takes the loaded model, and until then the reason why there is none.
        load: Makes a version live.
        on_live: Told about every version that now answers by default.
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

    @property
    def stopping(self) -> bool:
        """Whether the thread was asked to end."""
        return self._stop.is_set()

    def is_alive(self) -> bool:
        """Whether it is still loading; a thread that only waits has ended by the time that this returns."""
        self._thread.join(_TIME_TO_END_S)
        return self._thread.is_alive()

    def _watch(self) -> None:
        while not self._stop.is_set():
            self._try(self._look, self._explain)
            for alias in self._settings.followed:
                self._try(partial(self._look_for, alias), partial(self._explain_beside, alias))
            self._try(self._look_back, self._explain)
            self._stop.wait(self._settings.poll_s)

    def _try(self, look: Callable[[], None], explain: Callable[[str], None]) -> None:
        try:
            look()
        except (RegistryError, ServiceError, OSError) as error:
            explain(str(error))
        except Exception:
            # The edge of the thread: whatever it is, the service goes on answering and looking.
            log.exception("looking for a model failed")
            explain("loading failed unexpectedly; the log has the details")

    def _look(self) -> None:
        """Follow what answers by default."""
        before = self._holder.live
        version = self.registry.resolve(self._settings.wanted or self._only(before))
        if before is not None and before.origin == version:
            self._holder.explain(None)
        elif live := self._loaded(version, self._holder.explain):
            self._holder.put(live)
            if before is not None:
                log.info("%s answers in the place of %s", version, before.origin)
            if self._on_live is not None:
                self._on_live(live)

    def _only(self, before: LiveModel | None) -> ModelRef:
        """The only model; once it answers, that one, though others have come beside it."""
        try:
            return self.registry.only()
        except AmbiguousModelError:
            if before is None:
                raise
            return ModelRef(name=before.name)

    def _look_for(self, alias: str) -> None:
        """Follow an alias, once something answers by default."""
        default, before = self._holder.live, self._holder.beside.get(alias)
        if default is None or self._stop.is_set():
            return
        number = self.registry.aliases(default.name).get(alias)
        if number is None:
            self._holder.leave(alias)
            self._explain_beside(alias, f"no version is {alias} now")
            return
        version = self.registry.resolve(ModelRef(name=default.name, at=number))
        if before is not None and before.origin == version:
            self._holder.put_beside(alias, before)
        elif live := self._loaded(version, partial(self._holder.explain_beside, alias)):
            self._holder.put_beside(alias, live)
            log.info("%s is live as %s", version, alias)

    def _look_back(self) -> None:
        """Follow stores of history: what is filled is asked from now on, and what is being filled anew is not."""
        for live, _ in self._holder.served:
            try:
                again = live.looked_again()
            except StoreError:
                continue  # whoever asks such a store is told so
            if again is not live:
                self._holder.exchange(live, again)
                tell_of_past(again)

    def _loaded(self, version: Version, explain: Callable[[str], None]) -> LiveModel | None:
        """The version, warm; None while it is left alone because it was refused."""
        for served in self._holder.served:
            if served.live.origin == version:
                return served.live
        if time.monotonic() < self._refused_until.get(version, 0.0):
            return None
        self._refused_until[version] = time.monotonic() + REFUSED_FOR_S
        log.info("loading %s", version)
        explain(f"loading {version}")
        share = 1.0 if self._holder.live is None else self._settings.load_share
        # Nobody prunes it while it is read.
        with in_use(self.registry.fetch(version).directory), in_slices(share):
            live = self._load(version)
        # A version that was served once may come back at once.
        del self._refused_until[version]
        return live

    def _explain(self, reason: str) -> None:
        if reason != self._holder.trouble:
            served = self._holder.live
            log.warning("%s: %s", f"{served.origin} goes on answering" if served else "not ready", reason)
        self._holder.explain(reason)

    def _explain_beside(self, alias: str, reason: str) -> None:
        if reason != self._holder.absent.get(alias):
            log.warning("%s is not followed: %s", alias, reason)
        self._holder.explain_beside(alias, reason)
