"""The one door to what happened before: questions about impressions and outcomes of impressions come in, columns go out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.spec import Activity, Recent
from history.columns import Impressions, Int64Array, Keys
from history.counters import Asked, Counters, Happened
from history.recent import Sequences
from history.stores.store import Changes, HistoryStore, Unchanged
from history.timeline import MOMENTS


def has_moment(time_ms: Int64Array) -> NDArray[np.bool_]:
    """Whether history can count what happened at a time, of the shape of ``time_ms``: from 1970 until the year 2109."""
    return (time_ms >= 0) & (time_ms < MOMENTS)


@dataclass(frozen=True)
class Questions:
    """Which impressions are asked about.

    Attributes:
        rows: Places among the impressions, shape ``(questions,)``.
        at_ms: Time of each.
        read_ms: Only outcomes that were visible strictly before this are seen; never later than ``at_ms``.
    """

    rows: Int64Array
    at_ms: Int64Array
    read_ms: Int64Array


@dataclass(frozen=True)
class Outcomes:
    """What became of impressions.

    Attributes:
        rows: Places among the impressions, shape ``(outcomes,)``.
        time_ms: Time of each impression, as `has_moment` allows.
        visible_ms: From when on its outcome is known: its time plus the attribution delay.
        clicked: 0 or 1.

    Raises:
        ValueError: If history has no such time: it would be counted to other keys.
    """

    rows: Int64Array
    time_ms: Int64Array
    visible_ms: Int64Array
    clicked: NDArray[Any]

    def __post_init__(self) -> None:
        without = self.time_ms[~has_moment(self.time_ms)]
        if len(without):
            raise ValueError(f"expected times in [0, {MOMENTS}), got {without[0]}")

    @classmethod
    def none(cls) -> "Outcomes":
        nothing = np.empty(0, np.int64)
        return cls(nothing, nothing, nothing, nothing)


@dataclass(frozen=True)
class Answers:
    """The history columns of the impressions that were asked about.

    Attributes:
        numbers: Float32 ``(questions,)`` by column; NaN is missing.
        lists: Texts of every question by column, newest first.
    """

    numbers: dict[str, NDArray[np.float32]]
    lists: dict[str, list[list[str]]]


class History:
    """Counters and sequences over a store.

    One writer at a time: two processes that record at once may lose each other's events, unless each says what must be unchanged.

    Args:
        features: What is counted and collected.
        store: Where the records are kept.
    """

    def __init__(self, features: Sequence[Activity | Recent], store: HistoryStore) -> None:
        self.features = tuple(features)
        self.store = store

    def ask(self, impressions: Impressions, questions: Questions) -> Answers:
        """The history columns as the store knows them now."""
        return self.advance(impressions, questions, Outcomes.none())

    def record(
        self,
        impressions: Impressions,
        outcomes: Outcomes,
        beside: Changes | None = None,
        only_if: Unchanged | None = None,
    ) -> None:
        """Take in outcomes, all of them or, when interrupted, none.

        Args:
            impressions: The key columns.
            outcomes: What became of them.
            beside: Records of the caller's own, which are kept if, and only if, the outcomes are.
            only_if: What must be in the store as it was, from before this call until it is done.

        Raises:
            ChangedStoreError: If it is not; nothing is kept then.
        """
        nothing = np.empty(0, np.int64)
        self.advance(impressions, Questions(nothing, nothing, nothing), outcomes, beside, only_if)

    def advance(
        self,
        impressions: Impressions,
        questions: Questions,
        outcomes: Outcomes,
        beside: Changes | None = None,
        only_if: Unchanged | None = None,
    ) -> Answers:
        """Answer questions in the middle of outcomes, then keep the outcomes.

        A question sees what the store holds and those of the outcomes that were visible before its ``read_ms``. Outcomes
        of one call must not become visible before those of an earlier call, or they count as late.

        Raises:
            StoreError: If the store cannot be read or written, or holds records of another definition.
        """
        block = impressions.take(np.concatenate([questions.rows, outcomes.rows]))
        parts = {feature.name: _of(feature, block, questions, outcomes) for feature in self.features}
        found = self.store.get({name: asked.keys.texts for name, (asked, _) in parts.items()})
        answers = Answers({}, {})
        changes: dict[str, Mapping[str, bytes]] = {}
        for feature in self.features:
            asked, happened = parts[feature.name]
            records = found[feature.name]
            if isinstance(feature, Activity):
                counters = Counters(feature)
                numbers, sums = counters.advance(counters.decoded(records), asked, happened)
                answers.numbers.update(numbers)
                after = counters.encoded(sums)
            else:
                sequences = Sequences(feature)
                lists, kept = sequences.advance(
                    sequences.decoded(records), asked, happened, block.columns[feature.collects]
                )
                answers.lists[feature.column] = lists
                after = sequences.encoded(kept)
            changed = np.unique(happened.keys.codes).tolist()
            texts = asked.keys.texts
            changes[feature.name] = {texts[code]: after[code] for code in changed}
        if len(outcomes.rows) or beside:
            self.store.put(changes | dict(beside or {}), only_if)
        return answers


def _of(
    feature: Activity | Recent, block: Impressions, questions: Questions, outcomes: Outcomes
) -> tuple[Asked, Happened]:
    """The questions and the outcomes of a block by the feature's keys; both share one list of keys."""
    keys = block.keys(feature.of)
    asking = keys.rows < len(questions.rows)
    of_questions = Keys(keys.rows[asking], keys.codes[asking], keys.texts)
    # Rows stay those of the block, where the collected items are; their order among the outcomes is what is left.
    of_outcomes = Keys(keys.rows[~asking], keys.codes[~asking], keys.texts)
    places = of_outcomes.rows - len(questions.rows)
    return (
        Asked(of_questions, questions.at_ms, questions.read_ms),
        Happened(
            of_outcomes,
            outcomes.time_ms[places],
            outcomes.visible_ms[places],
            outcomes.clicked[places].astype(bool),
        ),
    )
