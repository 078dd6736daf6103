"""What history means, written as a plain loop over events: slow, obvious, and what the engine is compared with."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from features.spec import Activity, Recent
from history import Answers, History, HistoryStore, Impressions, KeyColumn, Outcomes, Questions
from history.stores.memory import MemoryStore

HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Event:
    """An impression, what became of it, from when on that is known, and the state that the impression may see."""

    user: str
    item: str
    tags: tuple[str, ...]
    time_ms: int
    visible_ms: int
    read_ms: int
    clicked: bool

    def keys(self, of: Sequence[str]) -> set[tuple[str, ...]]:
        """Every combination of one value of each column; none of them may be missing."""
        parts = [self.tags if column == "tags" else (getattr(self, column),) for column in of]
        return {key for key in itertools.product(*parts) if all(key)}


USER = Activity(name="user_past", of=("user",), half_lives=("1h", "1d"))
PAIR = Activity(name="pair_past", of=("user", "item"), half_lives=("6h",))
TAG = Activity(name="tag_past", of=("tags",), half_lives=("1h",))
USER_TAG = Activity(name="user_tag_past", of=("user", "tags"))
CLICKED = Recent(name="clicked_items", of=("user",), collects="item", max_length=3)
FEATURES = (USER, PAIR, TAG, USER_TAG, CLICKED)


def numbers_of(feature: Activity, events: Sequence[Event], asking: Event) -> dict[str, float]:
    """The columns of an activity: every known event is looked at for every key."""
    found: dict[str, float] = {}
    known = [
        (event, len(event.keys(feature.of) & asking.keys(feature.of)))
        for event in events
        if event.visible_ms < asking.read_ms
    ]
    for impressions, clicks, half_life in zip(*feature.sum_columns, feature.horizons, strict=True):
        left = [
            (
                shared
                * (1.0 if half_life is None else 0.5 ** ((asking.time_ms - event.time_ms) / half_life)),
                event,
            )
            for event, shared in known
        ]
        found[impressions] = sum(weight for weight, _ in left)
        found[clicks] = sum(weight for weight, event in left if event.clicked)
    since_impression, since_click = feature.since_columns
    shown = [event for event, shared in known if shared]
    found[since_impression] = _seconds_since(shown, asking)
    found[since_click] = _seconds_since([event for event in shown if event.clicked], asking)
    return found


def clicked_before(feature: Recent, events: Sequence[Event], asking: Event) -> list[str]:
    """The items that were clicked last, newest first, in the order in which the clicks became known."""
    known = [
        event
        for event in events
        if event.visible_ms < asking.read_ms
        and event.clicked
        and event.item
        and event.keys(feature.of) & asking.keys(feature.of)
    ]
    in_order = sorted(known, key=lambda event: event.visible_ms)
    return [event.item for event in reversed(in_order)][: feature.max_length]


def _seconds_since(events: Sequence[Event], asking: Event) -> float:
    return min(((asking.time_ms - event.time_ms) / 1000 for event in events), default=math.nan)


def impressions_of(events: Sequence[Event]) -> Impressions:
    """The key columns of events."""
    columns = {
        "user": KeyColumn.of([event.user for event in events]),
        "item": KeyColumn.of([event.item for event in events]),
        "tags": KeyColumn.of([event.tags for event in events]),
    }
    return Impressions(columns, len(events))


def replayed(
    events: Sequence[Event], cuts: Sequence[int] = (), *, store: HistoryStore | None = None
) -> Answers:
    """What the engine tells every event, in the events' order, when the log is replayed in blocks.

    Args:
        events: In any order.
        cuts: Where blocks begin, among the reads and the outcomes in the order of time.
        store: Where the records are; in memory by default.
    """
    history = History(FEATURES, store or MemoryStore())
    reads = [(event.read_ms, 0, place) for place, event in enumerate(events)]
    outcomes = [(event.visible_ms, 1, place) for place, event in enumerate(events)]
    # At the same moment whoever reads comes first.
    line = sorted([*reads, *outcomes])
    order: list[int] = []
    parts: list[Answers] = []
    for start, stop in itertools.pairwise([0, *sorted(cut % (len(line) + 1) for cut in cuts), len(line)]):
        asked = [place for _, outcome, place in line[start:stop] if not outcome]
        happened = [place for _, outcome, place in line[start:stop] if outcome]
        parts.append(advance(history, events, asked, happened))
        order += asked
    back = np.argsort(np.array(order, np.int64))
    numbers = {
        name: np.concatenate([part.numbers[name] for part in parts])[back] for name in parts[0].numbers
    }
    lists = {name: [text for part in parts for text in part.lists[name]] for name in parts[0].lists}
    return Answers(numbers, {name: [texts[place] for place in back] for name, texts in lists.items()})


def advance(history: History, events: Sequence[Event], asked: list[int], happened: list[int]) -> Answers:
    """One call of the engine for some of the events."""

    def of(places: list[int], name: str) -> np.ndarray:
        return np.array([getattr(events[place], name) for place in places], np.int64)

    return history.advance(
        impressions_of(events),
        Questions(np.array(asked, np.int64), of(asked, "time_ms"), of(asked, "read_ms")),
        Outcomes(
            np.array(happened, np.int64),
            of(happened, "time_ms"),
            of(happened, "visible_ms"),
            of(happened, "clicked"),
        ),
    )
