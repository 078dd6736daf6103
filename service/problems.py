"""Every error as an RFC 9457 problem document: an exception comes in, ``application/problem+json`` goes out.

The one place where errors get a status. `service.app` registers the handlers, `service.openapi` describes the
document, and ``/problems/<kind>`` explains each kind.
"""

import http
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from service import errors
from service.answered import Answered
from service.scoring.rows import pointer_token

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2
"""When a client that was told 'not ready' may ask again."""

_COME_AGAIN = (429, 503)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kind:
    """One kind of problem: the last part of its type's address, its status and its title."""

    slug: str
    status: int
    title: str


KINDS: dict[type[errors.ServiceError], Kind] = {
    errors.MediaTypeError: Kind("unsupported-media-type", 415, "The body is no plain JSON"),
    errors.BodyTooLargeError: Kind("body-too-large", 413, "The body has too many bytes"),
    errors.MalformedJsonError: Kind("malformed-json", 400, "The body is not JSON"),
    errors.NotFiniteError: Kind("not-finite", 422, "A number is not finite"),
    errors.InvalidRequestError: Kind(
        "invalid-request", 422, "A part of the request is not what it should be"
    ),
    errors.UnknownFeatureError: Kind(
        "unknown-feature", 422, "The model does not have a feature of the request"
    ),
    errors.TooManyRowsError: Kind("too-many-rows", 422, "The request has too many rows"),
    errors.UnknownModelError: Kind("unknown-model", 404, "The model is not served here"),
    errors.VersionNotLiveError: Kind("version-not-live", 404, "The version is not live here"),
    errors.CannotRankError: Kind("cannot-rank", 409, "The version that is served cannot rank"),
    errors.DeadlineHeaderError: Kind("invalid-deadline", 400, "The request's own deadline cannot be read"),
    errors.SlowBodyError: Kind("body-too-slow", 408, "The body did not come in time"),
    errors.OverloadedError: Kind("overloaded", 429, "Too many requests wait already"),
    errors.DeadlineError: Kind("deadline-passed", 503, "The request's turn did not come in time"),
    errors.UnknownEntityError: Kind("unknown-entity", 404, "The catalog lacks the item or user"),
    errors.KeyRequiredError: Kind("key-required", 401, "The request needs the key of this service"),
    errors.LoopbackOnlyError: Kind(
        "loopback-only", 403, "Without a key, only this machine may change anything"
    ),
    errors.UnknownVersionError: Kind("unknown-version", 404, "The registry lacks the model or version"),
    errors.RefusedMoveError: Kind("refused-move", 409, "The alias cannot move so"),
    errors.RegistryUnavailableError: Kind(
        "registry-unavailable", 503, "The registry cannot be read or changed now"
    ),
    errors.CatalogUnavailableError: Kind(
        "catalog-unavailable", 503, "The items and users cannot be looked up now"
    ),
    errors.FeedbackOffError: Kind("feedback-off", 404, "No feedback is kept here"),
    errors.FeedbackUnavailableError: Kind("feedback-unavailable", 503, "The events cannot be kept now"),
    errors.NotReadyError: Kind("not-ready", 503, "No model is ready yet"),
    errors.HistoryUnavailableError: Kind("history-unavailable", 503, "The history cannot be looked up now"),
    errors.ScoringError: Kind("scoring-failed", 500, "The model did not answer with probabilities"),
}
INTERNAL = Kind("internal-error", 500, "The service failed")


class ProblemField(BaseModel):
    """One wrong place of a request."""

    pointer: str = Field(description="JSON pointer (RFC 6901) into the body")
    detail: str


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = Field(description="address of an explanation of this kind of problem")
    title: str
    status: int
    detail: str
    instance: str = Field(description="path of the request")
    errors: list[ProblemField] = Field(default=[], description="the wrong places, at most twenty")


def register_problems(app: FastAPI) -> None:
    """Let the application answer every error with a problem document."""
    app.add_exception_handler(errors.ServiceError, _on_service_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_validation_error)


def failed(path: str) -> Answered:
    """The answer when nothing is known but that it failed; the log has the rest."""
    return _answer(INTERNAL, "an unexpected error; the service's log has the details", path)


def refused(error: errors.ServiceError, path: str) -> Answered:
    """The answer that an error is.

    Args:
        error: One that does not stand in `KINDS` is a failure of the service.
        path: Of the request.
    """
    kind = next((KINDS[base] for base in type(error).__mro__ if base in KINDS), INTERNAL)
    if kind.status == 500:
        log.error("%s failed", path, exc_info=error)
    headers = {"Retry-After": str(RETRY_AFTER_S)} if kind.status in _COME_AGAIN else {}
    if kind.status == 401:
        headers = {"WWW-Authenticate": "Bearer"}
    places = error.problems if isinstance(error, errors.RefusedRequestError) else ()
    return _answer(kind, str(error), path, places=places, headers=headers)


def internal_error(path: str) -> Response:
    """`failed`, as the framework sends it."""
    return _response(failed(path))


def _on_service_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.ServiceError)  # noqa: S101  # registered for nothing else
    return _response(refused(error, request.url.path))


def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for nothing else
    title = http.HTTPStatus(error.status_code).phrase
    kind = Kind(title.lower().replace(" ", "-"), error.status_code, title)
    allowed = (error.headers or {}).get("Allow")
    detail = {
        404: f"nothing is at {request.url.path}; /docs lists what is",
        405: f"{request.method} is not possible at {request.url.path}; expected {allowed}",
    }.get(error.status_code, str(error.detail))
    return _response(_answer(kind, detail, request.url.path, headers=error.headers or {}))


def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # registered for nothing else
    places = [
        errors.FieldProblem("".join(f"/{pointer_token(str(part))}" for part in wrong["loc"]), wrong["msg"])
        for wrong in error.errors()[: errors.MAX_PROBLEMS]
    ]
    kind = KINDS[errors.InvalidRequestError]
    detail = f"{places[0].pointer}: {places[0].detail}"
    return _response(_answer(kind, detail, request.url.path, places=places))


def _response(answered: Answered) -> Response:
    return Response(answered.body, answered.status, dict(answered.headers), answered.media_type)


def _answer(
    kind: Kind,
    detail: str,
    path: str,
    *,
    places: tuple[errors.FieldProblem, ...] | list[errors.FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
) -> Answered:
    document: dict[str, Any] = {
        "type": f"/problems/{kind.slug}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": path,
    }
    if places:
        document["errors"] = [place._asdict() for place in places]
    return Answered(kind.status, orjson.dumps(document), MEDIA_TYPE, headers=tuple((headers or {}).items()))
