"""From the bytes of a body to items or users: JSON comes in, checked features by id go out.

`service.routes.entities` calls it; what a value may be `service.catalog.features` says.
"""

from collections.abc import Iterator

from features.errors import UnreadableValueError
from features.values import shown
from service.catalog.features import FeatureReader
from service.errors import FieldProblem, InvalidRequestError, TooManyRowsError
from service.scoring.body import MAX_ID_LENGTH, check_keys, decode, id_text
from service.scoring.rows import pointer_token, summary

Features = dict[str, object]


def read_entity(body: bytes, reader: FeatureReader) -> Features:
    """The features in the body ``{"features": {...}}`` of one item or user.

    Raises:
        MalformedJsonError: If it is not JSON.
        NotFiniteError: If it holds NaN or an infinity.
        InvalidRequestError: If it is something else, or a feature cannot be kept.
    """
    document = _object(decode(body), "", {"features"})
    features = _object(document.get("features"), "/features")
    _refuse(list(_problems(reader, features, "/features")))
    return features


def read_entities(body: bytes, name: str, reader: FeatureReader, *, most: int) -> dict[str, Features]:
    """The features by id in the body ``{name: [{"id": ..., "features": {...}}, ...]}``; of one id the last counts.

    Args:
        body: Of the request.
        name: What the list is called, such as ``items``.
        reader: Knows what a feature may be.
        most: So many may come at once.

    Raises:
        MalformedJsonError: If it is not JSON.
        NotFiniteError: If it holds NaN or an infinity.
        InvalidRequestError: If it is something else, or a feature cannot be kept.
        TooManyRowsError: If there are more.
    """
    document = _object(decode(body), "", {name})
    listed = document.get(name)
    if not isinstance(listed, list) or not listed:
        raise InvalidRequestError.at(f"/{name}", f"expected a list of at least one, got {shown(listed)}")
    if len(listed) > most:
        raise TooManyRowsError.at(
            f"/{name}", f"expected at most {most} {name}, got {len(listed)}: split the request"
        )
    entities: dict[str, Features] = {}
    problems: list[FieldProblem] = []
    for place, one in enumerate(listed):
        entity = _object(one, f"/{name}/{place}", {"id", "features"})
        features = _object(entity.get("features"), f"/{name}/{place}/features")
        problems += _problems(reader, features, f"/{name}/{place}/features")
        entities[read_id(entity.get("id"), f"/{name}/{place}/id")] = features
    _refuse(problems)
    return entities


def read_id(given: object, pointer: str) -> str:
    """An id as text: 123 and "123" are one.

    Raises:
        InvalidRequestError: If it is none.
    """
    try:
        key = id_text(given)
    except UnreadableValueError as error:
        raise InvalidRequestError.at(pointer, str(error)) from error
    if not 0 < len(key) <= MAX_ID_LENGTH:
        raise InvalidRequestError.at(
            pointer, f"expected an id of 1 to {MAX_ID_LENGTH} characters, got {shown(given)}"
        )
    return key


def _object(value: object, pointer: str, keys: set[str] | None = None) -> dict[str, object]:
    """The value, which is an object; with no other than the given keys, if any are given."""
    if not isinstance(value, dict):
        raise InvalidRequestError.at(pointer, f"expected an object, got {shown(value)}")
    if keys is not None:
        check_keys(value, keys, pointer)
    return value


def _problems(reader: FeatureReader, features: Features, pointer: str) -> Iterator[FieldProblem]:
    for name, reason in reader.unfit(features):
        yield FieldProblem(f"{pointer}/{pointer_token(name)}", reason)


def _refuse(problems: list[FieldProblem]) -> None:
    if problems:
        raise InvalidRequestError(summary(problems), problems)
