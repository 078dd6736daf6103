"""Journals, their writers and all that uses them: settings come in, `Decisions` go out; `service.app` makes one per process."""

from dataclasses import dataclass

from journal import DECISIONS, FEEDBACK, SHADOWS, Journal, Retention, Rotation, open_journal
from journal.writer import JournalWriter, Policy
from service.decisions.decision_log import DecisionLog
from service.decisions.feedback_desk import FeedbackDesk, Window
from service.decisions.journal_metrics import JournalMetrics
from service.metrics.metrics import ServiceMetrics
from service.past.past import clock_ms
from service.settings import ServiceSettings
from service.watch.promises import Promises


@dataclass(frozen=True)
class Decisions:
    """The loop's first half, in one process.

    Attributes:
        log: Notes answers.
        desk: Takes events in.
        metrics: Told about events.
        promises: Told about answers.
    """

    log: DecisionLog
    desk: FeedbackDesk
    metrics: JournalMetrics
    promises: Promises

    @property
    def shadows(self) -> JournalWriter | None:
        """Of the journal of a shadow's answers; None where there is no shadow."""
        return self.metrics.writers.get(SHADOWS)

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
    retention = Retention(settings.decision_keep_s, settings.decision_keep_bytes)
    journals: dict[str, Journal] = {
        name: open_journal(settings.decisions, name, rotation, retention)
        for name in (DECISIONS, FEEDBACK, *(() if settings.shadow is None else (SHADOWS,)))
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
    promises = Promises(
        journals[FEEDBACK].tail(clock_ms()), settings.watch_attribution_s, settings.watch_shown, clock_ms
    )
    metrics.registry.register(promises)
    log = DecisionLog(
        writers[DECISIONS],
        settings.decision_rate_rank,
        settings.decision_rate_score,
        settings.decision_described,
        promises,
    )
    return Decisions(log, desk, JournalMetrics(metrics.registry, writers), promises)
