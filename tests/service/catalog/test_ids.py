"""Rows by id, compared with a dictionary."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service.catalog.ids import IdIndex


def filled(count):
    index = IdIndex()
    for start in range(0, count, 1_000):
        rows = np.arange(start, min(count, start + 1_000))
        index.add([f"item_{row}" for row in rows], rows)
    return index


def test_an_empty_index_finds_nothing():
    assert IdIndex().find(["a", "b"]).tolist() == [-1, -1]
    assert IdIndex().find([]).tolist() == []


def test_every_id_is_found_however_full_the_buckets_are():
    # Without `reserve` there is room for 64: nearly all of them are where the overflow goes, until it is made anew.
    index = filled(5_000)
    assert index.find([f"item_{row}" for row in range(5_000)]).tolist() == list(range(5_000))
    assert index.find(["item_5000", ""]).tolist() == [-1, -1]


def test_ids_are_still_found_when_there_is_more_room():
    index = filled(3_000)
    index.reserve(100_000)
    assert index.find([f"item_{row}" for row in range(3_000)]).tolist() == list(range(3_000))


def test_places_of_removed_ids_are_used_again():
    index = filled(200)
    for turn in range(500):
        index.remove([f"item_{row}" for row in range(200)])
        assert index.find(["item_7"]).tolist() == [-1], turn
        index.add([f"item_{row}" for row in range(200)], np.arange(200))
    assert index.find([f"item_{row}" for row in range(200)]).tolist() == list(range(200))
    assert len(index._overflow) <= 400


_IDS = st.sets(st.sampled_from([f"i{number}" for number in range(300)]), max_size=150)


@given(turns=st.lists(st.tuples(_IDS, _IDS), max_size=8))
def test_it_is_a_dictionary(turns):
    index = IdIndex()
    expected: dict[str, int] = {}
    for added, removed in turns:
        new = sorted(added - expected.keys())
        rows = np.arange(len(new)) + len(expected)
        index.add(new, rows)
        expected |= dict(zip(new, rows.tolist(), strict=True))
        gone = sorted(removed & expected.keys())
        index.remove(gone)
        for item in gone:
            del expected[item]
        asked = [f"i{number}" for number in range(300)]
        assert index.find(asked).tolist() == [expected.get(item, -1) for item in asked]
