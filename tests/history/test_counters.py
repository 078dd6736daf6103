"""What counters tell, by hand, event by event."""

import math

import numpy as np
import pytest

from features.spec import Activity
from history import History, Impressions, KeyColumn, Outcomes, Questions, StoreError
from history.stores.memory import MemoryStore

HOUR_MS, NOON_MS = 3_600_000, 1_767_268_800_000
DAY_MS = 24 * HOUR_MS


class Shelf:
    """A history of one activity, asked and told one impression at a time."""

    def __init__(
        self, *of: str, half_lives: tuple[str, ...] = ("1d",), store: MemoryStore | None = None
    ) -> None:
        self.history = History([Activity(name="past", of=of, half_lives=half_lives)], store or MemoryStore())

    def happened(self, at_ms: int, clicked: int, *, known_ms: int | None = None, **values: object) -> None:
        visible = at_ms if known_ms is None else known_ms
        outcomes = Outcomes(*(np.array([number]) for number in (0, at_ms, visible, clicked)))
        self.history.record(one(values), outcomes)

    def ask(self, at_ms: int, **values: object) -> dict[str, float]:
        """The columns without the activity's name; what is missing is left out."""
        questions = Questions(*(np.array([number]) for number in (0, at_ms, at_ms)))
        numbers = self.history.ask(one(values), questions).numbers
        found = {name.removeprefix("past_"): float(value[0]) for name, value in numbers.items()}
        return {name: value for name, value in found.items() if not math.isnan(value)}


def one(values: dict) -> Impressions:
    return Impressions({name: KeyColumn.of([value]) for name, value in values.items()}, 1)


NOTHING = {"impressions": 0, "impressions_1d": 0, "clicks": 0, "clicks_1d": 0}


def test_a_key_that_nobody_saw_has_counts_of_zero_and_no_times():
    assert Shelf("user").ask(NOON_MS, user="ann") == NOTHING


def test_half_a_click_is_left_after_one_half_life():
    shelf = Shelf("user")
    shelf.happened(NOON_MS - DAY_MS, 1, user="ann")
    assert shelf.ask(NOON_MS, user="ann") == {
        "impressions": 1,
        "impressions_1d": 0.5,
        "clicks": 1,
        "clicks_1d": 0.5,
        "since_impression": 86_400,
        "since_click": 86_400,
    }


def test_a_click_and_an_impression_have_times_of_their_own():
    shelf = Shelf("user", half_lives=())
    shelf.happened(NOON_MS - 2 * HOUR_MS, 1, user="ann")
    shelf.happened(NOON_MS - HOUR_MS, 0, user="ann")
    found = shelf.ask(NOON_MS, user="ann")
    assert (found["since_impression"], found["since_click"]) == (3600, 7200)


def test_an_event_that_becomes_known_late_has_faded_since_it_happened():
    shelf = Shelf("user")
    shelf.happened(NOON_MS - DAY_MS, 0, user="ann")
    shelf.happened(NOON_MS - 2 * DAY_MS, 1, known_ms=NOON_MS - HOUR_MS, user="ann")
    found = shelf.ask(NOON_MS, user="ann")
    assert (found["impressions_1d"], found["clicks_1d"], found["since_impression"]) == (0.75, 0.25, 86_400)


def test_a_key_of_two_columns_is_not_its_parts():
    shelf = Shelf("user", "item", half_lives=())
    shelf.happened(NOON_MS - 1, 1, user="ann", item="hat")
    pairs = [("ann", "hat"), ("ann", "coat"), ("bob", "hat")]
    assert [shelf.ask(NOON_MS, user=user, item=item)["clicks"] for user, item in pairs] == [1, 0, 0]


def test_two_columns_do_not_run_into_each_other():
    shelf = Shelf("user", "item", half_lives=())
    shelf.happened(NOON_MS - 1, 1, user="a", item="bc")
    assert shelf.ask(NOON_MS, user="ab", item="c")["clicks"] == 0


@pytest.mark.parametrize("values", [{"user": "", "item": "hat"}, {"user": "ann", "item": ""}])
def test_a_key_that_lacks_a_part_is_neither_counted_nor_known(values):
    shelf = Shelf("user", "item")
    shelf.happened(NOON_MS - 1, 1, **values)
    assert shelf.ask(NOON_MS, **values) == NOTHING


def test_an_item_with_two_tags_counts_for_both():
    shelf = Shelf("tags", half_lives=())
    shelf.happened(NOON_MS - 1, 1, tags=["red", "big"])
    assert [shelf.ask(NOON_MS, tags=[tag])["clicks"] for tag in ("red", "big", "new")] == [1, 1, 0]


def test_several_tags_are_asked_for_together():
    shelf = Shelf("tags", half_lives=())
    shelf.happened(NOON_MS - 3000, 1, tags=["red"])
    shelf.happened(NOON_MS - 2000, 0, tags=["big"])
    found = shelf.ask(NOON_MS, tags=["red", "big", "new"])
    assert (found["impressions"], found["clicks"], found["since_impression"]) == (2, 1, 2)


def test_a_tag_that_stands_twice_counts_once():
    shelf = Shelf("tags", half_lives=())
    shelf.happened(NOON_MS - 1, 1, tags=["red", "red"])
    assert shelf.ask(NOON_MS, tags=["red", "red"])["clicks"] == 1


def test_no_tags_are_no_key():
    shelf = Shelf("tags")
    shelf.happened(NOON_MS - 1, 1, tags=[])
    assert shelf.ask(NOON_MS, tags=[]) == NOTHING


def test_counts_stay_exact_when_sums_have_faded_away():
    shelf = Shelf("user", half_lives=("1s",))
    for minute in range(5):
        shelf.happened(NOON_MS - DAY_MS + minute * 60_000, 1, user="ann")
    found = shelf.ask(NOON_MS, user="ann")
    assert (found["clicks"], found["clicks_1s"]) == (5, 0)


def test_records_of_other_half_lives_are_refused():
    store = MemoryStore()
    Shelf("user", half_lives=("1h",), store=store).happened(NOON_MS - 1, 1, user="ann")
    with pytest.raises(StoreError, match="expected records of 72 bytes for history 'past', got one of 56"):
        Shelf("user", half_lives=("1h", "1d"), store=store).ask(NOON_MS, user="ann")


@pytest.mark.parametrize("at_ms", [-1, 2**42, 253_402_214_400_000])
def test_a_time_that_would_run_into_the_next_key_is_refused(at_ms):
    with pytest.raises(ValueError, match=f"got {at_ms}"):
        Shelf("user").happened(at_ms, 1, user="ann")
