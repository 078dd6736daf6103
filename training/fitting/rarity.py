"""How often every id occurs in the training slice: an encoded store comes in, counts and what follows from them go out.

From `training.fitting.descent` the embeddings get the prices of their rows, and `training.fitting.step` how often to
show an id as out of vocabulary.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from features.layout import EncodedLayout
from features.spec import FIRST_OOV_ID, PADDING_ID
from training.encoding.encode import UNKNOWN_IS_MISSING
from training.encoding.store import EncodedStore

BLOCK_ROWS = 65_536
"""Rows counted at once."""

HALF_DROPPED = 1_000
"""Impressions of an id that is dropped half as often as one that hardly ever occurs."""

Counts = Mapping[str, NDArray[np.float64]]
"""For each field an array ``(rows,)``, padding included."""


def occurrences_of_ids(store: EncodedStore, layout: EncodedLayout) -> Counts:
    """How often each id occurs in a store."""
    counts = {field.name: np.zeros(field.rows) for field in layout.ids}
    for records in store.batches(BLOCK_ROWS):
        for field in layout.ids:
            ids = records["ids"][:, field.start : field.stop].ravel()
            counts[field.name] += np.bincount(ids, minlength=field.rows)
    return counts


def ids_of_unknown(droppable: int) -> list[int]:
    """The ids of a column that an unknown value may get.

    Args:
        droppable: How many OOV ids there are, at least one, or `UNKNOWN_IS_MISSING`.
    """
    if droppable == UNKNOWN_IS_MISSING:
        return [PADDING_ID]
    return list(range(FIRST_OOV_ID, FIRST_OOV_ID + droppable))


def drop_rates(
    occurrences: Counts, layout: EncodedLayout, droppable: NDArray[np.int32], id_dropout: float
) -> Counts:
    """The chance that training shows an id as OOV instead, in [0, 1): the rarer it is, the larger.

    ``id_dropout * HALF_DROPPED / (HALF_DROPPED + n)`` for an id that occurs ``n`` times. A value that comes later is
    one more value, not one more impression of a popular one: the OOV embeddings should have seen every known id about
    equally often, and a feature with few values, which hardly gets new ones, should not be hidden for their sake.

    Args:
        occurrences: Of each id in the training slice.
        layout: Its columns.
        droppable: The number of OOV ids of each id column that ``id_dropout`` touches, or `UNKNOWN_IS_MISSING`, else 0.
        id_dropout: The chance of an id that hardly ever occurs.

    Returns:
        The fields that lose ids; padding and OOV ids are never lost.
    """
    rates = {}
    for field in layout.ids:
        if id_dropout and droppable[field.start]:
            rates[field.name] = id_dropout * HALF_DROPPED / (HALF_DROPPED + occurrences[field.name])
            rates[field.name][: max(ids_of_unknown(droppable[field.start])) + 1] = 0.0
    return rates


def looked_up(
    occurrences: Counts, rates: Counts, layout: EncodedLayout, droppable: NDArray[np.int32]
) -> Counts:
    """How often an epoch is to look up each id, when some are replaced by one of the OOV ids of their field."""
    expected = dict(occurrences)
    for field in layout.ids:
        if field.name in rates:
            dropped = rates[field.name] * occurrences[field.name]
            expected[field.name] = occurrences[field.name] - dropped
            unknown = ids_of_unknown(droppable[field.start])
            expected[field.name][unknown] += dropped.sum() / len(unknown)
    return expected
