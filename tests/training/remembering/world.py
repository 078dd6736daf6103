"""A shop whose first days are in a published snapshot and whose later days are in journals, with everything known by hand."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from features.fitted import FittedRate, FittedScale, FittedSpec, FittedVocabulary, NothingFitted
from features.spec import FeatureSpec
from history import Answers, History, HistoryStore, Impressions, KeyColumn, Outcomes, Questions
from history.packed.pack import pack
from history.stores.memory import MemoryStore
from history.stores.opening import open_store
from journal import DECISIONS, FEEDBACK, open_journal
from journal.records import Columns, Decision, Described, Feedback
from registry.local import LocalRegistry
from registry.manifest import FEATURE_SPEC, HISTORY, TASK, BundleFacts, write_manifest
from tests.history.plain import FEATURES, HOUR_MS, Event, impressions_of
from tests.history.replays import TEST_MS, draw_events
from training.config import TaskConfig, parse_config
from training.remembering import Remembered, Remembering, Sources
from training.remembering.following import Patience

NAME = "shop"
MINUTE_MS = 60_000
DELAY_MS = 10 * MINUTE_MS
END_MS = TEST_MS + 12 * HOUR_MS
LATER_MS = END_MS + HOUR_MS
"""When everything is known."""
PATIENCE = Patience(shown_ms=HOUR_MS, grace_ms=5_000)
FITTED_BY_KIND = {
    "multi": FittedVocabulary(tokens=()),
    "recent": FittedVocabulary(tokens=()),
    "hashed": NothingFitted(),
    "rate": FittedRate(average=0.5),
    "numeric": FittedScale(mean=0, std=1, low=0, high=1),
}


def document(**changes) -> dict:
    """A task file with the features of `tests.history.plain`."""
    return {
        "name": NAME,
        "data": {"log": "log.jsonl", "label": "clicked", "time": {"column": "time_ms"}},
        "features": {
            "item": [{"kind": "hashed", "name": "item"}, {"kind": "multi", "name": "tags"}],
            "history": [one.model_dump(exclude_defaults=True) | {"kind": one.kind} for one in FEATURES],
            "keys": {"user": "user"},
        },
        "history": {"delay": "10m"},
        **changes,
    }


def task(**changes) -> TaskConfig:
    return parse_config(document(**changes), source="test")


def publish(
    registry: Path, spec: FeatureSpec, events: Sequence[Event], learned_from: dict[str, Any] | None = None
) -> None:
    """A version whose snapshot knows these events: as `axon train` leaves it, but for the network.

    Args:
        registry: Where it is published.
        spec: Its features.
        events: What its snapshot knows.
        learned_from: The task file that it carries, a `document`; None for a version that carries none.
    """
    moments = {
        # The held-out slices are later than what the network learned from, and counted all the same.
        "last_impression_at": events[len(events) // 2].time_ms,
        "history_until": events[-1].time_ms,
    }
    publish_counted(registry, spec, fed(spec, events), moments, learned_from)


def publish_counted(
    registry: Path,
    spec: FeatureSpec,
    known: History,
    moments_ms: Mapping[str, int],
    learned_from: dict[str, Any] | None = None,
) -> None:
    """A version with this snapshot, and these moments in its manifest."""
    fitted = FittedSpec(spec=spec, fitted={one.name: FITTED_BY_KIND[one.kind] for one in spec.features()})
    bundle = registry.parent / f"bundle-{len(list(registry.parent.glob('bundle-*')))}"
    (bundle / FEATURE_SPEC).parent.mkdir(parents=True)
    (bundle / FEATURE_SPEC).write_text(fitted.model_dump_json())
    if learned_from is not None:
        (bundle / TASK).write_text(json.dumps(learned_from))
    pack(spec.history, known.store, bundle / HISTORY)
    facts = BundleFacts(
        name=NAME,
        created_at=datetime(2026, 1, 4, tzinfo=UTC),
        code_version="0.1.0",
        tensorflow_version="2.21.0",
        spec_fingerprint=spec.fingerprint(),
        fitted_fingerprint=fitted.fingerprint(),
        family="mlp",
        **{name: datetime.fromtimestamp(at_ms / 1000, UTC) for name, at_ms in moments_ms.items()},
    )
    write_manifest(bundle, facts)
    LocalRegistry(registry).publish(bundle, NAME)


def fed(spec: FeatureSpec, events: Sequence[Event], *, store: HistoryStore | None = None) -> History:
    """A history that was told all events at once, in the order in which they became known."""
    history = History(spec.history, store or MemoryStore())
    if events:
        time_ms, visible_ms, clicked = np.array(
            [(one.time_ms, one.visible_ms, one.clicked) for one in events], np.int64
        ).T
        outcomes = Outcomes(np.arange(len(events)), time_ms, visible_ms, clicked)
        history.record(impressions_of(events), outcomes)
    return history


@dataclass(frozen=True)
class Seen:
    """An impression of a page: when its item was seen, and when it was clicked."""

    event: Event
    seen_ms: int
    click_ms: int | None

    @property
    def known(self) -> Event:
        """What is to be counted, by hand: clicked within the delay, known a delay after it was seen."""
        clicked = self.click_ms is not None and self.click_ms <= self.seen_ms + DELAY_MS
        return replace(self.event, visible_ms=self.seen_ms + DELAY_MS, clicked=clicked)

    def decision(self, place: int) -> Decision:
        event = self.event
        return Decision(
            decision_id=f"{place:08d}",
            at_ms=event.time_ms,
            model=NAME,
            version=1,
            columns=Columns("user", "item", None),
            user=Described(event.user, {"user": event.user or None}),
            context={},
            candidates=[
                Described("never seen", {"item": "never seen", "tags": ["red"]}),
                Described(event.item, {"item": event.item, "tags": list(event.tags)}),
            ],
            probabilities=[0.5, 0.25],
            positions=[1, 2],
        )

    def events(self, place: int) -> list[Feedback]:
        def done(kind, at_ms):
            return Feedback(
                f"{kind} {place}", kind, at_ms, self.event.item, f"{place:08d}", received_ms=at_ms
            )

        clicks = [] if self.click_ms is None else [done("click", self.click_ms)]
        # Seen once more, while the page is scrolled: it is one impression, from the first time on.
        again = replace(done("impression", self.seen_ms + 3_000), event_id=f"again {place}")
        return [done("impression", self.seen_ms), again, *clicks]


def visits(count: int, *, seed: int = 5) -> tuple[list[Event], list[Seen]]:
    """Some days: the impressions of the first ones, and the visits of the later ones."""
    rng = np.random.default_rng(seed)
    drawn = draw_events(count, seed=seed)
    early = [one for one in drawn if one.time_ms < TEST_MS]
    later = []
    for place, one in enumerate(drawn[len(early) :]):
        # Told apart by a millisecond, so that the order is one, and seen up to two minutes after the answer.
        event = replace(one, time_ms=one.time_ms + place)
        seen_ms = event.time_ms + int(rng.integers(0, 2 * MINUTE_MS))
        click_ms = seen_ms + int(rng.integers(0, 2 * DELAY_MS)) if rng.random() < 0.6 else None
        later.append(Seen(event, seen_ms, click_ms))
    return early, later


def write_journals(
    address: str, visits: Sequence[Seen], *, after_ms: int = 0, until_ms: int = LATER_MS, seed: int = 1
) -> None:
    """What happened in a period, in the order in which records come."""
    decisions = [visit.decision(place) for place, visit in enumerate(visits)]
    events = [event for place, visit in enumerate(visits) for event in visit.events(place)]
    np.random.default_rng(seed).shuffle(events)
    records = {
        DECISIONS: [one.record() for one in decisions if after_ms < one.at_ms <= until_ms],
        FEEDBACK: [one.record() for one in events if after_ms < one.at_ms <= until_ms],
    }
    for name, some in records.items():
        journal = open_journal(address, name)
        journal.append(some)
        journal.close()


@dataclass(frozen=True)
class World:
    """Where everything is."""

    directory: Path
    config: TaskConfig
    early: list[Event]
    later: list[Seen]

    @property
    def registry(self) -> Path:
        return self.directory / "models"

    @property
    def journals(self) -> str:
        return f"file:{self.directory / 'journals'}"

    @property
    def store(self) -> str:
        return f"sqlite:{self.directory / 'history.db'}"

    def remembering(
        self, *, store: str | None = None, config: TaskConfig | None = None, **how
    ) -> Remembering:
        sources = Sources(store or self.store, self.journals, LocalRegistry(self.registry))
        return Remembering(config or self.config, sources, PATIENCE, **how)

    @property
    def in_order(self) -> list[Event]:
        """Everything that is to be counted, in the order in which it becomes known, by hand."""
        known = sorted((visit.known for visit in self.later), key=lambda one: (one.visible_ms, one.time_ms))
        return [replace(one, visible_ms=one.time_ms) for one in self.early] + known

    def expected(self, *, config: TaskConfig | None = None) -> Answers:
        spec = (config or self.config).features
        return answers(fed(spec, self.in_order))


def make_world(directory: Path, count: int = 400) -> World:
    """A published version, and empty journals."""
    config = task()
    early, later = visits(count)
    publish(directory / "models", config.features, early)
    (directory / "axon.yaml").write_text(json.dumps(document()))
    return World(directory, config, early, later)


def answers(history: History) -> Answers:
    """What is told of every user, item and tag an hour after all."""
    asked = [
        (user, item, tags)
        for user in ("ann", "bob", "eve", "nobody")
        for item in ("i1", "i2", "i3", "i4", "never seen")
        for tags in (["red"], ["big", "new"], [])
    ]
    users, items, tags = zip(*asked, strict=True)
    columns = {"user": KeyColumn.of(users), "item": KeyColumn.of(items), "tags": KeyColumn.of(tags)}
    at_ms = np.full(len(asked), LATER_MS)
    return history.ask(Impressions(columns, len(asked)), Questions(np.arange(len(asked)), at_ms, at_ms))


def assert_same(came: Answers, expected: Answers) -> None:
    """The same lists, and numbers that differ by rounding at most: sums are added in another order."""
    assert came.lists == expected.lists
    for name, numbers in expected.numbers.items():
        np.testing.assert_allclose(came.numbers[name], numbers, rtol=1e-6, atol=0, err_msg=name)


def told_by(world: World, store: str | None = None):
    """What the store tells now."""
    opened = open_store(store or world.store, NAME)
    try:
        return answers(History(world.config.features.history, opened))
    finally:
        opened.close()


def stepped(world: World, *moments: int, **how) -> Remembered:
    """What came of the last of some steps."""
    remembering = world.remembering(**how)
    try:
        return [remembering.step(moment) for moment in moments][-1]
    finally:
        remembering.close()
