"""Which version answers a request: bodies come in, a batch at a time, and each goes to a live version's handler.

`service.app` puts a `Routed` around the handlers of `service.scoring.score` and `service.ranking.rank`, and `service.transport.hot` asks `pinned`. A
request is answered by one version, in this order: the one that its address names, the one that its body names, the one that
its user's share falls to, the one that serves by default.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import parse_qs

import orjson

from features.errors import UnreadableValueError
from service.answered import Answered
from service.batching.engine import Handler
from service.errors import InvalidRequestError, UnknownModelError
from service.models.holder import ModelHolder
from service.models.live import LiveModel
from service.openapi import RANK_PATH, SCORE_PATH
from service.scoring.body import id_text
from service.traffic.shadow import Shadow
from service.traffic.split import Split


class PinnedBody(bytes):
    """The body of a request whose address names the version that shall answer it."""

    live: LiveModel

    @classmethod
    def of(cls, body: bytes, live: LiveModel) -> Self:
        """The same bytes, for this version."""
        pinned = cls(body)
        pinned.live = live
        return pinned


def pinned(query: bytes, holder: ModelHolder) -> LiveModel | None:
    """The version that the query of an address names, as in ``?version=7``; None where it names none.

    Raises:
        InvalidRequestError: If it names several.
        VersionNotLiveError: If it names one that is not live here.
        NotReadyError: If it names one, and none is live yet.
    """
    versions = parse_qs(query.decode("latin-1"), keep_blank_values=True).get("version")
    if versions is None:
        return None
    if len(versions) > 1:
        raise InvalidRequestError(f"?version: expected one version, got {len(versions)}")
    return holder.at(versions[0])


@dataclass(frozen=True)
class Routed:
    """A handler whose requests are answered by the versions that they belong to.

    Args:
        path: Of its requests.
        handler: Answers them, one version's at a time.
        holder: Has the live versions.
        split: Which users belong to which alias.
        shadow: Is offered every answer; None where there is no shadow.
    """

    path: str
    handler: Handler
    holder: ModelHolder
    split: Split
    shadow: Shadow | None = None

    def __call__(self, live: LiveModel, bodies: list[bytes]) -> list[Answered]:
        """One answer per body; `live` is the version that serves by default."""
        if self.holder.beside or PinnedBody in map(type, bodies):
            answers = self._by_version(live, bodies)
        else:
            answers = self.handler(live, bodies)
        if self.shadow is not None:
            self.shadow.offer(self.path, bodies, answers)
        return answers

    def _by_version(self, default: LiveModel, bodies: list[bytes]) -> list[Answered]:
        """The same for several versions: each gets its bodies as one batch."""
        lives = [self._live_for(default, body) for body in bodies]
        if all(live is default for live in lives):
            return self.handler(default, list(map(bytes, bodies)))
        places: dict[int, list[int]] = {}
        for place, live in enumerate(lives):
            places.setdefault(id(live), []).append(place)
        answers: dict[int, Answered] = {}
        for own in places.values():
            # Plain bytes: the reader of JSON takes no other kind.
            answered = self.handler(lives[own[0]], [bytes(bodies[place]) for place in own])
            answers |= dict(zip(own, answered, strict=True))
        return [answers[place] for place in range(len(bodies))]

    def _live_for(self, default: LiveModel, body: bytes) -> LiveModel:
        """What is wrong with a body is not said here: the version that serves by default refuses it."""
        if isinstance(body, PinnedBody):
            return body.live
        if not self.split.divides and not _may_name_a_model(body):
            return default
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            return default
        if not isinstance(document, dict):
            return default
        model = document.get("model")
        if isinstance(model, str) and model != default.name:
            return self._named(model, default)
        return self._by_user(document, default) if self.split.divides else default

    def _named(self, model: str, default: LiveModel) -> LiveModel:
        try:
            return self.holder.pick(model)
        except UnknownModelError:
            return default

    def _by_user(self, document: dict[str, Any], default: LiveModel) -> LiveModel:
        user_id = _USER_OF[self.path](document, default.manifest.user_key)
        alias = self.split.alias_of(_text(user_id))
        # The share of an alias that is no version's now falls back to the default.
        return default if alias is None else self.holder.beside.get(alias, default)


def _may_name_a_model(body: bytes) -> bool:
    """False spares the reading of a body that names none; a name may be written with escapes."""
    return b'"model"' in body or b"\\u" in body


def _first_user(document: dict[str, Any], key: str | None) -> object:
    """The id of the user of a score request's first row."""
    rows = document.get("rows")
    row = rows[0] if isinstance(rows, list) and rows else None
    return _feature(row.get("user") if isinstance(row, dict) else None, key)


def _asker(document: dict[str, Any], key: str | None) -> object:
    """The id of the user of a rank request: as such, or among its features."""
    user = document.get("user")
    if not isinstance(user, dict):
        return user
    identity = user.get("id")
    return _feature(user.get("features"), key) if identity in (None, "") else identity


def _feature(features: object, key: str | None) -> object:
    return features.get(key) if isinstance(features, dict) and key is not None else None


_USER_OF: dict[str, Callable[[dict[str, Any], str | None], object]] = {
    SCORE_PATH: _first_user,
    RANK_PATH: _asker,
}


def _text(user_id: object) -> str:
    """An id as the catalog and the encoder read it, so that 7 and "7" are one user; empty for none."""
    try:
        return id_text(user_id)
    except UnreadableValueError:
        return ""
