"""From the keys and times of a request to the history columns of the graph, without any model."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from typing_extensions import override

from features.spec import Activity, FeatureSpec, Hashed, MultiValued, RawInput, RawKind, Recent, Side
from history import History, Impressions, KeyColumn, Outcomes, StoreError
from history.stores.memory import MemoryStore
from history.stores.store import Found
from registry.manifest import Manifest
from service.errors import HistoryUnavailableError
from service.past import Past
from service.rows import RowReader
from tests.service.conftest import NOON_MS, make_facts

HOUR_MS = 3_600_000
SPEC = FeatureSpec(
    item=(Hashed(name="item_id"), MultiValued(name="tags", max_length=1)),
    history=(
        Activity(name="user_past", of=("user_id",), half_lives=("1h",)),
        Activity(name="tag_past", of=("tags",)),
        Recent(name="clicked", of=("user_id",), collects="item_id"),
    ),
    keys={"user_id": Side.USER},
)
SHOWN_AT = RawInput(column="shown_at", side=Side.CONTEXT, kind=RawKind.TIME)


def make_past(*, dated: bool = True, time: RawInput | None = SHOWN_AT, now_ms: int = NOON_MS) -> Past:
    """The past of a shop in which Ann clicked a hat, red and big, two hours before noon."""
    history = History(SPEC.history, MemoryStore())
    hat: dict[str, Any] = {"user_id": ["ann"], "item_id": ["hat"], "tags": [["red", "big"]]}
    at = np.array([NOON_MS - 2 * HOUR_MS])
    history.record(
        Impressions({name: KeyColumn.of(values) for name, values in hat.items()}, 1),
        Outcomes(np.array([0]), at, at, np.array([1])),
    )
    end = datetime(2026, 1, 1, tzinfo=UTC) if dated else None
    facts = make_facts().model_copy(update={"last_impression_at": end, "impression_time": time})
    return Past(history, SPEC, Manifest(**facts.model_dump(), files={}), now_ms=lambda: now_ms)


def filled(past: Past, *rows: object, time: RawInput | None = SHOWN_AT) -> dict[str, list]:
    return {name: array.tolist() for name, array in past.filled(RowReader(SPEC, time).read(rows)).items()}


ANN = {"user": {"user_id": "ann"}}


def test_the_graph_gets_its_inputs_and_nothing_else():
    assert list(filled(make_past(), ANN)) == [raw.column for raw in SPEC.raw_inputs()]


def test_a_row_that_says_nothing_is_now():
    assert filled(make_past(), ANN)["user_past_clicks_1h"] == [0.25]


def test_a_row_is_when_it_says():
    rows = [{**ANN, "context": {"shown_at": shown_at}} for shown_at in (NOON_MS - HOUR_MS, None)]
    assert filled(make_past(), *rows)["user_past_clicks_1h"] == [0.5, 0.25]


def test_a_model_whose_time_no_request_can_say_answers_for_now():
    assert filled(make_past(time=None), ANN, time=None)["user_past_clicks_1h"] == [0.25]


def test_nothing_passes_after_the_end_of_a_log_without_a_clock():
    assert filled(make_past(dated=False, time=None), ANN, time=None)["user_past_clicks_1h"] == [1.0]


def test_every_row_has_a_past_of_its_own():
    found = filled(make_past(), ANN, {"user": {"user_id": "bob"}}, {})
    assert found["user_past_clicks"] == [1, 0, 0]
    assert found["clicked"] == [["hat"], [""], [""]]


def test_what_is_looked_up_by_a_list_is_looked_up_by_all_of_it():
    # The graph reads one tag; history counts by both.
    found = filled(make_past(), {"item": {"tags": ["red", "big"]}})
    assert (found["tags"], found["tag_past_clicks"]) == ([["red"]], [2.0])


class Silent(MemoryStore):
    """A store that does not answer."""

    @override
    def get(self, wanted: object) -> Found:
        raise StoreError("expected a store that answers")


def test_a_store_that_does_not_answer_is_said_to_be_unavailable():
    past = Past(History(SPEC.history, Silent()), SPEC, Manifest(**make_facts().model_dump(), files={}))
    with pytest.raises(HistoryUnavailableError, match="expected a store that answers"):
        past.filled(RowReader(SPEC).read([ANN]))
