"""From the bytes of a body to a request: JSON comes in, a `ScoreRequest` with unread rows goes out.

`service.routes.score` calls it; `service.scoring.rows` reads the rows.
"""

import json
import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from features.raw import from_json
from features.spec import RawInput, RawKind, Side
from features.values import shown
from service.errors import (
    MAX_PROBLEMS,
    FieldProblem,
    InvalidRequestError,
    MalformedJsonError,
    NotFiniteError,
    TooManyRowsError,
)
from service.scoring.rows import nearest, pointer_token, summary

MAX_ID_LENGTH = 512
"""Most characters of an id that is kept."""

_KEYS = frozenset({"model", "rows"})
_ID = RawInput(column="id", side=Side.ITEM, kind=RawKind.TEXT)
_OBJECT, _OURS, _COMPLETE = "model_type", "value_error", {"missing", "extra_forbidden"}
"""What pydantic calls a value that is no object, one that our own code refuses, and what it tells well itself."""

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True)
class ScoreRequest:
    """What was asked: which model (None for the one that is served), and the rows, not yet looked into."""

    model: str | None
    rows: list[object]


@dataclass(frozen=True)
class _NotFinite:
    """Stands where the body has a number that is none."""

    literal: str


def read_score_request(body: bytes, *, max_rows: int) -> ScoreRequest:
    """Decode the body of a score request.

    Raises:
        MalformedJsonError: If it is not JSON.
        NotFiniteError: If it holds NaN or an infinity; the error says where.
        InvalidRequestError: If it is no object with the right keys and a non-empty list of rows.
        TooManyRowsError: If it has more than `max_rows`.
    """
    document = decode(body)
    if not isinstance(document, dict):
        raise InvalidRequestError.at(
            "", f'expected an object such as {{"rows": [...]}}, got {shown(document)}'
        )
    check_keys(document, _KEYS, "")
    model, rows = read_model(document), document.get("rows")
    if not isinstance(rows, list):
        raise InvalidRequestError.at("/rows", f"expected a list of rows, got {shown(rows)}")
    if not rows:
        raise InvalidRequestError.at("/rows", "expected at least one row, got an empty list")
    if len(rows) > max_rows:
        raise TooManyRowsError.at(
            "/rows", f"expected at most {max_rows} rows, got {len(rows)}: split the request"
        )
    return ScoreRequest(model, rows)


def decode(body: bytes) -> object:
    """Read JSON as RFC 8259 has it.

    Raises:
        MalformedJsonError: If it is not JSON.
        NotFiniteError: If it would be JSON but for NaN or infinities.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        problems = _not_finite_numbers(body)
        if problems:
            detail = f"{problems[0].pointer}: {problems[0].detail}"
            raise NotFiniteError(detail, problems) from error
        raise MalformedJsonError(f"the body is not JSON: {error}") from error


def check_keys(document: dict[str, Any], known: Collection[str], pointer: str, joined: str = " and ") -> None:
    """Refuse an object with other keys.

    Raises:
        InvalidRequestError: If it has one.
    """
    for key in document.keys() - known:
        detail = f"unknown key: expected only {joined.join(sorted(known))}{nearest(key, known)}"
        raise InvalidRequestError.at(f"{pointer}/{pointer_token(key)}", detail)


def read_model(document: dict[str, Any]) -> str | None:
    """The model that a request names; None where it names none.

    Raises:
        InvalidRequestError: If it is no name.
    """
    model = document.get("model")
    if model is not None and not isinstance(model, str):
        raise InvalidRequestError.at("/model", f"expected the name of a model, got {shown(model)}")
    return model


def id_text(given: object) -> str:
    """An id as text, empty where there is none: 123 and "123" are one.

    Raises:
        UnreadableValueError: If it is neither a text nor a number.
    """
    return str(from_json(_ID, given))


def checked(model: type[_Model], document: object) -> _Model:
    """A document as the model has it.

    Raises:
        InvalidRequestError: If it is something else; the error says where.
    """
    try:
        return model.model_validate(document)
    except ValidationError as error:
        problems = [
            FieldProblem("".join(f"/{pointer_token(str(part))}" for part in wrong["loc"]), _reason(wrong))
            for wrong in error.errors(include_url=False)
        ]
        raise InvalidRequestError(summary(problems), problems) from error


def _reason(wrong: ErrorDetails) -> str:
    """What was expected and, where that is not plain, what came."""
    if wrong["type"] == _OURS:
        return str(wrong["ctx"]["error"])
    if wrong["type"] in _COMPLETE:
        return wrong["msg"]
    expected = "expected an object" if wrong["type"] == _OBJECT else wrong["msg"]
    return f"{expected}, got {shown(wrong['input'])}"


def _not_finite_numbers(body: bytes) -> list[FieldProblem]:
    """Where a body that was refused has NaN, an infinity or a number too large; empty if it is broken otherwise.

    The standard library reads such numbers, slowly; it is asked only when the quick reader has refused.
    """
    try:
        document = json.loads(body, parse_constant=_NotFinite, parse_float=_float)
    except (ValueError, RecursionError):
        return []
    problems: list[FieldProblem] = []
    unseen: list[tuple[str, Any]] = [("", document)]
    while unseen and len(problems) < MAX_PROBLEMS:
        pointer, value = unseen.pop()
        if isinstance(value, _NotFinite):
            problems.append(
                FieldProblem(pointer, f"expected a finite number, or null if missing, got {value.literal}")
            )
        elif isinstance(value, dict):
            unseen.extend(
                (f"{pointer}/{pointer_token(key)}", inner) for key, inner in reversed(value.items())
            )
        elif isinstance(value, list):
            unseen.extend((f"{pointer}/{index}", value[index]) for index in reversed(range(len(value))))
    return problems


def _float(literal: str) -> float | _NotFinite:
    number = float(literal)
    return number if math.isfinite(number) else _NotFinite(literal)
