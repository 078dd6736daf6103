"""A packed history answers what the history that was packed answers, to the last bit."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.spec import Activity, Recent
from history import Answers, History, Impressions, KeyColumn, Outcomes, Questions, StoreError
from history.packed.coded import Coded
from history.packed.pack import pack
from history.packed.packed import PackedHistory
from history.stores.copy import copy_records
from history.stores.memory import MemoryStore
from tests.history.plain import CLICKED, FEATURES, HOUR_MS

THREE = Activity(name="three_past", of=("item", "user", "place"), half_lives=("1h", "1d"))
FOUR = Activity(name="four_past", of=("place", "tags", "user", "item"), half_lives=("6h",), since=False)
PLACED = Recent(name="placed_items", of=("user", "place"), collects="item", max_length=2)
ALL = (*FEATURES, THREE, FOUR, PLACED)
COLUMNS = ("user", "item", "place", "tags")
NOON_MS = 1_767_268_800_000

Row = tuple[str, str, str, Sequence[str]]


def impressions_of(rows: Sequence[Row]) -> Impressions:
    columns = zip(*rows, strict=True)
    return Impressions(
        {name: KeyColumn.of(list(column)) for name, column in zip(COLUMNS, columns, strict=True)},
        len(rows),
    )


def history_of(rows: Sequence[Row], clicked: Sequence[int], time_ms: Sequence[int]) -> History:
    """A history in memory, after some impressions."""
    history = History(ALL, MemoryStore())
    if rows:
        times = np.array(time_ms, np.int64)
        history.record(impressions_of(rows), Outcomes(np.arange(len(rows)), times, times, np.array(clicked)))
    return history


def packed(history: History, directory: Path) -> PackedHistory:
    pack(history.features, history.store, directory)
    return PackedHistory.open(directory, history.features)


def asked(history: History, rows: Sequence[Row], at_ms: np.ndarray) -> Answers:
    count = len(rows)
    questions = Questions(np.arange(count), at_ms, np.full(count, np.iinfo(np.int64).max))
    return history.ask(impressions_of(rows), questions)


def coded(snapshot: PackedHistory, rows: Sequence[Row]) -> dict[str, Coded]:
    columns = dict(zip(COLUMNS, zip(*rows, strict=True), strict=True))
    return {
        name: snapshot.code_lists(name, values) if name == "tags" else snapshot.code_texts(name, values)
        for name, values in columns.items()
    }


def assert_same(found: dict[str, Any], expected: Answers) -> None:
    assert found.keys() == {*expected.numbers, *expected.lists}
    for column, numbers in expected.numbers.items():
        assert found[column].dtype == np.float32
        assert found[column].tobytes() == numbers.tobytes(), column
    for column, lists in expected.lists.items():
        assert [[text for text in texts if text] for texts in found[column].texts().tolist()] == lists, column


USERS, ITEMS, PLACES = ("", "ann", "bob"), ("", "i1", "i2", "i3"), ("", "home", "away")
TAGS: tuple[list[str], ...] = (
    [],
    ["red"],
    ["big", "red"],
    ["red", "red", "new"],
    ["", "big"],
    ["new", "big", "red"],
)
ROWS = st.tuples(*map(st.sampled_from, (USERS, ITEMS, PLACES, TAGS)))
EVENTS = st.lists(st.tuples(ROWS, st.booleans(), st.integers(0, 9)), max_size=40)


def happened(events: Sequence[tuple[Row, bool, int]]) -> History:
    """A history of events that are some thirds of an hour after noon."""
    ordered = sorted(events, key=lambda event: event[2])
    times = [NOON_MS + hour * HOUR_MS // 3 for _, _, hour in ordered]
    return history_of([row for row, _, _ in ordered], [int(clicked) for _, clicked, _ in ordered], times)


@pytest.fixture(scope="module")
def anywhere(tmp_path_factory):
    """New directories."""
    return (tmp_path_factory.mktemp("packed") for _ in itertools.count())


# Before most events, too: what is told never looks at the sign of what has passed.
MOMENTS = st.integers(NOON_MS - HOUR_MS, NOON_MS + 100 * HOUR_MS)
STRANGE: list[Row] = [("eve", "i1", "home", ["red"]), ("ann", "i9", "away", ["odd", "red", "even"])]


@settings(max_examples=60)
@given(events=EVENTS, rows=st.lists(st.tuples(ROWS, MOMENTS), min_size=1, max_size=20))
def test_every_column_is_told_to_the_last_bit(events, rows, anywhere):
    history = happened(events)
    snapshot = packed(history, next(anywhere))
    about = [*(row for row, _ in rows), *STRANGE]
    at_ms = np.array([*(at for _, at in rows), NOON_MS, NOON_MS])
    assert_same(snapshot.ask(coded(snapshot, about), at_ms), asked(history, about, at_ms))


@pytest.fixture(scope="module")
def busy() -> tuple[History, list[Row]]:
    """Four hundred impressions of some days."""
    rng = np.random.default_rng(3)
    rows: list[Row] = [
        (f"u{user}", f"i{item}", f"p{place}", [f"t{tag}" for tag in rng.integers(0, 20, rng.integers(0, 9))])
        for user, item, place in rng.integers(0, [12, 40, 3], (400, 3)).tolist()
    ]
    times = np.sort(rng.integers(0, 72 * HOUR_MS, 400)) + NOON_MS
    return history_of(rows, rng.integers(0, 2, 400).tolist(), times.tolist()), rows


@pytest.fixture(scope="module")
def snapshot(busy, tmp_path_factory) -> PackedHistory:
    return packed(busy[0], tmp_path_factory.mktemp("busy"))


LATER_MS = NOON_MS + 100 * HOUR_MS


def test_many_rows_are_told_what_each_is_told_alone(busy, snapshot):
    history, rows = busy
    at_ms = LATER_MS + np.arange(400) * 977
    assert_same(snapshot.ask(coded(snapshot, rows), at_ms), asked(history, rows, at_ms))


def test_one_user_is_coded_once_for_all_candidates(busy, snapshot):
    history, rows = busy
    candidates: list[Row] = [("u1", item, "p1", tags) for _, item, _, tags in rows]
    columns = coded(snapshot, candidates) | {
        "user": snapshot.code_texts("user", ["u1"]).repeated(400),
        "place": snapshot.code_texts("place", ["p1"]).repeated(400),
    }
    found = snapshot.ask(columns, np.array([LATER_MS]))
    assert_same(found, asked(history, candidates, np.full(400, LATER_MS)))


def test_one_user_may_be_asked_about_at_many_moments(busy, snapshot):
    history, _ = busy
    at_ms = LATER_MS + np.arange(3) * HOUR_MS
    columns = {
        name: column.repeated(3)
        for name, column in coded(snapshot, [("u1", "i1", "p1", ["t1", "t2"])]).items()
    }
    same: list[Row] = [("u1", "i1", "p1", ["t1", "t2"])] * 3
    assert_same(snapshot.ask(columns, at_ms), asked(history, same, at_ms))


def test_a_catalog_is_coded_once_and_taken_from(busy, snapshot):
    history, rows = busy
    places = np.random.default_rng(1).permutation(400)[:150]
    catalog = {name: column.take(places) for name, column in coded(snapshot, rows).items()}
    taken = [rows[place] for place in places]
    found = snapshot.ask(catalog, np.array([LATER_MS]))
    assert_same(found, asked(history, taken, np.full(150, LATER_MS)))


def test_columns_of_a_history_are_coded_like_texts(busy, snapshot):
    _, rows = busy
    for name, column in impressions_of(rows).columns.items():
        of_column, of_texts = snapshot.code_column(name, column), coded(snapshot, rows)[name]
        assert of_column.codes.tolist() == of_texts.codes.tolist()
        assert (of_column.starts is None) == (of_texts.starts is None)


def test_only_the_features_that_are_named_need_their_columns(snapshot):
    columns = {"user": snapshot.code_texts("user", ["u1"])}
    found = snapshot.ask(columns, np.array([LATER_MS]), {"user_past", CLICKED.name})
    assert {name.removeprefix("user_past_") for name in found} == {
        "impressions", "impressions_1h", "impressions_1d", "clicks", "clicks_1h", "clicks_1d",
        "since_impression", "since_click", "clicked_items",
    }  # fmt: skip


def test_a_store_that_is_filled_from_it_holds_what_was_packed(busy, snapshot):
    history, _ = busy
    copy = MemoryStore()
    copy_records(snapshot, copy, [feature.name for feature in ALL])
    for feature in ALL:
        # A sequence of nothing is none.
        expected = {key: record for key, record in history.store.records(feature.name) if record != b"[]"}
        assert dict(copy.records(feature.name)) == expected


def test_nothing_that_happened_is_packed_too(tmp_path):
    history = history_of([], [], [])
    snapshot, at_ms = packed(history, tmp_path), np.array([NOON_MS, NOON_MS])
    assert_same(snapshot.ask(coded(snapshot, STRANGE), at_ms), asked(history, STRANGE, at_ms))


def test_an_id_may_hold_anything(tmp_path):
    # The second holds what stands between the parts of a key.
    rows: list[Row] = [('Füße, "new"\n', "i1", "p", ["a\x1fb"]), ("a\x1fb", "i\x1f1", "p", [" ", "a"])]
    history = history_of(rows, [1, 1], [NOON_MS, NOON_MS])
    snapshot, at_ms = packed(history, tmp_path), np.array([LATER_MS, LATER_MS])
    assert_same(snapshot.ask(coded(snapshot, rows), at_ms), asked(history, rows, at_ms))


def test_a_file_that_is_missing_is_named(busy, tmp_path):
    packed(busy[0], tmp_path)
    (tmp_path / "pair_past.keys1.npy").unlink()
    with pytest.raises(
        StoreError, match=r"expected an array of history 'pair_past' at .*pair_past\.keys1\.npy"
    ):
        PackedHistory.open(tmp_path, ALL)


def test_a_directory_without_a_packed_history_is_explained(tmp_path):
    with pytest.raises(StoreError, match="expected the tokens of a packed history at"):
        PackedHistory.open(tmp_path, ALL)


def test_records_of_other_half_lives_are_refused(busy, tmp_path):
    packed(busy[0], tmp_path)
    other = FEATURES[0].model_copy(update={"half_lives": ("1h",)})
    with pytest.raises(StoreError, match="expected records of 7 numbers for history 'user_past'"):
        PackedHistory.open(tmp_path, [other])


def test_objects_are_not_loaded(busy, tmp_path):
    packed(busy[0], tmp_path)
    np.save(tmp_path / "pair_past.records.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(StoreError, match="expected an array of history 'pair_past'"):
        PackedHistory.open(tmp_path, ALL)
