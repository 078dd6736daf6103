"""What a table of items says of what was put into it."""

import numpy as np
import pytest

from features.spec import (
    Activity,
    Age,
    Categorical,
    FeatureSpec,
    Half,
    Hashed,
    MultiValued,
    Numeric,
    RawKind,
    Side,
)
from service.catalog.table import BATCH, ItemTable
from service.errors import InvalidRequestError
from service.models.states import States

SPEC = FeatureSpec(
    user=(Categorical(name="city"),),
    item=(
        Hashed(name="ad_id", buckets=8),
        Categorical(name="category"),
        MultiValued(name="tags", max_length=2),
        Numeric(name="price"),
        Age(name="published", at="shown_at"),
    ),
    history=(Activity(name="brand_past", of=("brand",)),),
    keys={"brand": Side.ITEM},
)
JOINT = SPEC.half_inputs(Half.JOINT)
HAT = {"category": "hats", "tags": "red,big", "price": 5, "published": 1_000, "brand": "acme", "shelf": 7}
SHOE = {"category": "shoes", "tags": ["red"], "price": 2.5, "colours": ["red", "blue"]}


def halves(arrays):
    """States that can be read: the price, and the number of tags; ids that are the length of the ad's id."""
    prices = arrays["price"]
    tags = (arrays["tags"] != "").sum(axis=1) if arrays["tags"].size else np.zeros(len(prices))
    ids = [[len(ad)] for ad in arrays["ad_id"]]
    return States(np.stack([prices, tags], axis=1).astype(np.float32), np.array(ids, np.int32).reshape(-1, 1))


@pytest.fixture
def table():
    made = ItemTable(SPEC, "ad_id", halves)
    made.upsert({"hat": HAT, "shoe": SHOE, "nothing": {}})
    return made


def found(table, wanted):
    return table.ids_of(table.matching(wanted))


def test_ids_have_rows_and_unknown_ones_have_none(table):
    assert table.rows_of(["shoe", "unknown", "hat", "shoe"]).tolist() == [1, -1, 0, 1]
    assert table.ids_of(np.array([1, 0])) == ["shoe", "hat"]
    assert len(table) == 3


def test_states_are_what_the_item_half_computes(table):
    states = table.states_of(table.rows_of(["shoe", "hat"]))
    assert states.numbers.tolist() == [[2.5, 1.0], [5.0, 2.0]]
    assert states.ids.tolist() == [[4], [3]]
    assert (states.numbers.dtype, states.ids.dtype) == (np.float32, np.int32)


def test_the_item_half_sees_no_more_tokens_than_the_encoder_reads(table):
    table.upsert({"coat": {"tags": "a,b,c,d"}})
    assert table.states_of(table.rows_of(["coat"])).numbers[0, 1] == 2.0


def test_raw_columns_are_those_that_a_request_would_bring(table):
    (published,) = [raw for raw in JOINT if raw.column == "published"]
    arrays = table.arrays_of(table.rows_of(["shoe", "hat"]), [published])
    assert arrays["published"].tolist() == [-(2**63), 1_000]


def test_raw_lists_are_padded_to_the_longest_of_the_rows(table):
    (tags,) = [raw for raw in SPEC.raw_inputs() if raw.kind is RawKind.TEXTS]
    arrays = table.arrays_of(table.rows_of(["shoe", "nothing", "hat"]), [tags])
    assert arrays["tags"].tolist() == [["red", ""], ["", ""], ["red", "big"]]


def test_the_id_fills_its_column_whatever_the_features_say(table):
    (ad_id,) = [raw for raw in SPEC.raw_inputs() if raw.column == "ad_id"]
    table.upsert({"coat": {"ad_id": "something else"}})
    assert table.arrays_of(table.rows_of(["coat"]), [ad_id])["ad_id"].tolist() == ["coat"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param({"category": "hats"}, ["hat"], id="a text"),
        pytest.param({"category": ["shoes", "hats", "none such"]}, ["hat", "shoe"], id="any of several"),
        pytest.param({"category": None}, ["nothing"], id="a missing text"),
        pytest.param({"tags": "red"}, ["hat", "shoe"], id="among the tokens"),
        pytest.param({"tags": ["big", "red"]}, ["hat", "shoe"], id="any of several among the tokens"),
        pytest.param({"tags": None}, ["nothing"], id="no tokens"),
        pytest.param({"price": 5}, ["hat"], id="a number"),
        pytest.param({"price": None}, ["nothing"], id="a missing number"),
        pytest.param({"published": 1_000}, ["hat"], id="a time"),
        pytest.param({"published": None}, ["shoe", "nothing"], id="a missing time"),
        pytest.param({"brand": "acme"}, ["hat"], id="a key of history"),
        pytest.param({"shelf": 7}, ["hat"], id="what the model does not know"),
        pytest.param({"shelf": "7"}, ["hat"], id="a number is its text there"),
        pytest.param({"colours": "blue"}, ["shoe"], id="a list that the model does not know"),
        pytest.param({"colours": None}, ["hat", "nothing"], id="no list"),
        pytest.param({"ad_id": ["shoe", "unknown"]}, ["shoe"], id="ids"),
        pytest.param({"category": "hats", "tags": "red"}, ["hat"], id="every column must match"),
        pytest.param({"category": "hats", "price": 2.5}, [], id="nothing has both"),
        pytest.param({"category": []}, [], id="none of nothing"),
        pytest.param({}, ["hat", "shoe", "nothing"], id="no condition"),
        pytest.param({"category": [f"c{n}" for n in range(20)] + ["hats"]}, ["hat"], id="many values"),
    ],
)
def test_a_filter_finds(table, wanted, expected):
    assert found(table, wanted) == expected


@pytest.mark.parametrize(
    ("wanted", "pointer", "told"),
    [
        pytest.param({"categoryx": "hats"}, "categoryx", "did you mean 'category'", id="an unknown column"),
        pytest.param({"price": "cheap"}, "price", "expected a number, got 'cheap'", id="no number"),
        pytest.param({"category": {"not": "hats"}}, "category", "expected text or a number", id="an object"),
        pytest.param({"a/b": 1}, "a~1b", "no item has such a feature", id="a pointer is escaped"),
    ],
)
def test_a_filter_that_cannot_be_is_refused(table, wanted, pointer, told):
    with pytest.raises(InvalidRequestError, match=told) as caught:
        table.matching(wanted)
    assert caught.value.problems[0].pointer == f"/candidates/filter/{pointer}"


def test_an_item_that_is_put_again_has_only_its_new_features(table):
    table.upsert({"hat": {"category": "caps", "tags": "small"}})
    assert found(table, {"category": "caps"}) == ["hat"]
    assert found(table, {"tags": "big"}) == []
    assert found(table, {"shelf": 7}) == []
    assert table.states_of(table.rows_of(["hat"])).numbers[0, 1] == 1.0


def test_a_removed_item_is_found_no_more(table):
    table.remove(["hat", "unknown"])
    assert table.rows_of(["hat"]).tolist() == [-1]
    assert found(table, {}) == ["shoe", "nothing"]
    assert found(table, {"tags": "red"}) == ["shoe"]


def test_a_new_item_takes_the_row_of_a_removed_one_and_nothing_else_of_it(table):
    table.remove(["hat"])
    before = table.edition
    table.upsert({"coat": {"tags": "warm"}})
    assert table.rows_of(["coat"]).tolist() == [0]
    assert found(table, {"tags": "big"}) == []
    assert found(table, {"shelf": 7}) == []
    assert table.edition > before


def test_a_column_that_was_a_text_may_become_a_list(table):
    table.upsert({"coat": {"shelf": [7, 8]}})
    assert found(table, {"shelf": 7}) == ["hat", "coat"]
    assert found(table, {"shelf": None}) == ["shoe", "nothing"]


def test_keys_of_history_are_the_texts_of_the_rows(table):
    column = table.keys_of("brand", table.rows_of(["shoe", "hat"]))
    assert [column.names[code] for code in column.codes] == ["", "acme"]
    assert column.single


def test_names_of_keys_are_only_added_while_the_edition_is_the_same(table):
    names, edition = table.keys_of("brand", np.arange(0)).names, table.edition
    before = list(names)
    table.upsert({"coat": {"brand": "other"}, "hat": {"brand": "third"}})
    assert table.edition == edition
    assert list(names)[: len(before)] == before
    assert list(names)[len(before) :] == ["other", "third"]


def test_values_that_the_model_cannot_read_are_missing_and_counted(table):
    table.upsert({"coat": {"price": "cheap", "tags": [["x"]]}})
    assert table.unreadable == {"price": 1, "tags": 1}
    assert found(table, {"price": None}) == ["nothing", "coat"]


def test_rows_grow_beyond_what_there_was_room_for(table):
    many = {f"i{number}": {"price": number, "tags": [f"t{number % 10}"]} for number in range(10_000)}
    table.upsert(many)
    assert len(table) == len(many) + 3
    assert len(table.matching({"tags": "t3"})) == 1_000
    assert table.states_of(table.rows_of([f"i{BATCH + 5}"])).numbers[0, 0] == BATCH + 5
    assert found(table, {"category": "hats"}) == ["hat"]


def test_lists_that_are_replaced_again_and_again_do_not_pile_up(table):
    for number in range(200):
        table.upsert({f"i{place}": {"tags": [f"t{number}", "x"]} for place in range(100)})
    assert len(table.matching({"tags": "x"})) == 100
    assert len(table.matching({"tags": "t199"})) == 100
    assert found(table, {"tags": "big"}) == ["hat"]
    assert table._columns["tags"]._codes.size < 20_000


def test_a_table_without_a_column_for_ids_still_finds_items_by_id():
    table = ItemTable(SPEC, None, halves)
    table.upsert({"hat": {"ad_id": "x" * 5}})
    assert table.rows_of(["hat"]).tolist() == [0]
    assert table.states_of(np.array([0])).ids.tolist() == [[5]]


def test_an_empty_table_finds_nothing():
    table = ItemTable(SPEC, "ad_id", halves)
    assert table.matching({}).tolist() == []
    assert table.rows_of(["hat"]).tolist() == [-1]
    assert table.states_of(np.zeros(0, np.int64)).numbers.shape == (0, 2)
