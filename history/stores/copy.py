"""Copies records from one store to another: a snapshot is made so, and a server starts from one so."""

import itertools
from collections.abc import Sequence

from history.stores.store import HistoryStore

_AT_ONCE = 50_000


def copy_records(source: HistoryStore, target: HistoryStore, spaces: Sequence[str]) -> int:
    """Copy every record of some spaces; how many there were comes back."""
    copied = 0
    for space in spaces:
        records = source.records(space)
        while some := dict(itertools.islice(records, _AT_ONCE)):
            target.put({space: some})
            copied += len(some)
    return copied
