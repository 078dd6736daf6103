"""Copies records to a store: whoever scores a file or feeds a live store starts from a snapshot so."""

import itertools
from collections.abc import Sequence

from history.stores.store import HistoryStore, Listing

_AT_ONCE = 50_000


def copy_records(source: Listing, target: HistoryStore, spaces: Sequence[str]) -> int:
    """Copy every record of some spaces; how many there were comes back."""
    copied = 0
    for space in spaces:
        records = source.records(space)
        while some := dict(itertools.islice(records, _AT_ONCE)):
            target.put({space: some})
            copied += len(some)
    return copied
