"""What happened before: event-ordered counters, rates and sequences per key, and the stores that keep them.

`training` replays a log through a `History`, `service` asks one that is kept up to date; both run the same code. Its
values are raw inputs of the exported graph.
"""

from history.columns import Impressions, KeyColumn
from history.errors import HistoryError, StoreError
from history.history import Answers, History, Outcomes, Questions, has_moment
from history.stores.store import HistoryStore

__all__ = [
    "Answers",
    "History",
    "HistoryError",
    "HistoryStore",
    "Impressions",
    "KeyColumn",
    "Outcomes",
    "Questions",
    "StoreError",
    "has_moment",
]
