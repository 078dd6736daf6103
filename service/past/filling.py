"""Where the past of a version is looked up: in the store that the service is told of or, until somebody has filled that, in its own snapshot.

`service.models.loader` makes one of these, and `service.models.watcher` looks again and again which past it is, so that no request has to.
"""

from dataclasses import dataclass

from features.spec import Activity, Recent
from history import HistoryStore
from history.stores.filling import is_filled
from service.past.past import Past


@dataclass(frozen=True)
class Pasts:
    """Both pasts of a version.

    Attributes:
        store: That somebody keeps up to date, or will.
        features: Those of history.
        live: What the store knows.
        snapshot: What was known at the end of training.
    """

    store: HistoryStore
    features: tuple[Activity | Recent, ...]
    live: Past
    snapshot: Past

    def now(self) -> Past:
        """The one to ask.

        Raises:
            StoreError: If the store cannot be read.
        """
        return self.live if is_filled(self.store, self.features) else self.snapshot
