"""Ranked answers and what people did about them come in, promised and observed clicks per version go out, to Prometheus.

`service.decisions.decision_log` tells about answers and `service.watch.background` has the journal of feedback read. The
rules are those of ``axon join``, as far as they go without reading the journals again: an impression counts once its
window has closed, so that what may still be clicked is no negative.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

from journal import Tail
from journal.records import Decision, Feedback
from service.watch.budget import Budget

MOST_WAITING = 20_000
"""Decisions that wait for their window to close; beyond that a share is followed, chosen by time alone."""

SHOWN_WITHIN_MS = 300_000
"""An impression that is told later than this after the answer is left out, so that every window closes in time."""

Shown = Literal["impressions", "answered"]
_Version = tuple[str, str]


@dataclass(slots=True)
class _Waiting:
    """One decision whose impressions may still be clicked; times are milliseconds since the epoch."""

    decision_id: str
    version: _Version
    at_ms: int
    probabilities: dict[str, float]
    shown: dict[str, int] = field(default_factory=dict)
    clicked: dict[str, int] = field(default_factory=dict)


class Promises(Collector):
    """Adds up, per version, the probabilities of impressions whose window has closed, and the clicks on them.

    Args:
        feedback: The journal of feedback, from now on.
        window_s: How long after it was shown an item may be clicked, in seconds.
        shown: What was seen: what an impression event says, or all that was answered.
        clock_ms: The time now, milliseconds since the epoch.
    """

    def __init__(self, feedback: Tail, window_s: float, shown: Shown, clock_ms: Callable[[], int]) -> None:
        self._feedback = feedback
        self._window_ms = int(window_s * 1000)
        self._shown = shown
        self._clock_ms = clock_ms
        self._told_within_ms = min(SHOWN_WITHIN_MS, self._window_ms)
        self._closes_after_ms = self._window_ms + (self._told_within_ms if shown == "impressions" else 0)
        self._budget = Budget(MOST_WAITING * 1000 / self._closes_after_ms)
        self._fresh: deque[_Waiting] = deque()
        self._waiting: dict[str, _Waiting] = {}
        self._impressions: Counter[_Version] = Counter()
        self._promised: dict[_Version, float] = {}
        self._observed: Counter[_Version] = Counter()

    def decided(self, decision: Decision) -> None:
        """A question was answered; called on the thread that answers."""
        if self._budget.grant(1):
            ids = [candidate.id for candidate in decision.candidates]
            probabilities = dict(zip(ids, map(float, decision.probabilities), strict=True))
            version = (decision.model, str(decision.version))
            self._fresh.append(_Waiting(decision.decision_id, version, decision.at_ms, probabilities))

    def follow(self) -> None:
        """Take in what people did, and close what is due.

        Raises:
            JournalError: If the journal cannot be read now.
        """
        now_ms = self._clock_ms()
        while self._fresh:
            one = self._fresh.popleft()
            self._waiting[one.decision_id] = one
        for record in self._feedback.fresh():
            event = Feedback.read(record)
            if event.decision_id in self._waiting:
                self._take(event, self._waiting[event.decision_id])
        due = [one for one in self._waiting.values() if now_ms - one.at_ms > self._closes_after_ms]
        for one in due:
            del self._waiting[one.decision_id]
            self._close(one)

    @override
    def collect(self) -> Iterator[CounterMetricFamily]:
        told = (
            ("axon_judged_impressions", "Impressions whose window has closed.", self._impressions),
            ("axon_promised_clicks", "The sum of their probabilities.", self._promised),
            ("axon_observed_clicks", "Those of them that were clicked in time.", self._observed),
        )
        for name, text, values in told:
            family = CounterMetricFamily(name, text, labels=("model", "version"))
            for version, value in list(values.items()):
                family.add_metric(version, value)
            yield family

    def _take(self, event: Feedback, waiting: _Waiting) -> None:
        if event.item_id not in waiting.probabilities:
            return
        if event.type == "impression" and event.received_ms - waiting.at_ms <= self._told_within_ms:
            _first(waiting.shown, event)
        elif event.type == "click":
            _first(waiting.clicked, event)

    def _close(self, one: _Waiting) -> None:
        shown = one.shown if self._shown == "impressions" else dict.fromkeys(one.probabilities, one.at_ms)
        promised = sum(one.probabilities[item] for item in shown)
        clicked = sum(
            item in one.clicked and one.clicked[item] - at_ms <= self._window_ms
            for item, at_ms in shown.items()
        )
        self._impressions[one.version] += len(shown)
        self._promised[one.version] = self._promised.get(one.version, 0.0) + promised
        self._observed[one.version] += clicked


def _first(times: dict[str, int], event: Feedback) -> None:
    times[event.item_id] = min(event.at_ms, times.get(event.item_id, event.at_ms))
