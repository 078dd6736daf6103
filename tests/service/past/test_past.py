"""From the keys and times of a request to the history columns of the graph, without any model."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np
import pytest
from typing_extensions import override

from features.coded_texts import CodedTexts
from features.spec import (
    Activity,
    FeatureSpec,
    Half,
    Hashed,
    MultiValued,
    RawInput,
    RawKind,
    Recent,
    Side,
    TimePart,
)
from history import History, Impressions, KeyColumn, Outcomes, StoreError
from history.packed.pack import pack
from history.packed.packed import PackedHistory
from history.stores.memory import MemoryStore
from history.stores.store import Found
from registry.manifest import Manifest
from service.errors import HistoryUnavailableError
from service.past.past import Past
from service.past.sources import Live, Snapshot, Source
from service.scoring.rows import RowReader
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


@pytest.fixture(params=["snapshot", "live"])
def source(request, tmp_path) -> Callable[[History], Source]:
    """Both ways to look at a history."""

    def of(history: History) -> Source:
        if request.param == "live":
            return Live(SPEC, history.store)
        pack(SPEC.history, history.store, tmp_path)
        return Snapshot(PackedHistory.open(tmp_path, SPEC.history))

    return of


@pytest.fixture
def make_past(source) -> Callable[..., Past]:
    return partial(past_of_ann, source)


def past_of_ann(
    source: Callable[[History], Source],
    *,
    dated: bool = True,
    rows: int | None = None,
    spec: FeatureSpec = SPEC,
    time: RawInput | None = SHOWN_AT,
    now_ms: int = NOON_MS,
) -> Past:
    """The past of a shop in which Ann clicked a hat, red and big, two hours before noon."""
    history = History(SPEC.history, MemoryStore())
    hat: dict[str, Any] = {"user_id": ["ann"], "item_id": ["hat"], "tags": [["red", "big"]]}
    at = np.array([NOON_MS - 2 * HOUR_MS])
    history.record(
        Impressions({name: KeyColumn.of(values) for name, values in hat.items()}, 1),
        Outcomes(np.array([0]), at, at, np.array([1])),
    )
    end = datetime(2026, 1, 1, tzinfo=UTC) if dated else None
    facts = make_facts().model_copy(
        update={"last_impression_at": end, "history_rows": rows, "impression_time": time}
    )
    return Past(source(history), spec, Manifest(**facts.model_dump(), files={}), now_ms=lambda: now_ms)


def filled(
    past: Past, *rows: object, time: RawInput | None = SHOWN_AT, spec: FeatureSpec = SPEC
) -> dict[str, list]:
    return {name: plain(array) for name, array in past.filled(RowReader(spec, time).read(rows)).items()}


def plain(column: Any) -> list[Any]:
    """As Python has it: a snapshot tells lists of texts in codes, a live store as they are."""
    return (column.texts() if isinstance(column, CodedTexts) else column).tolist()


ANN = {"user": {"user_id": "ann"}}


def test_the_graph_gets_its_inputs_and_nothing_else(make_past):
    assert list(filled(make_past(), ANN)) == [raw.column for raw in SPEC.raw_inputs()]


def test_a_row_that_says_nothing_is_now(make_past):
    assert filled(make_past(), ANN)["user_past_clicks_1h"] == [0.25]


def test_a_row_is_when_it_says(make_past):
    rows = [{**ANN, "context": {"shown_at": shown_at}} for shown_at in (NOON_MS - HOUR_MS, None)]
    assert filled(make_past(), *rows)["user_past_clicks_1h"] == [0.5, 0.25]


def test_a_feature_that_reads_the_time_sees_the_moment_that_history_sees(make_past):
    hour = TimePart(name="hour", column="shown_at", part="hour", time_zone="UTC")
    spec = FeatureSpec(item=SPEC.item, context=(hour,), history=SPEC.history, keys=SPEC.keys)
    rows = [{**ANN, "context": {"shown_at": shown_at}} for shown_at in (NOON_MS - HOUR_MS, None)]
    told = filled(make_past(spec=spec), *rows, ANN, spec=spec)
    assert told["user_past_clicks_1h"] == [0.5, 0.25, 0.25]
    assert told["shown_at"] == [NOON_MS - HOUR_MS, NOON_MS, NOON_MS]


def test_a_model_whose_time_no_request_can_say_answers_for_now(make_past):
    assert filled(make_past(time=None), ANN, time=None)["user_past_clicks_1h"] == [0.25]


@pytest.mark.parametrize(
    ("rows", "left"), [(NOON_MS - HOUR_MS, 0.5), (None, 1.0)], ids=["counted", "not said by an older version"]
)
def test_it_is_always_the_end_of_a_log_without_a_clock(make_past, rows, left):
    past = make_past(dated=False, rows=rows, time=None)
    assert filled(past, ANN, time=None)["user_past_clicks_1h"] == [left]


def test_every_row_has_a_past_of_its_own(make_past):
    found = filled(make_past(), ANN, {"user": {"user_id": "bob"}}, {})
    assert found["user_past_clicks"] == [1, 0, 0]
    assert found["clicked"] == [["hat"], [""], [""]]


def test_what_is_looked_up_by_a_list_is_looked_up_by_all_of_it(make_past):
    # The graph reads one tag; history counts by both.
    found = filled(make_past(), {"item": {"tags": ["red", "big"]}})
    assert (found["tags"], found["tag_past_clicks"]) == ([["red"]], [2.0])


def test_a_half_is_asked_by_the_keys_that_it_counts_by(make_past):
    past = make_past()
    told = past.answers(
        {"user_id": past.key("user_id", ["ann"])}, past.times(None, 1), past.features(Half.USER)
    )
    assert (told["user_past_clicks_1h"].tolist(), plain(told["clicked"])) == ([0.25], [["hat"]])
    assert not any(column.startswith("tag_past") for column in told)


def test_candidates_are_taken_from_the_keys_of_a_catalog(make_past):
    past = make_past()
    catalog = past.key("tags", [["blue"], ["red"], ["red", "big"], []])
    keys = {"tags": catalog.take(np.array([2, 0, 1]))}
    told = past.answers(keys, past.times(None, 1), past.features(Half.JOINT))
    assert told["tag_past_clicks"].tolist() == [2, 0, 1]


def test_what_is_kept_of_a_catalog_follows_its_names(make_past):
    past = make_past()
    names = ["blue", "red"]
    column = KeyColumn(np.array([0, 1]), names, np.array([0, 1]), 2)
    past.kept("tags", column, 0)
    names.append("big")
    more = KeyColumn(np.array([2, 0, 1, 2]), names, np.array([0, 1, 2, 2]), 3)
    told = past.answers({"tags": past.kept("tags", more, 0)}, past.times(None, 1), past.features(Half.JOINT))
    assert told["tag_past_clicks"].tolist() == [1, 0, 2]


class Silent(MemoryStore):
    """A store that does not answer."""

    @override
    def get(self, wanted: object) -> Found:
        raise StoreError("expected a store that answers")


def test_a_store_that_does_not_answer_is_said_to_be_unavailable():
    past = Past(Live(SPEC, Silent()), SPEC, Manifest(**make_facts().model_dump(), files={}))
    with pytest.raises(HistoryUnavailableError, match="expected a store that answers"):
        past.filled(RowReader(SPEC).read([ANN]))
