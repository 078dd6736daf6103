"""The join itself: a journal of decisions and one of feedback come in, labelled impressions are written to a file.

``axon join`` calls it. The feedback lies in an index on disc and decisions stream past it, so that neither order nor
length of the journals matters.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from journal import DECISIONS, FEEDBACK, SHADOWS, open_journal
from journal.records import Decision, Described, Feedback, FeedbackType, ShadowAnswer
from training.errors import NothingJoinedError
from training.join.events import Done, EventIndex
from training.join.output import RowWriter
from training.join.rules import JoinRules
from training.join.shadows import Columns, ShadowIndex

LABELS: dict[FeedbackType, str] = {
    "click": "clicked",
    "play": "played",
    "purchase": "purchased",
    "dislike": "disliked",
}
TIME = "time_ms"
PROBABILITY = "answered_probability"
"""What the version promised that answered."""


@dataclass
class Joined:
    """What came of a join.

    Attributes:
        decisions: Read.
        events: Read, each counted once.
        repeated: Events that stood there again.
        stray: Events without a decision that none could be found for.
        impressions: Written.
        clicked: Of them.
        open: Impressions left out because a click could still come.
        late: Clicks that came after their impression's window.
        unseen: Clicks on answered items without an impression event.
        undescribed: Impressions left out because the log does not have the item's features.
    """

    decisions: int = 0
    events: int = 0
    repeated: int = 0
    stray: int = 0
    impressions: int = 0
    clicked: int = 0
    open: int = 0
    late: int = 0
    unseen: int = 0
    undescribed: int = 0

    def lines(self) -> list[str]:
        """For people."""
        return [f"{name:12} {count:,}" for name, count in asdict(self).items()]


def join(address: str, rules: JoinRules, out: Path) -> Joined:
    """Write the labelled log.

    Args:
        address: Of the journals, as `AXON_DECISIONS` has it.
        rules: What is labelled, and how.
        out: Ends in .parquet, .csv or .jsonl; replaced whole.

    Raises:
        NothingJoinedError: If there is nothing to write.
        DataError: If the ending is another.
        JournalError: If the journals cannot be read.
    """
    joined = Joined()
    with (
        contextlib.closing(EventIndex()) as index,
        contextlib.closing(ShadowIndex()) as shadows,
        RowWriter(out) as writer,
    ):
        _index(address, index, joined)
        shadows.add(map(ShadowAnswer.read, open_journal(address, SHADOWS).tail().fresh()))
        for decision in _decisions(address):
            if rules.model not in {None, decision.model}:
                continue
            joined.decisions += 1
            shadow = shadows.of(decision)
            for row in _labelled(decision, index.done(decision.decision_id), shadow, rules, joined):
                writer.write(row)
                joined.impressions += 1
                joined.clicked += row[LABELS["click"]]
        if not joined.impressions:
            told = ", ".join(f"{count} {name}" for name, count in asdict(joined).items() if count)
            raise NothingJoinedError(
                f"expected impressions whose window has closed at {address}, found none ({told or 'no decisions'}); "
                "wait, shorten --window, or take --shown answered where clients send no impressions"
            )
        writer.finish()
    return joined


def moment(decision: Decision) -> int:
    """When an impression is, in milliseconds since the epoch: as the request said, else when it was answered."""
    for column in (decision.columns.time, TIME):
        given = None if column is None else decision.context.get(column)
        if isinstance(given, int):
            return given
    return decision.at_ms


def _index(address: str, index: EventIndex, joined: Joined) -> None:
    feedback = open_journal(address, FEEDBACK).tail().fresh()
    joined.events, joined.repeated = index.add(map(Feedback.read, feedback))
    if index.has_strays:
        joined.stray = index.attribute((decision, moment(decision)) for decision in _decisions(address))


def _decisions(address: str) -> Iterator[Decision]:
    return map(Decision.read, open_journal(address, DECISIONS).tail().fresh())


def _labelled(
    decision: Decision,
    done: dict[str, Done],
    shadow: dict[str, Columns],
    rules: JoinRules,
    joined: Joined,
) -> Iterator[dict[str, Any]]:
    """The impressions of a decision that can be labelled, best first."""
    answered: set[str] = set()
    answers = zip(decision.candidates, decision.positions, decision.probabilities, strict=True)
    for candidate, position, probability in answers:
        if candidate.id in answered:
            continue  # asked about twice: whoever clicked it clicked one item
        answered.add(candidate.id)
        own = done.get(candidate.id, {})
        shown_ms = rules.impression_ms(own.get("impression"), moment(decision), position)
        if shown_ms is None:
            joined.unseen += "click" in own
        elif shown_ms < rules.since_ms:
            continue
        elif rules.is_open(shown_ms):
            joined.open += 1
        elif candidate.features is None:
            joined.undescribed += 1
        else:
            joined.late += "click" in own and not rules.counts(own["click"], shown_ms)
            labels = {name: int(rules.counts(own.get(kind), shown_ms)) for kind, name in LABELS.items()}
            row = _row(decision, candidate, position, rules) | {PROBABILITY: probability}
            yield row | shadow.get(candidate.id, {}) | labels


def _row(decision: Decision, candidate: Described, position: int, rules: JoinRules) -> dict[str, Any]:
    columns = decision.columns
    row = {**(decision.user.features or {}), **decision.context, **(candidate.features or {})}
    for column, own in (
        (columns.user or rules.user_column, decision.user.id),
        (columns.item or rules.item_column, candidate.id),
    ):
        row[column] = own or row.get(column)
    row[columns.time or TIME] = moment(decision)
    return row | {
        TIME: moment(decision),
        "decision_id": decision.decision_id,
        "position": position,
        "version": decision.version,
    }
