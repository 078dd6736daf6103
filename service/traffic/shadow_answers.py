"""What another version would have said: a body and the answer that was given come in, the other's probabilities go out.

`service.traffic.shadow` calls it in its own thread. A ranked request is asked again about the answered items alone: about what
nobody was shown, nobody will ever tell anything.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from service.answered import Answered
from service.models.live import LiveModel
from service.openapi import RANK_PATH, SCORE_PATH
from service.ranking.rank_request import RankRequest, read_rank_request
from service.scoring.body import read_score_request
from service.scoring.scorer import score

Float64Array = NDArray[np.float64]


class Compared(NamedTuple):
    """Both answers to one request, in the order of the given one.

    Attributes:
        items: Answered ids; empty for a request to score, whose rows have none.
        given: Probabilities that were returned, shape ``(n,)``.
        shadow: Those of the other version, shape ``(n,)``.
    """

    items: list[str]
    given: Float64Array
    shadow: Float64Array


@dataclass(frozen=True)
class Largest:
    """The limits of one request, as they were when it was answered."""

    rows: int
    candidates: int


def compare(path: str, body: bytes, answered: Answered, live: LiveModel, largest: Largest) -> Compared:
    """Let a version answer what another one has answered.

    Args:
        path: Of the request.
        body: Of the request.
        answered: What was returned.
        live: The other version.
        largest: Limits of a request.

    Raises:
        ServiceError: If it cannot answer, because it takes other features, for instance.
    """
    return _COMPARED[path](body, answered, live, largest)


def _scored(body: bytes, answered: Answered, live: LiveModel, largest: Largest) -> Compared:
    rows = read_score_request(body, max_rows=largest.rows).rows
    given = orjson.loads(answered.body)["probabilities"]
    return Compared([], np.array(given, np.float64), score(rows, live).probabilities.astype(np.float64))


def _ranked(body: bytes, answered: Answered, live: LiveModel, largest: Largest) -> Compared:
    items = orjson.loads(answered.body)["items"]
    ids = [item["id"] for item in items]
    given = np.array([item["probability"] for item in items], np.float64)
    if not ids:
        return Compared(ids, given, given)
    request = read_rank_request(body, max_candidates=largest.candidates)
    (ranked,) = live.ranking.rank([_about(request, ids)])
    # By item, because the other version has an order of its own.
    places = dict(zip(ranked.ids, ranked.probabilities.tolist(), strict=True))
    return Compared(ids, given, np.array([places[item] for item in ids], np.float64))


def _about(request: RankRequest, ids: list[str]) -> RankRequest:
    """The same question about these items alone, with the features that came with them."""
    came = {request.ids[place]: features for place, features in request.described.items()}
    described = {place: came[item] for place, item in enumerate(ids) if item in came}
    return replace(request, ids=ids, described=described, wanted=None, k=None, list_unknown=False)


_COMPARED: dict[str, Callable[[bytes, Answered, LiveModel, Largest], Compared]] = {
    SCORE_PATH: _scored,
    RANK_PATH: _ranked,
}
