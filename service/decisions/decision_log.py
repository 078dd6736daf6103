"""Answers of the service come in, a share of them goes to the journal of decisions, with what the model saw.

`service.ranking.rank` and `service.scoring.score` call it on their thread, which waits for no disc.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.raw import MISSING_TIME, from_json
from journal.records import Columns, Decision, Described, new_decision_id
from journal.writer import JournalWriter
from service.decisions.seen import asker, candidates
from service.models.live import LiveModel
from service.past.past import clock_ms
from service.ranking.rank_request import RankRequest
from service.ranking.ranked import Ranked
from service.scoring.scorer import Scored
from service.watch.promises import Promises

_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True)
class DecisionLog:
    """Notes decisions.

    Args:
        writer: Of the journal of decisions.
        rate_rank: Share of ranked requests that are noted, 0 to 1.
        rate_score: Share of scored rows that are noted, 0 to 1.
        described: Most candidates of a decision whose features are kept.
        promises: Told about noted rankings, to see whether their probabilities come true.
    """

    writer: JournalWriter
    rate_rank: float
    rate_score: float
    described: int
    promises: Promises | None = None

    def ranked(self, live: LiveModel, asked: RankRequest, ranked: Ranked, decision_id: str) -> bool:
        """Note the answer to a question of rank, if it falls into the share that is noted: whether it did."""
        if not _chosen(self.rate_rank):
            return False
        columns = _columns(live)
        user, context = asker(live, ranked)
        decision = Decision(
            decision_id=decision_id,
            at_ms=clock_ms(),
            model=live.name,
            version=live.version,
            columns=columns,
            user=Described(asked.user_id or _id(user, columns.user), user),
            context=context,
            candidates=candidates(live, ranked, self.described),
            probabilities=list(ranked.probabilities),
            positions=list(range(1, len(ranked.ids) + 1)),
            targets={name: list(values) for name, values in ranked.targets.items()},
        )
        self.writer.offer(decision.record())
        if self.promises is not None:
            self.promises.decided(decision)
        return True

    def scored(self, live: LiveModel, rows: Sequence[Any], scored: Scored) -> list[str]:
        """Note scored rows, as they came; each is a decision about one item, found again by user, item and time.

        Returns:
            The id of each row's decision, empty for a row that is not noted; nothing at all where none ever is.
        """
        if self.rate_score == 0:
            return []
        noted = [""] * len(rows)
        for place, row in enumerate(rows):
            if _chosen(self.rate_score):
                decision = _of_row(live, row, place, scored)
                self.writer.offer(decision.record())
                noted[place] = decision.decision_id
        return noted


def _of_row(live: LiveModel, row: Mapping[str, Any], place: int, scored: Scored) -> Decision:
    user, item, context = (row.get(side) or _NOTHING for side in ("user", "item", "context"))
    columns, now = _columns(live), clock_ms()
    return Decision(
        decision_id=new_decision_id(now),
        at_ms=now,
        model=live.name,
        version=live.version,
        columns=columns,
        user=Described(_id(user, columns.user), dict(user)),
        context=_with_moment(live, context),
        candidates=[Described(_id(item, columns.item), dict(item))],
        probabilities=[np.float32(scored.probabilities[place]).item()],
        positions=[1],
        targets={name: [float(values[place])] for name, values in scored.targets.items()},
    )


def _with_moment(live: LiveModel, context: Mapping[str, Any]) -> dict[str, Any]:
    """A context whose time was read: who joins knows milliseconds alone, and not in what form a task has its times."""
    time = live.manifest.impression_time
    if time is None or context.get(time.column) is None:
        return dict(context)
    read = from_json(time, context[time.column])
    return {**context, time.column: None if read == MISSING_TIME else read}


def _id(features: Mapping[str, Any], column: str | None) -> str:
    value = None if column is None else features.get(column)
    return "" if value is None else str(value)


def _columns(live: LiveModel) -> Columns:
    manifest = live.manifest
    time = manifest.impression_time
    return Columns(manifest.user_key, manifest.item_key, None if time is None else time.column)


def _chosen(rate: float) -> bool:
    return rate >= 1 or random.random() < rate  # noqa: S311  # which are noted is no secret
