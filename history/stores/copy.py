"""Copies records to a store: whoever scores a file or feeds a live store starts from a snapshot so."""

import itertools
from collections.abc import Sequence

from history.stores.store import HistoryStore, Listing, Unchanged

_AT_ONCE = 50_000


def copy_records(
    source: Listing, target: HistoryStore, spaces: Sequence[str], only_if: Unchanged | None = None
) -> int:
    """Copy every record of some spaces; how many there were comes back.

    Raises:
        ChangedStoreError: If the target is no longer as `only_if` says.
    """
    copied = 0
    for space in spaces:
        records = source.records(space)
        while some := dict(itertools.islice(records, _AT_ONCE)):
            target.put({space: some}, only_if)
            copied += len(some)
    return copied
