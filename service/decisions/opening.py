"""Journals, their writers and all that uses them: settings come in, `Decisions` go out; `service.app` makes one per process."""

from dataclasses import dataclass

from journal import DECISIONS, FEEDBACK, Journal, Rotation, open_journal
from journal.writer import JournalWriter, Policy
from service.decisions.decision_log import DecisionLog
from service.decisions.feedback_desk import FeedbackDesk, Window
from service.decisions.journal_metrics import JournalMetrics
from service.metrics import ServiceMetrics
from service.past import clock_ms
from service.settings import ServiceSettings


@dataclass(frozen=True)
class Decisions:
    """The loop's first half, in one process.

    Attributes:
        log: Notes answers.
        desk: Takes events in.
        metrics: Told about events.
    """

    log: DecisionLog
    desk: FeedbackDesk
    metrics: JournalMetrics

    def close(self) -> None:
        """Write what waits."""
        for writer in self.metrics.writers.values():
            writer.close()


def open_decisions(settings: ServiceSettings, metrics: ServiceMetrics) -> Decisions | None:
    """What the settings ask for; None where they name no place for decisions.

    Raises:
        JournalAddressError: If nobody answers at the place.
    """
    if settings.decisions is None:
        return None
    rotation = Rotation(settings.decision_file_bytes, settings.decision_file_s)
    journals: dict[str, Journal] = {
        name: open_journal(settings.decisions, name, rotation) for name in (DECISIONS, FEEDBACK)
    }
    policy = Policy(
        settings.decision_fsync,
        settings.decision_fsync_s,
        settings.decision_queue_bytes,
        settings.decision_when_full,
    )
    writers = {name: JournalWriter(journal, policy) for name, journal in journals.items()}
    late_ms = int(settings.feedback_window_s * 1000)
    known_since = clock_ms() - late_ms
    desk = FeedbackDesk(
        writers[FEEDBACK],
        journals[FEEDBACK].tail(known_since),
        journals[DECISIONS].tail(known_since),
        writers[DECISIONS].drain,
        Window(late_ms, int(settings.feedback_future_s * 1000), settings.feedback_known),
    )
    log = DecisionLog(
        writers[DECISIONS],
        settings.decision_rate_rank,
        settings.decision_rate_score,
        settings.decision_described,
    )
    return Decisions(log, desk, JournalMetrics(metrics.registry, writers))
