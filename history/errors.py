"""What can go wrong with the history: raised by `history.stores` and `history.counters`, translated by whoever asked.

HistoryError
└── StoreError          a store cannot be opened, read or written, or holds other records than were expected
    └── BusyStoreError  somebody else writes it
"""


class HistoryError(Exception):
    """Base of every error of this room."""


class StoreError(HistoryError):
    """A store cannot be opened, read or written, or holds other records than were expected."""


class BusyStoreError(StoreError):
    """Somebody else writes the store; there may be one writer at a time."""
