"""How often every id occurs in the training slice: an encoded store comes in, counts per field go out.

`training.fitting.descent` hands them to the embeddings, whose rows then pay once per epoch however often they are shown.
"""

import numpy as np
from numpy.typing import NDArray

from features.layout import EncodedLayout
from features.spec import FIRST_OOV_ID
from training.store import EncodedStore

BLOCK_ROWS = 65_536
"""Rows counted at once."""


def occurrences_of_ids(
    store: EncodedStore, layout: EncodedLayout, droppable: NDArray[np.int32], id_dropout: float
) -> dict[str, NDArray[np.float64]]:
    """How often training looks up each id in an epoch: counted, and with dropped ids expected.

    Args:
        store: The training slice.
        layout: Its columns.
        droppable: The number of OOV ids of each id column that ``id_dropout`` touches, else 0.
        id_dropout: Share of ids that are looked up as OOV instead.

    Returns:
        For each field an array ``(rows,)``, padding included.
    """
    counts = {field.name: np.zeros(field.rows) for field in layout.ids}
    for records in store.batches(BLOCK_ROWS):
        for field in layout.ids:
            ids = records["ids"][:, field.start : field.stop].ravel()
            counts[field.name] += np.bincount(ids, minlength=field.rows)
    return {
        field.name: _with_drops(counts[field.name], int(droppable[field.start]), id_dropout)
        for field in layout.ids
    }


def _with_drops(counts: NDArray[np.float64], buckets: int, id_dropout: float) -> NDArray[np.float64]:
    """The counts to expect when some known ids are replaced by one of the OOV ids."""
    first_known = FIRST_OOV_ID + buckets
    expected = counts.copy()
    if buckets:
        expected[FIRST_OOV_ID:first_known] += id_dropout * counts[first_known:].sum() / buckets
        expected[first_known:] *= 1.0 - id_dropout
    return expected
