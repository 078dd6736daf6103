"""Events come in and are judged against what is known; the good ones are in the journal of feedback before anybody is told.

`service.routes.feedback` calls it, several threads at once. What is known is read from the journals themselves, so that it
survives a restart and is shared with the processes that write beside this one.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, TimeoutError
from dataclasses import dataclass
from enum import StrEnum

from journal import JournalError, Tail
from journal.records import Feedback
from journal.writer import JournalWriter
from service.errors import FeedbackUnavailableError

PATIENCE_S = 30.0
"""Longest wait for the disc."""


class Verdict(StrEnum):
    """What is said of an event; late and unknown ones are kept too, and `axon join` decides what they mean."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    LATE = "late"
    UNKNOWN = "unknown"
    FUTURE = "future"


@dataclass(frozen=True)
class Window:
    """What counts as late, as future, and as known.

    Attributes:
        late_ms: An event that comes later than this after it happened is late.
        future_ms: A clock may be ahead by so much.
        known: Most ids of events, and of decisions, that are remembered; the oldest are forgotten first.
    """

    late_ms: int
    future_ms: int
    known: int


class FeedbackDesk:
    """Takes events in.

    Args:
        writer: Of the journal of feedback.
        feedback: The same journal, to know which events are in it.
        decisions: The journal of decisions, to know which there are.
        drain: Returns once the decisions of this process are in it.
        window: What counts as late, as future, and as known.
    """

    def __init__(
        self,
        writer: JournalWriter,
        feedback: Tail,
        decisions: Tail,
        drain: Callable[[], None],
        window: Window,
    ) -> None:
        self._writer = writer
        self._drain = drain
        self._window = window
        self._events = _Known(feedback, window.known)
        self._decisions = _Known(decisions, window.known)
        self._coming: dict[str, Future[None]] = {}
        self._judging = threading.RLock()

    def take(self, events: Sequence[Feedback]) -> list[Verdict]:
        """Judge events, and return once those to be kept are on the disc.

        Raises:
            FeedbackUnavailableError: If they cannot be written now; none of them counts as taken.
        """
        try:
            with self._judging:
                self._events.follow()
                self._follow_decisions(events)
                verdicts, kept = self._judge(events)
                waiting = {self._coming[event.event_id] for event in events if event.event_id in self._coming}
                if kept:
                    waiting.add(self._commit(kept))
            for done in waiting:
                done.result(PATIENCE_S)
        except (JournalError, TimeoutError) as error:
            raise FeedbackUnavailableError(
                f"the events are not kept, send them again: {str(error) or 'the disc takes too long'}"
            ) from error
        return verdicts

    def _follow_decisions(self, events: Sequence[Feedback]) -> None:
        self._decisions.follow()
        if any(event.decision_id and event.decision_id not in self._decisions for event in events):
            # It may be so new that it is still on its way to the disc.
            self._drain()
            self._decisions.follow()

    def _judge(self, events: Sequence[Feedback]) -> tuple[list[Verdict], list[Feedback]]:
        kept: dict[str, Feedback] = {}
        verdicts = []
        for event in events:
            verdict = Verdict.DUPLICATE if event.event_id in kept else self._verdict(event)
            verdicts.append(verdict)
            if verdict not in {Verdict.DUPLICATE, Verdict.FUTURE}:
                kept[event.event_id] = event
        return verdicts, list(kept.values())

    def _verdict(self, event: Feedback) -> Verdict:
        if event.event_id in self._events or event.event_id in self._coming:
            return Verdict.DUPLICATE
        if event.at_ms > event.received_ms + self._window.future_ms:
            return Verdict.FUTURE
        if event.decision_id and event.decision_id not in self._decisions:
            return Verdict.UNKNOWN
        return Verdict.LATE if event.received_ms - event.at_ms > self._window.late_ms else Verdict.ACCEPTED

    def _commit(self, kept: Sequence[Feedback]) -> "Future[None]":
        done = self._writer.commit([event.record() for event in kept])
        self._coming |= dict.fromkeys((event.event_id for event in kept), done)
        done.add_done_callback(lambda _: self._arrived(kept))
        return done

    def _arrived(self, kept: Sequence[Feedback]) -> None:
        # They are in the journal now, or were refused and may come again. Not while somebody judges, who may have read the
        # journal before they were in it.
        with self._judging:
            for event in kept:
                self._coming.pop(event.event_id, None)


class _Known:
    """The ids of a journal, the newest of them."""

    def __init__(self, tail: Tail, most: int) -> None:
        self._tail = tail
        self._most = most
        self._ids: dict[str, None] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._ids

    def follow(self) -> None:
        """Take in what has come since."""
        for record in self._tail.fresh(keys_only=True):
            self._ids[record.key] = None
            if len(self._ids) > self._most:
                del self._ids[next(iter(self._ids))]
