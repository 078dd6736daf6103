"""What can go wrong with the history: raised by `history.stores` and `history.counters`, translated by whoever asked.

HistoryError
└── StoreError              a store cannot be opened, read or written, or holds other records than were expected
    ├── BusyStoreError      somebody else writes it
    └── ChangedStoreError   somebody else has written it since it was read
"""


class HistoryError(Exception):
    """Base of every error of this room."""


class StoreError(HistoryError):
    """A store cannot be opened, read or written, or holds other records than were expected."""


class BusyStoreError(StoreError):
    """Somebody else writes the store; there may be one writer at a time."""


class ChangedStoreError(StoreError):
    """Somebody else has written the store since it was read, so nothing was kept: read it again."""
