"""The items of a model, brought from the store into memory, and kept as the store has them.

`service.catalog.catalog` builds a table before a version goes live, and lets it follow every change from then on.
"""

import logging
from collections.abc import Mapping

import orjson

from features.spec import FeatureSpec
from registry.manifest import Manifest
from service.catalog.importing import Progress
from service.catalog.store import Entity, EntityStore
from service.catalog.table import BATCH, Compute, ItemTable, batches

log = logging.getLogger(__name__)


def build_table(
    spec: FeatureSpec, manifest: Manifest, compute: Compute, store: EntityStore, progress: Progress
) -> ItemTable:
    """All items of the store, as the model sees them.

    Args:
        spec: Of the model.
        manifest: Names the column that an item's id fills.
        compute: The model's item half.
        store: Where the items are.
        progress: Told how many are in.

    Raises:
        CatalogUnavailableError: If the store cannot be read.
        ScoringError: If the model cannot compute.
    """
    table = ItemTable(spec, manifest.item_key, compute)
    # Before the first item is read: what changes meanwhile is brought in later.
    table.revision = store.revision(Entity.ITEM)
    expected = store.count(Entity.ITEM)
    table.reserve(expected)
    for some in batches(store.all(Entity.ITEM), BATCH):
        table.upsert({key: orjson.loads(features) for key, features in some})
        progress(f"computing items: {len(table):,} of {expected:,}")
    for column, values in table.unreadable.items():
        log.warning(
            "%s of %d items is not what %s reads; it counts as missing", column, values, manifest.name
        )
    for column in table.lacking():
        log.warning(
            "no item of the catalog has a value of %s, which %s reads: it counts as missing; is the column called so in the file?",
            column,
            manifest.name,
        )
    return table


def bring_in(table: ItemTable, changes: Mapping[str, bytes | None]) -> None:
    """Let the table know of changed items, and of those that are gone (None)."""
    with table.changing:
        table.remove([key for key, features in changes.items() if features is None])
        table.upsert(
            {key: orjson.loads(features) for key, features in changes.items() if features is not None}
        )
