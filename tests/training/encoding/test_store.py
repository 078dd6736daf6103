"""Encoded impressions on disc: what goes in comes out, in order or shuffled."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.layout import EncodedLayout, IdField, ValueField
from features.spec import Half
from training.encoding.store import PAGE_ROWS, POOL_ROWS, EncodedStore, StoreWriter

LAYOUT = EncodedLayout(
    ids=(IdField("city", Half.USER, rows=9, start=0), IdField("tags", Half.ITEM, rows=9, start=1, width=2)),
    values=(ValueField("price", Half.ITEM, 0),),
)
NUMBERED = EncodedLayout(ids=(IdField("number", Half.USER, rows=10**9, start=0),), values=())


def numbered(path, rows):
    """A store of ``rows`` impressions whose only id is their place in the log."""
    store = EncodedStore(path, NUMBERED)
    with StoreWriter(store) as writer:
        writer.append(np.arange(rows)[:, np.newaxis], np.empty((rows, 0)), np.zeros(rows))
    return store


def places(batches):
    return [int(place) for batch in batches for place in batch["ids"][:, 0]]


def shuffled(store, batch_size, seed=0):
    return list(store.shuffled_batches(batch_size, np.random.default_rng(seed)))


@pytest.fixture(scope="module")
def long_store(tmp_path_factory):
    """More pages than one pool holds, the last of them short."""
    return numbered(tmp_path_factory.mktemp("store") / "train", POOL_ROWS + 3 * PAGE_ROWS + 17)


def test_what_is_appended_is_read_back(tmp_path):
    store = EncodedStore(tmp_path / "train", LAYOUT)
    with StoreWriter(store) as writer:
        writer.append(np.array([[1, 2, 3], [4, 5, 6]]), np.array([[0.5], [-1.0]]), np.array([1, 0]))
        writer.append(np.array([[7, 8, 0]]), np.array([[2.0]]), np.array([1]))
    records = store.read(0, 10)
    assert records["ids"].tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 0]]
    assert records["values"].tolist() == [[0.5], [-1.0], [2.0]]
    assert records["clicked"].tolist() == [1.0, 0.0, 1.0]


def test_records_have_the_types_of_the_network(tmp_path):
    store = EncodedStore(tmp_path / "train", LAYOUT)
    assert [store.dtype[name].base for name in ("ids", "values", "clicked")] == [
        np.int32,
        np.float32,
        np.float32,
    ]


def test_a_store_that_was_not_written_has_no_row(tmp_path):
    assert EncodedStore(tmp_path / "train", LAYOUT).rows == 0


def test_a_store_without_an_impression_has_no_batch(tmp_path):
    store = numbered(tmp_path / "train", 0)
    assert list(store.batches(4)) == shuffled(store, 4) == []


def test_opening_a_store_for_writing_empties_it(tmp_path):
    numbered(tmp_path / "train", 5)
    assert numbered(tmp_path / "train", 2).rows == 2


def test_rows_in_the_middle_are_read(tmp_path):
    assert places([numbered(tmp_path / "train", 9).read(3, 2)]) == [3, 4]


def test_reading_stops_at_the_end(tmp_path):
    assert places([numbered(tmp_path / "train", 5).read(3, 10)]) == [3, 4]


def test_batches_come_in_order(tmp_path):
    batches = list(numbered(tmp_path / "train", 7).batches(3))
    assert [batch["ids"][:, 0].tolist() for batch in batches] == [[0, 1, 2], [3, 4, 5], [6]]


@given(rows=st.integers(0, 60), batch_size=st.integers(1, 20))
def test_a_shuffle_yields_whole_batches_of_different_impressions(tmp_path, rows, batch_size):
    batches = shuffled(numbered(tmp_path / "train", rows), batch_size)
    assert [len(batch) for batch in batches] == [batch_size] * (rows // batch_size)
    assert max(Counter(places(batches)).values(), default=1) == 1


def test_where_batches_fit_every_impression_comes_exactly_once(tmp_path):
    batches = shuffled(numbered(tmp_path / "train", 24), 6)
    assert sorted(places(batches)) == list(range(24))


def test_over_several_pools_only_an_incomplete_batch_is_left_out(long_store):
    seen = places(shuffled(long_store, 1000))
    assert len(seen) == len(set(seen)) == long_store.rows // 1000 * 1000


def test_a_batch_mixes_impressions_from_far_apart(long_store):
    first = places(shuffled(long_store, 1000)[:1])
    assert np.ptp(first) > long_store.rows // 2


def test_one_seed_gives_one_order(long_store):
    assert places(shuffled(long_store, 1000, seed=4)) == places(shuffled(long_store, 1000, seed=4))


def test_another_seed_gives_another_order(tmp_path):
    store = numbered(tmp_path / "train", 100)
    assert places(shuffled(store, 10, seed=1)) != places(shuffled(store, 10, seed=2))


def test_another_epoch_gives_another_order(tmp_path):
    store, rng = numbered(tmp_path / "train", 100), np.random.default_rng(1)
    assert places(store.shuffled_batches(10, rng)) != places(store.shuffled_batches(10, rng))


# Impressions that are compared


def test_impressions_of_one_id_mostly_share_a_batch(tmp_path):
    store = EncodedStore(tmp_path / "train", NUMBERED)
    with StoreWriter(store) as writer:
        # 512 ids, eight impressions of each, far apart in the log.
        writer.append(np.tile(np.arange(512), 8)[:, np.newaxis], np.empty((4096, 0)), np.zeros(4096))
    batches = store.shuffled_batches(64, np.random.default_rng(0), together=0)
    assert {len(set(batch["ids"][:, 0].tolist())) for batch in batches} == {8}


def test_batches_of_neighbours_by_id_hold_every_impression_once(tmp_path):
    store = numbered(tmp_path / "train", 1003)
    found = places(store.shuffled_batches(17, np.random.default_rng(0), together=0))
    assert sorted(found) == sorted(set(found))
    assert len(found) == 59 * 17
