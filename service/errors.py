"""What can keep a request from its probabilities. None of it knows HTTP: `service.problems` gives each its status.

ServiceError
├── RefusedRequestError         the request cannot be answered as it stands
│   ├── MediaTypeError              its body is no plain JSON
│   ├── BodyTooLargeError           its body has too many bytes
│   ├── MalformedJsonError          its body is not JSON
│   ├── NotFiniteError              it holds NaN or an infinity
│   ├── InvalidRequestError         its parts are not what they should be
│   ├── UnknownFeatureError         it names a feature the model was not trained on
│   ├── TooManyRowsError            it asks for too much at once
│   ├── UnknownModelError           it names a model that is not served here
│   ├── VersionNotLiveError         it wants the answer of a version that is not live here
│   ├── CannotRankError             the version cannot rank
│   ├── DeadlineHeaderError         it gives itself a time that is none
│   ├── SlowBodyError               its body does not come
│   ├── UnknownEntityError          it names an item or a user that the catalog lacks
│   ├── FeedbackOffError            it tells what people did, and nobody here keeps that
│   ├── KeyRequiredError            it changes something without the key of this service
│   ├── UnknownVersionError         it names a model or a version that the registry lacks
│   ├── RefusedMoveError            it wants an alias to move as it cannot
│   └── LoopbackOnlyError           it changes something from elsewhere, and the service has no key
├── NotReadyError               no model is loaded yet, or the service is stopping
├── OverloadedError             as many requests wait as may
├── DeadlineError               its turn did not come in time
├── HungUpError                 nobody waits for the answer any more
├── SettingsError               a setting makes no sense
├── AddressError                the service cannot listen where it was told to
├── TracingError                spans are asked for that cannot be sent
├── LoadError                   a version cannot be served
├── RegistryUnavailableError    the registry cannot be read or changed now
├── CatalogUnavailableError     the store of items and users cannot be used
├── ImportFileError             a file of items or users cannot be loaded
├── HistoryUnavailableError     what happened before cannot be looked up now
├── FeedbackUnavailableError    events cannot be kept now
└── ScoringError                the model answered something that is no probability
"""

from collections.abc import Sequence
from typing import NamedTuple, Self

MAX_PROBLEMS = 20
"""How many places one error lists: enough to see the pattern, few enough to read."""


class FieldProblem(NamedTuple):
    """One wrong place in a request: a JSON pointer (RFC 6901) and what was expected there."""

    pointer: str
    detail: str


class ServiceError(Exception):
    """Base of every error that the service room raises; its text may be shown to whoever asked."""


class RefusedRequestError(ServiceError):
    """The request cannot be answered as it stands.

    Args:
        detail: What is wrong, in a sentence.
        problems: The places, when there are any; at most `MAX_PROBLEMS` are kept.
    """

    def __init__(self, detail: str, problems: Sequence[FieldProblem] = ()) -> None:
        self.problems = tuple(problems[:MAX_PROBLEMS])
        super().__init__(detail)

    @classmethod
    def at(cls, pointer: str, detail: str) -> Self:
        """The error for one wrong place."""
        return cls(f"{pointer or 'the body'}: {detail}", [FieldProblem(pointer, detail)])


class MediaTypeError(RefusedRequestError):
    """The body is no plain JSON."""


class BodyTooLargeError(RefusedRequestError):
    """The body has too many bytes."""


class MalformedJsonError(RefusedRequestError):
    """The body is not JSON."""


class NotFiniteError(RefusedRequestError):
    """The body holds NaN or an infinity."""


class InvalidRequestError(RefusedRequestError):
    """Parts of the request are not what they should be."""


class UnknownFeatureError(RefusedRequestError):
    """The request names a feature that the model was not trained on."""


class TooManyRowsError(RefusedRequestError):
    """The request asks for too much at once."""


class UnknownModelError(RefusedRequestError):
    """The request names a model that is not served here."""


class VersionNotLiveError(RefusedRequestError):
    """The request wants the answer of a version that is not live here; the text names those that are."""


class DeadlineHeaderError(RefusedRequestError):
    """The request gives itself a time that is none."""


class SlowBodyError(RefusedRequestError):
    """The body did not come in time."""


class UnknownEntityError(RefusedRequestError):
    """The request names an item or a user that the catalog lacks."""


class FeedbackOffError(RefusedRequestError):
    """This service keeps no decisions and no feedback."""


class KeyRequiredError(RefusedRequestError):
    """The request changes something and does not carry the key of this service (AXON_API_KEY)."""


class LoopbackOnlyError(RefusedRequestError):
    """The request changes something, and a service without a key (AXON_API_KEY) allows that only on a loopback address."""


class UnknownVersionError(RefusedRequestError):
    """The request names a model, a version or an alias that the registry lacks."""


class RefusedMoveError(RefusedRequestError):
    """The alias cannot move so: there is nothing to roll back to, or it must not be taken away."""


class RegistryUnavailableError(ServiceError):
    """The registry cannot be read or changed now; what is served goes on being served."""


class CatalogUnavailableError(ServiceError):
    """The store of items and users cannot be opened, read or written."""


class ImportFileError(ServiceError):
    """A file of items or users cannot be loaded; the text names the file, the row and the reason."""


class OverloadedError(ServiceError):
    """As many requests wait as may; come again after the seconds that Retry-After says, or ask another process."""


class DeadlineError(ServiceError):
    """The request's turn did not come in the time it had, so nothing was computed; come again later."""


class HungUpError(ServiceError):
    """The client hung up before its request was computed."""


class CannotRankError(RefusedRequestError):
    """The version was exported without the parts that ranking needs."""


class NotReadyError(ServiceError):
    """No model is loaded yet, or the service is stopping."""


class SettingsError(ServiceError):
    """Settings make no sense; the text has a line for each, by the name under which it was given."""


class AddressError(ServiceError):
    """The service cannot listen where it was told to."""


class TracingError(ServiceError):
    """Spans are asked for, and the packages that send them are missing."""


class LoadError(ServiceError):
    """A version cannot be served; the text names it."""


class HistoryUnavailableError(ServiceError):
    """What happened before the rows cannot be looked up now; the history's store does not answer."""


class FeedbackUnavailableError(ServiceError):
    """Events cannot be kept now, so none of the request is acknowledged; send them again."""


class ScoringError(ServiceError):
    """The model answered something that is no probability."""
