"""The labels themselves: a decision and what was done about it come in, its labelled impressions go out.

`training.join.joining` writes them to a file, `training.remembering` counts them into a live history: one code, so that
both mean the same by an impression and a click.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from journal.records import Decision, Described, FeedbackType
from training.join.events import Done
from training.join.rules import JoinRules
from training.join.shadows import ShadowColumns

LABELS: dict[FeedbackType, str] = {
    "click": "clicked",
    "play": "played",
    "purchase": "purchased",
    "dislike": "disliked",
}
TIME = "time_ms"
PROBABILITY = "answered_probability"
"""What the version promised that answered."""

AHEAD_MS = 86_400_000
"""A request whose time lies further ahead of its answer was asked by a wrong clock; the hours of a wrong zone are believed, as the
version believed them."""


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


class Labelled(NamedTuple):
    """A labelled impression: when it was shown, in milliseconds since the epoch, and its row of the log."""

    shown_ms: int
    row: dict[str, Any]


def label_column(target: str, own: str) -> str:
    """The column of a labelled log that says whether a target happened.

    Args:
        target: Its name, such as ``click``.
        own: The column of the task's own log, for a target that feedback knows nothing of.
    """
    return {str(done): label for done, label in LABELS.items()}.get(target, own)


def decided_ms(decision: Decision) -> int:
    """When an impression is, in milliseconds since the epoch: as the request said, else when it was answered.

    A time before 1970 or far ahead is not believed. Counted, it would make all that an item has seen look old.
    """
    for column in (decision.columns.time, TIME):
        given = None if column is None else decision.context.get(column)
        if isinstance(given, int) and 0 <= given <= decision.at_ms + AHEAD_MS:
            return given
    return decision.at_ms


def labelled(
    decision: Decision,
    done: Mapping[str, Done],
    shadow: Mapping[str, ShadowColumns],
    rules: JoinRules,
    joined: Joined,
) -> Iterator[Labelled]:
    """The impressions of a decision that can be labelled, best first.

    Args:
        decision: An answer of the service.
        done: What was done with its items, by item.
        shadow: Columns of what a shadow said, by item.
        rules: What is labelled, and how.
        joined: Counts what is left out.
    """
    answered: set[str] = set()
    answers = zip(decision.candidates, decision.positions, decision.probabilities, strict=True)
    for candidate, position, probability in answers:
        if candidate.id in answered:
            continue  # asked about twice: whoever clicked it clicked one item
        answered.add(candidate.id)
        own = done.get(candidate.id, {})
        shown_ms = rules.impression_ms(own.get("impression"), decided_ms(decision), position)
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
            yield Labelled(shown_ms, row | shadow.get(candidate.id, {}) | labels)


def _row(decision: Decision, candidate: Described, position: int, rules: JoinRules) -> dict[str, Any]:
    columns = decision.columns
    row = {**(decision.user.features or {}), **decision.context, **(candidate.features or {})}
    for column, own in (
        (columns.user or rules.user_column, decision.user.id),
        (columns.item or rules.item_column, candidate.id),
    ):
        row[column] = own or row.get(column)
    row[columns.time or TIME] = decided_ms(decision)
    return row | {
        TIME: decided_ms(decision),
        "decision_id": decision.decision_id,
        "position": position,
        "version": decision.version,
    }
