"""What can go wrong with the history: raised by `history.stores` and `history.counters`, translated by whoever asked."""


class HistoryError(Exception):
    """Base of every error of this room."""


class StoreError(HistoryError):
    """A store cannot be opened, read or written, or holds other records than were expected."""
