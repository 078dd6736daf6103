"""The bodies of rank requests come in, a batch at a time, and one answer for each goes out.

`service.batching.engine` calls it: what is wrong with one request is said in its own answer, and the others share calls of the
model.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import orjson

from journal.records import new_decision_id
from service.answered import Answered
from service.decisions.decision_log import DecisionLog
from service.errors import CatalogUnavailableError, HistoryUnavailableError, RefusedRequestError
from service.metrics.metrics import ServiceMetrics
from service.models.holder import ModelHolder
from service.models.live import LiveModel
from service.openapi import RANK_PATH
from service.past.past import clock_ms
from service.problems import refused
from service.ranking.rank_request import RankRequest, read_rank_request
from service.ranking.ranked import Ranked
from service.scoring.scorer import Scored


@dataclass(frozen=True)
class RankHandler:
    """Answers `RANK_PATH`.

    Args:
        holder: Knows by which names the live model may be asked for.
        metrics: Told once per batch.
        max_candidates: Most candidates that one request may list.
        log: Notes the answers; None where nobody wants them noted.
    """

    holder: ModelHolder
    metrics: ServiceMetrics
    max_candidates: int
    log: DecisionLog | None = None

    def __call__(self, live: LiveModel, bodies: list[bytes]) -> list[Answered]:
        """One answer per body.

        Raises:
            ScoringError: If the model's answer to any of the candidates is no probability.
        """
        read = [self._read(body) for body in bodies]
        asked = [request for request in read if isinstance(request, RankRequest)]
        answers = iter(self._answer(live, asked) if asked else ())
        return [next(answers) if isinstance(request, RankRequest) else request for request in read]

    def _read(self, body: bytes) -> RankRequest | Answered:
        try:
            request = read_rank_request(body, max_candidates=self.max_candidates)
            self.holder.pick(request.model)
        except RefusedRequestError as error:
            return refused(error, RANK_PATH)
        return request

    def _answer(self, live: LiveModel, asked: Sequence[RankRequest]) -> list[Answered]:
        try:
            ranked = live.ranking.rank(asked)
        except RefusedRequestError as error:
            if len(asked) == 1:
                return [refused(error, RANK_PATH)]
            # Somebody's features are wrong: everybody answers for their own.
            return [answer for request in asked for answer in self._answer(live, [request])]
        except (CatalogUnavailableError, HistoryUnavailableError) as error:
            return [refused(error, RANK_PATH)] * len(asked)
        self.metrics.scored(live, Scored(np.concatenate([one.scored for one in ranked]), {}))
        self.metrics.features.ranked(live, ranked)
        ids = [new_decision_id(clock_ms()) for _ in ranked]
        answers = [_answered(live, one, decision_id) for one, decision_id in zip(ranked, ids, strict=True)]
        if self.log is not None:
            for place, (request, one) in enumerate(zip(asked, ranked, strict=True)):
                if self.log.ranked(live, request, one, ids[place]):
                    answers[place] = answers[place]._replace(noted=(ids[place],))
        return answers


def _answered(live: LiveModel, ranked: Ranked, decision_id: str) -> Answered:
    names = ("probability", *ranked.targets)
    columns = (ranked.probabilities, *ranked.targets.values())
    items = [
        {"id": item, "rank": rank, **dict(zip(names, probabilities, strict=True))}
        for rank, (item, *probabilities) in enumerate(zip(ranked.ids, *columns, strict=True), 1)
    ]
    answer = {
        "decision_id": decision_id,
        "model": live.name,
        "version": live.version,
        "items": items,
        "unknown": ranked.unknown,
    }
    return Answered(
        200, orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY), live=live, decision_id=decision_id
    )
