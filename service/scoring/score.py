"""The bodies of score requests come in, a batch at a time, and one answer for each goes out.

`service.batching.engine` calls it: what is wrong with one request is said in its own answer, and the others share one call of
the model.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import orjson

from service.answered import Answered
from service.decisions.decision_log import DecisionLog
from service.errors import HistoryUnavailableError, RefusedRequestError
from service.metrics.metrics import ServiceMetrics
from service.models.holder import ModelHolder
from service.models.live import LiveModel
from service.openapi import SCORE_PATH
from service.problems import refused
from service.scoring.body import read_score_request
from service.scoring.scorer import Scored, score


@dataclass(frozen=True)
class ScoreHandler:
    """Answers `SCORE_PATH`.

    Args:
        holder: Knows by which names the live model may be asked for.
        metrics: Told once per batch.
        max_rows: Most rows of one request.
        log: Notes a share of the rows; None where nobody wants them noted.
    """

    holder: ModelHolder
    metrics: ServiceMetrics
    max_rows: int
    log: DecisionLog | None = None

    def __call__(self, live: LiveModel, bodies: list[bytes]) -> list[Answered]:
        """One answer per body.

        Raises:
            ScoringError: If the model's answer to any of the rows is no probability.
        """
        read = [self._read(body) for body in bodies]
        asked = [rows for rows in read if isinstance(rows, list)]
        answers = iter(self._answer(live, asked) if asked else ())
        return [next(answers) if isinstance(rows, list) else rows for rows in read]

    def _read(self, body: bytes) -> list[object] | Answered:
        try:
            request = read_score_request(body, max_rows=self.max_rows)
            self.holder.pick(request.model)
        except RefusedRequestError as error:
            return refused(error, SCORE_PATH)
        return request.rows

    def _answer(self, live: LiveModel, asked: Sequence[list[object]]) -> list[Answered]:
        """Answers to requests whose rows nobody has looked into yet."""
        rows_of_all = [row for rows in asked for row in rows]
        try:
            scored = score(rows_of_all, live)
        except RefusedRequestError as error:
            if len(asked) == 1:
                return [refused(error, SCORE_PATH)]
            return self._apart(live, asked)
        except HistoryUnavailableError as error:
            return [refused(error, SCORE_PATH)] * len(asked)
        self.metrics.scored(live, scored)
        self.metrics.features.scored(live, rows_of_all)
        noted = [] if self.log is None else self.log.scored(live, rows_of_all, scored)
        return _shares(live, scored, [len(rows) for rows in asked], noted)

    def _apart(self, live: LiveModel, asked: Sequence[list[object]]) -> list[Answered]:
        """Refusals for those who deserve one; all others are scored together."""
        refusals: dict[int, Answered] = {}
        for place, rows in enumerate(asked):
            try:
                live.reader.read(rows)
            except RefusedRequestError as error:
                refusals[place] = refused(error, SCORE_PATH)
        sound = [rows for place, rows in enumerate(asked) if place not in refusals]
        answers = iter(self._answer(live, sound) if sound else ())
        return [refusals.get(place) or next(answers) for place in range(len(asked))]


def _shares(live: LiveModel, scored: Scored, sizes: Sequence[int], noted: Sequence[str]) -> list[Answered]:
    """Each request's part of the probabilities, written as its answer."""
    head = {"model": live.name, "version": live.version}
    columns = {"probabilities": scored.probabilities, **scored.targets}
    answers = []
    end = 0
    for size in sizes:
        start, end = end, end + size
        part = {name: np.ascontiguousarray(column[start:end]) for name, column in columns.items()}
        body = orjson.dumps(head | part, option=orjson.OPT_SERIALIZE_NUMPY)
        answers.append(Answered(200, body, live=live, noted=tuple(noted[start:end])))
    return answers
