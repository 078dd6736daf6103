"""Whether a store is filled: a record in it is the cursor of who feeds it, or says that it is being filled.

`training.remembering` writes the record; the service looks before it asks a store that perhaps nobody has filled.
"""

import json
import secrets
from collections.abc import Sequence

from features.spec import Activity, Recent
from history.stores.store import HistoryStore, Unchanged

SPACE = "~remembered"
"""No feature of history can be called so."""
KEY = "cursor"

_FILLING = b"filling "
"""Begins what stands in the place of the cursor while somebody fills the store: a word of his own, so that nobody else does."""


def found_in(store: HistoryStore) -> Unchanged:
    """What stands in the place of the cursor, whatever it is."""
    (record,) = store.get({SPACE: [KEY]})[SPACE]
    return Unchanged(SPACE, KEY, record)


def being_filled(record: bytes) -> bool:
    """Whether what stands in the place of the cursor says that somebody fills the store, or began to."""
    return record.startswith(_FILLING)


def fill(store: HistoryStore, before: Unchanged) -> Unchanged:
    """Begin to fill a store.

    Returns:
        What is so as long as nobody else begins.

    Raises:
        ChangedStoreError: If somebody has written since `before`.
    """
    word = _FILLING + secrets.token_hex(8).encode()
    store.put({SPACE: {KEY: word}}, before)
    return Unchanged(SPACE, KEY, word)


def is_filled(store: HistoryStore, features: Sequence[Activity | Recent]) -> bool:
    """Whether a store can be asked: somebody has filled it to the end with these features, or keeps records and no cursor.

    A store that was filled for another version may count otherwise under the same name, such as with another half-life.

    Args:
        store: Of one model.
        features: Its features of history.

    Raises:
        StoreError: If the store cannot be read.
    """
    record = found_in(store).record
    # Records without one cost Redis a look at all its names: done only before there is one.
    if record is not None:
        return not being_filled(record) and _definitions_in(record) == definitions_of(features)
    return any(next(store.records(feature.name), None) is not None for feature in features)


def _definitions_in(cursor: bytes) -> object:
    """What the records of a store mean, as its cursor has it; None where it does not say."""
    try:
        return json.loads(cursor)["definitions"]
    except (ValueError, KeyError, TypeError):
        return None


def definitions_of(features: Sequence[Activity | Recent]) -> dict[str, str]:
    """What decides what a record means, in words, by the name of the feature."""
    return {feature.name: _definition(feature) for feature in features}


def _definition(feature: Activity | Recent) -> str:
    of = ", ".join(feature.of)
    if isinstance(feature, Activity):
        return f"activity of {of}" + "".join(f", half-life {one}" for one in feature.half_lives)
    return f"the last {feature.max_length} {feature.collects} of {of}"
