"""What can go wrong with a journal.

JournalError
├── JournalAddressError     the address of a journal is none, or nobody answers there
├── JournalWriteError       records could not be written, such as on a full disc; those before them are safe
└── JournalFullError        as many records wait to be written as may
"""


class JournalError(Exception):
    """Base of every error that the journal room raises."""


class JournalAddressError(JournalError):
    """The address of a journal is none, or nobody answers there."""


class JournalWriteError(JournalError):
    """Records could not be written; those before them are safe."""


class JournalFullError(JournalError):
    """As many records wait to be written as may."""
