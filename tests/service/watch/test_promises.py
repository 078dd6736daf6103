"""Promised and observed clicks, from real journals on disc, at times that the test sets."""

import pytest

from journal import FEEDBACK, Rotation, open_journal
from journal.records import Columns, Decision, Described, Feedback, FeedbackType
from service.watch.promises import Promises, Shown

WINDOW_S, SHOWN_WITHIN_S = 1800, 300
AT_MS = 1_767_268_800_000
CLOSED_MS = AT_MS + (WINDOW_S + SHOWN_WITHIN_S) * 1000 + 1
PROBABILITIES = {"a": 0.5, "b": 0.25, "c": 0.125}


class World:
    """One decision about three items at `AT_MS`, a journal of feedback, and a clock."""

    def __init__(self, address: str, shown: Shown = "impressions") -> None:
        self.now_ms = AT_MS
        self._journal = open_journal(address, FEEDBACK, Rotation())
        tail = open_journal(address, FEEDBACK, Rotation()).tail()
        self.promises = Promises(tail, WINDOW_S, shown, lambda: self.now_ms)
        self.decide("d1", version=1)

    def decide(self, decision_id: str, version: int) -> None:
        candidates = [Described(item) for item in PROBABILITIES]
        self.promises.decided(
            Decision(
                decision_id,
                self.now_ms,
                "shop",
                version,
                Columns(),
                Described("u"),
                {},
                candidates,
                list(PROBABILITIES.values()),
                [1, 2, 3],
            )
        )

    def happens(self, kind: FeedbackType, item: str, *, after_s: float, decision_id: str = "d1") -> None:
        at_ms = AT_MS + int(after_s * 1000)
        event = f"{kind}-{item}-{after_s}-{decision_id}"
        self._journal.append([Feedback(event, kind, at_ms, item, decision_id, received_ms=at_ms).record()])

    def told(self, at_ms: int = CLOSED_MS, version: str = "1") -> tuple[float, float, float]:
        """Impressions, promised and observed clicks, as Prometheus hears of them at a time."""
        self.now_ms = at_ms
        self.promises.follow()
        families = [
            {one.labels["version"]: one.value for one in family.samples} for family in self.promises.collect()
        ]
        impressions, promised, observed = (family.get(version, 0.0) for family in families)
        return impressions, promised, observed


@pytest.fixture
def world(tmp_path):
    return World(f"file:{tmp_path}")


def test_an_item_that_was_shown_and_clicked_is_promised_and_observed(world):
    world.happens("impression", "a", after_s=1)
    world.happens("click", "a", after_s=60)
    assert world.told() == (1, 0.5, 1)


def test_an_item_that_was_shown_and_not_clicked_is_a_promise_only(world):
    world.happens("impression", "b", after_s=1)
    assert world.told() == (1, 0.25, 0)


def test_an_item_that_nobody_saw_counts_for_nothing(world):
    world.happens("click", "c", after_s=60)
    assert world.told() == (0, 0, 0)


def test_what_may_still_be_clicked_is_not_counted(world):
    world.happens("impression", "a", after_s=1)
    assert world.told(CLOSED_MS - 1) == (0, 0, 0)


def test_a_click_at_the_end_of_the_window_counts(world):
    world.happens("impression", "a", after_s=1)
    world.happens("click", "a", after_s=1 + WINDOW_S)
    assert world.told() == (1, 0.5, 1)


def test_a_click_after_the_window_does_not(world):
    world.happens("impression", "a", after_s=1)
    world.happens("click", "a", after_s=1.001 + WINDOW_S)
    assert world.told() == (1, 0.5, 0)


def test_the_window_begins_with_the_first_of_several_impressions(world):
    world.happens("impression", "a", after_s=200)
    world.happens("impression", "a", after_s=1)
    world.happens("click", "a", after_s=100 + WINDOW_S)
    assert world.told() == (1, 0.5, 0)


def test_several_clicks_are_one(world):
    world.happens("impression", "a", after_s=1)
    world.happens("click", "a", after_s=60)
    world.happens("click", "a", after_s=61)
    assert world.told() == (1, 0.5, 1)


def test_an_item_that_was_not_answered_counts_for_nothing(world):
    world.happens("impression", "x", after_s=1)
    assert world.told() == (0, 0, 0)


def test_an_impression_long_after_the_answer_is_left_out(world):
    world.happens("impression", "a", after_s=SHOWN_WITHIN_S + 1)
    assert world.told() == (0, 0, 0)


def test_an_event_of_another_decision_changes_nothing(world):
    world.happens("impression", "a", after_s=1, decision_id="d2")
    assert world.told() == (0, 0, 0)


def test_a_decision_is_counted_once(world):
    world.happens("impression", "a", after_s=1)
    world.told()
    world.happens("impression", "b", after_s=2)
    assert world.told(CLOSED_MS + 1) == (1, 0.5, 0)


def test_versions_are_told_apart(world):
    world.decide("d2", version=2)
    world.happens("impression", "a", after_s=1)
    world.happens("impression", "b", after_s=1, decision_id="d2")
    assert (world.told(), world.told(version="2")) == ((1, 0.5, 0), (1, 0.25, 0))


def test_where_clients_send_no_impressions_all_that_was_answered_counts(tmp_path):
    world = World(f"file:{tmp_path}", shown="answered")
    world.happens("click", "c", after_s=60)
    assert world.told(AT_MS + WINDOW_S * 1000 + 1) == (3, 0.875, 1)
