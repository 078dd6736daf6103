"""The join itself: a journal of decisions and one of feedback come in, labelled impressions are written to a file.

``axon join`` calls it. The feedback lies in an index on disc and decisions stream past it, so that neither order nor
length of the journals matters.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from journal import DECISIONS, FEEDBACK, SHADOWS, open_journal
from journal.records import Decision, Feedback, ShadowAnswer
from training.errors import NothingJoinedError
from training.join.events import EventIndex, room_told
from training.join.labelling import LABELS, Joined, decided_ms, labelled
from training.join.output import RowWriter
from training.join.rules import JoinRules
from training.join.shadows import ShadowIndex


def join(address: str, rules: JoinRules, out: Path) -> Joined:
    """Write the labelled log.

    Args:
        address: Of the journals, as `AXON_DECISIONS` has it.
        rules: What is labelled, and how.
        out: Ends in .parquet, .csv or .jsonl; replaced whole.

    Raises:
        NothingJoinedError: If there is nothing to write.
        DataError: If the ending is another, or the feedback has no room.
        JournalError: If the journals cannot be read.
    """
    joined = Joined()
    with (
        contextlib.closing(EventIndex()) as index,
        contextlib.closing(ShadowIndex()) as shadows,
        RowWriter(out) as writer,
    ):
        with room_told():
            _index(address, index, joined)
            shadows.add(map(ShadowAnswer.read, open_journal(address, SHADOWS).tail().fresh()))
        for decision in _decisions(address):
            if rules.model not in {None, decision.model}:
                continue
            joined.decisions += 1
            shadow = shadows.of(decision)
            done = index.done(decision.decision_id)
            for _, row in labelled(decision, done, shadow, rules, joined):
                writer.write(row)
                joined.impressions += 1
                joined.clicked += row[LABELS["click"]]
        if not joined.impressions:
            told = ", ".join(f"{count} {name}" for name, count in asdict(joined).items() if count)
            earlier = "take an earlier --since, " if rules.since_ms else ""
            raise NothingJoinedError(
                f"expected impressions whose window has closed at {address}, found none ({told or 'no decisions'}); "
                f"{earlier}wait, shorten --window, or take --shown answered where clients send no impressions"
            )
        writer.finish()
    return joined


def _index(address: str, index: EventIndex, joined: Joined) -> None:
    feedback = open_journal(address, FEEDBACK).tail().fresh()
    joined.events, joined.repeated = index.add(map(Feedback.read, feedback))
    if index.has_strays:
        joined.stray = index.attribute((decision, decided_ms(decision)) for decision in _decisions(address))


def _decisions(address: str) -> Iterator[Decision]:
    return map(Decision.read, open_journal(address, DECISIONS).tail().fresh())
