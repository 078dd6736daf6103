"""Both journals from a moment on: what has come is kept as long as it may be needed, and what was shown in a period goes out, labelled.

`training.remembering.remembering` reads and asks it. Nothing here outlives the process: the journals are read again.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from journal import DECISIONS, FEEDBACK, Record, open_journal
from journal.records import Decision, Feedback
from training.join.events import EventIndex, room_told
from training.join.labelling import LABELS, TIME, Joined, Labelled, decided_ms, labelled
from training.join.rules import JoinRules
from training.remembering.decisions import DecisionIndex

_SLACK_MS = 60_000
"""Clocks of those who write the journals, and times of their files, are as far apart at most."""

AT_ONCE = {"impressions": 10_000, "answered": 1_000}
"""Impressions, or decisions, that are counted in one step of the store; by ``retrain.join.shown``."""

RulesFor = Callable[[int, int], JoinRules]
"""The rules of a period of shown impressions: after one moment, and up to another."""


@dataclass(frozen=True)
class Patience:
    """How long is waited.

    Attributes:
        shown_ms: So long after its answer an item may be shown; then its decision is forgotten.
        grace_ms: For events that are on their way.
    """

    shown_ms: int
    grace_ms: int


class Following:
    """What the journals say about impressions after a moment.

    Args:
        address: Of the journals.
        rules: Of any period.
        label: The column of the label, such as ``clicked``.
        patience: How long is waited.
        shown_ms: The moment.

    Raises:
        JournalError: If there is nobody at the address.
    """

    def __init__(self, address: str, rules: RulesFor, label: str, patience: Patience, shown_ms: int) -> None:
        self._rules = rules
        self._mode, self._model = rules(0, 0).shown, rules(0, 0).model
        self._kinds = {kind for kind, name in LABELS.items() if name == label}
        self._patience = patience
        self._floor_ms = self._forgotten_ms = shown_ms - patience.shown_ms
        since_ms = max(0, self._floor_ms - _SLACK_MS)
        self._journals = [open_journal(address, name) for name in (DECISIONS, FEEDBACK)]
        self._decided, self._fed = (journal.tail(since_ms) for journal in self._journals)
        self._events, self._decisions = EventIndex(), DecisionIndex()

    def read(self, now_ms: int, shown_ms: int, since_ms: int) -> int:
        """Take in what has come.

        Args:
            now_ms: The present.
            shown_ms: Impressions up to here are counted.
            since_ms: What came before is nothing new.

        Returns:
            How many decisions and events came too late: what they would have changed is counted.

        Raises:
            JournalError: If the journals cannot be read; then this object is of no more use.
            DataError: If there is no room for what has come.
        """
        late: list[Decision] = []
        suspects: list[Feedback] = []
        with room_told():
            self._decisions.add(self._fresh_decisions(late, shown_ms, since_ms))
            self._events.add(self._fresh_events(suspects, shown_ms, since_ms))
        settled_ms = now_ms - self._patience.grace_ms
        if users := self._events.users_of_strays(settled_ms):
            self._events.attribute(self._decisions.of_users(users), settled_ms)
        return len(late) + sum(self._is_late(event, shown_ms) for event in suspects)

    def period(self, after_ms: int, until_ms: int) -> tuple[int, list[Labelled], Joined]:
        """The impressions shown after one moment and up to another, or up to an earlier one where there are many.

        Returns:
            The moment up to which they are all there, the impressions in the order in which they were shown, and counts.
        """
        most = AT_ONCE[self._mode]
        find = self._events.seen if self._mode == "impressions" else self._decisions.decided
        end_ms, ids = find(after_ms, until_ms, most)
        rules, joined = self._rules(after_ms, end_ms), Joined()
        rows = [
            one
            for decision in self._decisions.get(ids)
            for one in labelled(decision, self._events.done(decision.decision_id), {}, rules, joined)
            if one.shown_ms <= decision.at_ms + self._patience.shown_ms
        ]
        # Shown at once: in the order of the answers, and best first; whatever was read first.
        rows.sort(key=lambda one: (one.shown_ms, one.row[TIME], one.row["decision_id"]))
        return end_ms, rows, joined

    def forget(self, shown_ms: int) -> None:
        """Let go of what no impression after a moment needs."""
        self._floor_ms = shown_ms - self._patience.shown_ms
        # Not at every step: it looks at everything.
        if self._floor_ms - self._forgotten_ms > self._patience.shown_ms // 8:
            self._forgotten_ms = self._floor_ms
            self._decisions.forget(self._floor_ms)
            self._events.forget(self._floor_ms - _SLACK_MS)

    def close(self) -> None:
        """Let go of files and connections."""
        self._events.close()
        self._decisions.close()
        for journal in self._journals:
            journal.close()

    def _fresh_decisions(
        self, late: list[Decision], shown_ms: int, since_ms: int
    ) -> Iterator[tuple[Decision, Record]]:
        for record in self._decided.fresh():
            decision = Decision.read(record)
            if decision.model != self._model or decision.at_ms < self._floor_ms:
                continue
            if self._mode == "answered" and decided_ms(decision) <= shown_ms and decision.at_ms > since_ms:
                late.append(decision)
            yield decision, record

    def _fresh_events(self, suspects: list[Feedback], shown_ms: int, since_ms: int) -> Iterator[Feedback]:
        """Events that have come; those that may be too late are noted."""
        window_ms = self._rules(0, 0).window_ms
        for record in self._fed.fresh():
            event = Feedback.read(record)
            latest_ms = shown_ms + (window_ms if event.type in self._kinds else 0)
            if (
                event.type in {"impression", *self._kinds}
                and event.at_ms <= latest_ms
                and (event.received_ms or event.at_ms) > since_ms
                and event.event_id not in self._events
            ):
                suspects.append(event)
            yield event

    def _is_late(self, event: Feedback, shown_ms: int) -> bool:
        """Whether an event would have changed what is counted already."""
        decision = next(self._decisions.get([self._events.decision_of(event.event_id)]), None)
        if decision is None:
            return False  # another model's, or too old to be told
        own = self._events.done(decision.decision_id)[event.item_id]
        if own.get(event.type) != event.at_ms:
            return False  # not the first of its kind
        if event.type == "impression":
            return self._mode == "impressions"
        rules = self._rules(0, 0)
        positions = zip(decision.candidates, decision.positions, strict=True)
        position = next((place for candidate, place in positions if candidate.id == event.item_id), None)
        if position is None:
            return False
        seen_ms = rules.impression_ms(own.get("impression"), decided_ms(decision), position)
        return seen_ms is not None and seen_ms <= shown_ms and rules.counts(event.at_ms, seen_ms)
