"""From the bytes of a body to a question of rank: JSON comes in, a `RankRequest` goes out, its features not yet read.

`service.ranking.rank` calls it; `service.ranking.sides` reads the features.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from features.errors import UnreadableValueError
from features.raw import MISSING_TEXT
from features.values import shown
from service.errors import InvalidRequestError, TooManyRowsError
from service.scoring.body import check_keys, decode, id_text, read_model

Features = Mapping[str, Any]
"""Values by column, as JSON has them."""

USER, CONTEXT, CANDIDATES = "/user/features", "/context", "/candidates"

_KEYS = frozenset({"model", "user", "context", "candidates", "k", "unknown"})
_ENTITY_KEYS = frozenset({"id", "features"})
_UNKNOWN = ("score", "list")
_NOTHING: Features = {}
_JOINED = ", "


@dataclass(frozen=True)
class RankRequest:
    """What was asked.

    Attributes:
        model: Which model; None for the one that is served.
        user_id: Empty for a user without one.
        user: Features of the user; they override those of the catalog.
        context: Features of the moment.
        ids: Of the candidates; empty where a filter finds them.
        described: Features of candidates, by their place; the others come with nothing but their id.
        wanted: Values by column that the candidates have; None where they are listed.
        k: How many of the best are answered; None for all.
        list_unknown: Whether ids that the catalog lacks are left out and named, rather than scored.
    """

    model: str | None
    user_id: str
    user: Features
    context: Features
    ids: list[str]
    described: dict[int, Features]
    wanted: Features | None
    k: int | None
    list_unknown: bool


def read_rank_request(body: bytes, *, max_candidates: int) -> RankRequest:
    """Decode the body of a rank request.

    Raises:
        MalformedJsonError: If it is not JSON.
        NotFiniteError: If it holds NaN or an infinity.
        InvalidRequestError: If its parts are not what they should be.
        TooManyRowsError: If it lists more than `max_candidates`.
    """
    document = decode(body)
    if not isinstance(document, dict):
        raise InvalidRequestError.at(
            "", f'expected an object such as {{"user": ..., "candidates": [...]}}, got {shown(document)}'
        )
    check_keys(document, _KEYS, "", _JOINED)
    model = read_model(document)
    user_id, user = _entity(document.get("user"), "/user")
    context = _features(document.get("context"), CONTEXT)
    ids, described, wanted = _candidates(document.get("candidates"), max_candidates)
    return RankRequest(
        model=model,
        user_id=user_id,
        user=user or _NOTHING,
        context=context or _NOTHING,
        ids=ids,
        described=described,
        wanted=wanted,
        k=_count(document.get("k")),
        list_unknown=_choice(document.get("unknown")) == "list",
    )


def example_question(rows: Sequence[Any], size: int) -> RankRequest:
    """So many candidates for the user of the first of some rows; the items of the rows, again and again."""
    items = [row.get("item", {}) for row in rows]
    return RankRequest(
        model=None,
        user_id=MISSING_TEXT,
        user=rows[0].get("user", {}),
        context=rows[0].get("context", {}),
        ids=[str(place) for place in range(size)],
        described={place: items[place % len(items)] for place in range(size)},
        wanted=None,
        k=None,
        list_unknown=False,
    )


def _candidates(given: object, most: int) -> tuple[list[str], dict[int, Features], Features | None]:
    if isinstance(given, dict):
        return [], {}, _filter(given)
    if not isinstance(given, list):
        expected = 'expected a list of ids, or {"filter": {...}}'
        raise InvalidRequestError.at(CANDIDATES, f"{expected}, got {shown(given)}")
    if not given:
        raise InvalidRequestError.at(CANDIDATES, "expected at least one candidate, got an empty list")
    if len(given) > most:
        detail = f"expected at most {most} candidates, got {len(given)}: split the request"
        raise TooManyRowsError.at(CANDIDATES, detail)
    if set(map(type, given)) == {str} and MISSING_TEXT not in given and _is_utf8(given):
        return given, {}, None
    return *_entities(given), None


def _filter(given: dict[str, Any]) -> Features:
    check_keys(given, {"filter"}, CANDIDATES)
    wanted = given.get("filter")
    if not isinstance(wanted, dict) or not wanted:
        detail = f'expected an object such as {{"category": "shoes"}}, got {shown(wanted)}'
        raise InvalidRequestError.at(f"{CANDIDATES}/filter", detail)
    return wanted


def _entities(given: list[Any]) -> tuple[list[str], dict[int, Features]]:
    """Ids, and features by place where candidates have some."""
    # The quick answer for what nearly all such lists are; below are the words for the others.
    if set(map(type, given)) == {dict} and set(map(len, given)) == {len(_ENTITY_KEYS)}:
        with contextlib.suppress(KeyError):
            texts, features = (list(map(itemgetter(key), given)) for key in ("id", "features"))
            sound = set(map(type, texts)) == {str} and MISSING_TEXT not in texts and _is_utf8(texts)
            if sound and set(map(type, features)) == {dict}:
                return texts, dict(enumerate(features))
    ids: list[str] = []
    described: dict[int, Features] = {}
    for place, candidate in enumerate(given):
        pointer = f"{CANDIDATES}/{place}"
        item, own = _entity(candidate, pointer)
        if not item:
            expected = f"expected an id, or an object with one, got {shown(candidate)}"
            raise InvalidRequestError.at(pointer, expected)
        ids.append(item)
        if own is not None:
            described[place] = own
    return ids, described


def _is_utf8(texts: list[str]) -> bool:
    joined = "".join(texts)
    return joined.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in joined)


def _entity(given: object, pointer: str) -> tuple[str, Features | None]:
    """An id and features, of which either may be absent."""
    if not isinstance(given, dict):
        return _id(given, pointer), None
    check_keys(given, _ENTITY_KEYS, pointer, _JOINED)
    return _id(given.get("id"), f"{pointer}/id"), _features(given.get("features"), f"{pointer}/features")


def _id(given: object, pointer: str) -> str:
    try:
        return id_text(given)
    except UnreadableValueError as error:
        raise InvalidRequestError.at(pointer, f"an id: {error}") from error


def _features(given: object, pointer: str) -> Features | None:
    if given is None:
        return None
    if not isinstance(given, dict):
        raise InvalidRequestError.at(pointer, f"expected an object of features by name, got {shown(given)}")
    return given


def _count(given: object) -> int | None:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise InvalidRequestError.at("/k", f"expected a whole number above 0, got {shown(given)}")
    return given


def _choice(given: object) -> object:
    if given is not None and given not in _UNKNOWN:
        raise InvalidRequestError.at("/unknown", f"expected score or list, got {shown(given)}")
    return given
