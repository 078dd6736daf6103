"""What can go wrong with the registry.

RegistryError
├── UnusableNameError       a name, alias or reference is not one
├── NothingPublishedError   there is no version at all where one was looked for
├── UnknownVersionError     there are versions, but not the one that was asked for
├── AmbiguousModelError     several models are there and none was named
├── RefusedMoveError        an alias cannot be moved so
├── StoreUnavailableError   the object store does not answer, or refuses
├── IntegrityError          files are not what the manifest says
└── PublishError            publishing failed; what was published before stands
"""


class RegistryError(Exception):
    """Base of every error that the registry room raises; its text says what was expected, what came, what to do."""


class UnusableNameError(RegistryError, ValueError):
    """A name, an alias or a reference is not one."""


class NothingPublishedError(RegistryError):
    """There is no version at all where one was looked for."""


class UnknownVersionError(RegistryError):
    """There are versions, but not the one that was asked for."""


class AmbiguousModelError(RegistryError):
    """Several models are there and none was named."""


class RefusedMoveError(RegistryError):
    """An alias cannot be moved so: there is nothing to roll back to, or it must not be taken away."""


class StoreUnavailableError(RegistryError):
    """The object store does not answer, or refuses; what was published before stands."""


class IntegrityError(RegistryError):
    """Files are not what the manifest says; the text names the version and the file."""


class PublishError(RegistryError):
    """Publishing failed; what was published before stands."""
