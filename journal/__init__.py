"""What was decided and what people did about it, as records on disc or in Redis: `service` writes them, `training` reads them."""

from journal.errors import JournalAddressError, JournalError, JournalFullError, JournalWriteError
from journal.files import FileJournal, Rotation
from journal.journal import Journal, Record, Tail
from journal.opening import SCHEMES, open_journal
from journal.retention import Retention

DECISIONS, FEEDBACK = "decisions", "feedback"
"""The journals that every service keeps side by side at one address."""

SHADOWS = "shadows"
"""The journal beside them of a service with a shadow: what that would have answered, and nobody was told."""

__all__ = [
    "DECISIONS",
    "FEEDBACK",
    "SCHEMES",
    "SHADOWS",
    "FileJournal",
    "Journal",
    "JournalAddressError",
    "JournalError",
    "JournalFullError",
    "JournalWriteError",
    "Record",
    "Retention",
    "Rotation",
    "Tail",
    "open_journal",
]
