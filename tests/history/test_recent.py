"""What sequences tell, by hand: the last items that were clicked, newest first."""

import numpy as np

from features.spec import Recent
from history import History, Impressions, KeyColumn, Outcomes, Questions
from history.stores.memory import MemoryStore

CLICKED = Recent(name="clicked", of=("user",), collects="item", max_length=2)


def remembered(
    *events: tuple[str, str, int], store: MemoryStore | None = None, at_ms: int = 100
) -> list[str]:
    """What ``ann`` clicked before a moment, if these users and items met, one millisecond after the other."""
    users, items, clicked = zip(*events, ("ann", "", 0), strict=True)
    impressions = Impressions({"user": KeyColumn.of(users), "item": KeyColumn.of(items)}, len(users))
    happened = np.arange(len(events))
    outcomes = Outcomes(happened, happened + 1, happened + 1, np.array(clicked[:-1]))
    questions = Questions(np.array([len(events)]), np.array([at_ms]), np.array([at_ms]))
    history = History([CLICKED], store or MemoryStore())
    return history.advance(impressions, questions, outcomes).lists["clicked"][0]


def test_the_newest_comes_first():
    assert remembered(("ann", "hat", 1), ("ann", "coat", 1)) == ["coat", "hat"]


def test_only_the_last_ones_are_kept():
    assert remembered(("ann", "hat", 1), ("ann", "coat", 1), ("ann", "shoe", 1)) == ["shoe", "coat"]


def test_what_was_not_clicked_is_not_remembered():
    assert remembered(("ann", "hat", 1), ("ann", "coat", 0)) == ["hat"]


def test_what_somebody_else_clicked_is_not_remembered():
    assert remembered(("ann", "hat", 1), ("bob", "coat", 1)) == ["hat"]


def test_a_click_on_nobody_knows_what_leaves_no_trace():
    assert remembered(("ann", "hat", 1), ("ann", "", 1)) == ["hat"]


def test_what_comes_later_is_not_seen():
    assert remembered(("ann", "hat", 1), ("ann", "coat", 1), at_ms=2) == ["hat"]


def test_a_sequence_goes_on_where_the_store_has_it():
    store = MemoryStore()
    remembered(("ann", "hat", 1), store=store)
    assert remembered(("ann", 'Füße, "new"', 1), store=store) == ['Füße, "new"', "hat"]
