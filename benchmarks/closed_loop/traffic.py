"""A round's traffic: visits go to the service as questions, what people do goes back as feedback, measured rounds come out.

`benchmarks.closed_loop.loop` calls it between two retrainings.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.closed_loop.shop import Reaction, Shop, Visits
from benchmarks.closed_loop.system import Client
from simulator import Float64Array, Impressions, Int64Array

AT_ONCE = 2_000
"""Rows of a request to score, and events of one of feedback."""

Event = dict[str, Any]


@dataclass(frozen=True)
class Answered:
    """The pages of a round.

    Attributes:
        decisions: Ids, one per visit.
        shown: Indices of the items on each page, from the top, shape ``(visits, positions)``.
        version: That answered, the same for all.
    """

    decisions: list[str]
    shown: Int64Array
    version: int


@dataclass
class Traffic:
    """Asks, shows and tells.

    Attributes:
        shop: The people.
        waiting: Clicks that have not happened yet when a round ends; they are told in the next one.
    """

    shop: Shop
    waiting: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._user_ids, self._item_ids = (table[f"{name}_id"].to_list() for name, table in self._tables())
        self._places = {item: place for place, item in enumerate(self._item_ids)}
        self._users, self._items = (table.drop(f"{name}_id").to_dicts() for name, table in self._tables())

    def _tables(self) -> Iterator[tuple[str, Any]]:
        yield from (("user", self.shop.users), ("item", self.shop.items))

    def rank(self, visits: Visits, client: Client) -> Answered:
        """Put every visit's question; an exploring page asks only for the order of the items that it shows anyway."""
        answers = [client.post("/api/v1/rank", question) for question in self._questions(visits)]
        versions = {answer["version"] for answer in answers}
        if len(versions) != 1:
            raise RuntimeError(f"expected one version for a whole round, got {sorted(versions)}")
        shown = [[self._places[item["id"]] for item in answer["items"]] for answer in answers]
        return Answered([answer["decision_id"] for answer in answers], np.array(shown), versions.pop())

    def _questions(self, visits: Visits) -> Iterator[dict[str, Any]]:
        shown = self.shop.plan.shown
        for time_ms, user, items, explores in zip(
            visits.time_ms.tolist(),
            visits.user.tolist(),
            visits.items.tolist(),
            visits.explores.tolist(),
            strict=True,
        ):
            yield {
                "user": self._user_ids[user],
                "context": {"position": 1, "time_ms": time_ms},
                "candidates": [self._item_ids[item] for item in (items[:shown] if explores else items)],
                "k": shown,
            }

    def tell(self, decisions: Sequence[str], reaction: Reaction, until_ms: int, client: Client) -> None:
        """Send what was seen and clicked before a moment; what comes later waits for the next call."""
        events = [*self.waiting, *self._events(decisions, reaction)]
        self.waiting = [event for event in events if event["at_ms"] >= until_ms]
        for some in _parts([event for event in events if event["at_ms"] < until_ms]):
            verdicts = client.post("/api/v1/feedback", {"events": some})
            if verdicts["accepted"] != len(some):
                raise RuntimeError(f"expected {len(some)} accepted events, got {verdicts['events'][:3]}")

    def _events(self, decisions: Sequence[str], reaction: Reaction) -> Iterator[Event]:
        shown = reaction.shown
        positions = self.shop.plan.shown
        columns = (shown.item, shown.time_ms, reaction.clicked, reaction.clicked_ms)
        for place, (item, seen_ms, clicked, clicked_ms) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        ):
            decision = decisions[place // positions]
            about = {"decision_id": decision, "item_id": self._item_ids[item]}
            key = f"{decision} {item}"
            yield {"event_id": f"seen {key}", "type": "impression", "at_ms": seen_ms, **about}
            if clicked:
                yield {"event_id": f"click {key}", "type": "click", "at_ms": clicked_ms, **about}

    def score(self, shown: Impressions, client: Client) -> Float64Array:
        """What a service says of impressions, each at its own position, ``(impressions,)``."""
        answers: list[float] = []
        for rows in _parts(list(self._rows(shown))):
            answers += client.post("/api/v1/score", {"rows": rows})["probabilities"]
        return np.array(answers)

    def _rows(self, shown: Impressions) -> Iterator[dict[str, Any]]:
        """Impressions as rows to score."""
        columns = (shown.user, shown.item, shown.position, shown.time_ms)
        for user, item, position, time_ms in zip(*(column.tolist() for column in columns), strict=True):
            context = {"position": position, "time_ms": time_ms}
            yield {"user": self._users[user], "item": self._items[item], "context": context}


def _parts(whole: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(whole), AT_ONCE):
        yield whole[start : start + AT_ONCE]
