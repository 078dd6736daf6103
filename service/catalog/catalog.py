"""The catalog of one service: files, requests and new versions come in; the store and the items in memory follow.

`service.app` makes one. `service.routes.entities` changes it, and a version's items are built before it goes live.
"""

import asyncio
import logging
import math
import time
import weakref
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path

from starlette.concurrency import run_in_threadpool

from features.spec import FeatureSpec
from registry.manifest import Manifest
from service.catalog.building import bring_in, build_table
from service.catalog.features import FeatureReader
from service.catalog.importing import Import, Progress, import_file
from service.catalog.opening import open_entities
from service.catalog.store import Entity
from service.catalog.table import Compute, ItemTable, batches
from service.errors import CannotRankError, LoadError
from service.settings import ServiceSettings

Run = Callable[[Callable[[], None]], Awaitable[None]]
"""Lets the thread that reads the items do something between two requests."""

_AT_ONCE = 512
"""Changed items that are computed in one go; between two of them requests have their turn."""

log = logging.getLogger(__name__)


_TELL_EVERY_S = 1.0


class Catalog:
    """Items and users by id, and the items of the newest version in memory.

    Args:
        address: Of the store.
        files: What is imported before the first version goes live.

    Attributes:
        store: Where the entities are.
        table: Items as the version sees them that was built last; None before, and for one that cannot rank.
    """

    def __init__(self, address: str, files: Mapping[Entity, Path]) -> None:
        self._address = address
        self._to_import = dict(files)
        self._following = asyncio.Lock()
        self.store = open_entities(address)
        self.table: ItemTable | None = None
        # Several versions may be live, each with items of its own; a table lives as long as its version does.
        self._tables: tuple[weakref.ref[ItemTable], ...] = ()

    def build(
        self, spec: FeatureSpec, manifest: Manifest, compute: Compute, progress: Progress
    ) -> ItemTable | None:
        """The items as a new version sees them; files that are still to be imported are imported first.

        Args:
            spec: Of the version.
            manifest: Of the version.
            compute: Its item half.
            progress: Told in words how far it is.

        Raises:
            LoadError: If a file is to be imported whose ids the version has no column for.
            ImportFileError: If a file cannot be imported.
            CatalogUnavailableError: If the store cannot be used.
        """
        seldom = _seldom(progress)
        for kind, path in list(self._to_import.items()):
            self._import(kind, path, spec, manifest, seldom)
            del self._to_import[kind]
        try:
            self.table = build_table(spec, manifest, compute, self.store, seldom)
            living = [known for known in self._tables if known() is not None]
            self._tables = (*living, weakref.ref(self.table))
        except CannotRankError as error:
            # It may still score whole rows; who asks it to rank is told the same.
            log.warning("%s ranks no items of the catalog: %s", manifest.name, error)
            self.table = None
        return self.table

    async def follow(self, run: Run) -> None:
        """Bring what has changed in the store into memory, whoever changed it, for every version in memory.

        Raises:
            CatalogUnavailableError: If the store cannot be read.
            ScoringError: If the model cannot compute a changed item.
        """
        # One after the other: what was read first must not be written last.
        async with self._following:
            for known in self._tables:
                table = known()
                if table is None:
                    continue
                changes = await run_in_threadpool(self.store.changes, Entity.ITEM, table.revision)
                for some in batches(changes.entities.items(), _AT_ONCE):
                    await run(partial(bring_in, table, dict(some)))
                table.revision = changes.revision

    def _import(
        self, kind: Entity, path: Path, spec: FeatureSpec, manifest: Manifest, progress: Progress
    ) -> None:
        key = manifest.item_key if kind is Entity.ITEM else manifest.user_key
        if key is None:
            raise LoadError(
                f"{path} cannot be imported: {manifest.name} does not know which column has the {kind}s' ids; "
                f"name it with data.{kind}_key and train again"
            )
        reader = FeatureReader.of(spec, kind, key)
        wanted = Import(address=self._address, kind=kind, path=path, key=key, inputs=reader.inputs)
        import_file(wanted, progress)


def open_catalog(settings: ServiceSettings) -> Catalog:
    """The catalog that the settings name.

    Raises:
        CatalogUnavailableError: If its store cannot be opened.
    """
    files = {Entity.ITEM: settings.catalog, Entity.USER: settings.users}
    return Catalog(settings.entities, {kind: path for kind, path in files.items() if path is not None})


def _seldom(progress: Progress) -> Progress:
    """Told every second or so, and into the log."""
    told_s = -math.inf

    def tell(text: str) -> None:
        nonlocal told_s
        if time.monotonic() - told_s >= _TELL_EVERY_S:
            told_s = time.monotonic()
            log.info("%s", text)
            progress(text)

    return tell
