"""Which impressions of a batch are ranked against each other."""

import numpy as np

from tests.training.conftest import draw_inputs, write_store
from tests.training.toys import TOY
from training.fitting.contexts import Contexts


def contexts_of(path, cities, *, key="city", oov_ids=1):
    """The contexts of a batch of impressions in these cities."""
    ids, values = draw_inputs(TOY, len(cities))
    ids[:, 0] = cities
    batch = write_store(path / "store", TOY, np.zeros(len(cities)), ids=ids, values=values).read(0, 100)
    return Contexts(TOY, key, np.array([oov_ids, 0], np.int32)).of(batch).tolist()


def test_without_a_key_the_batch_is_one_context(tmp_path):
    assert contexts_of(tmp_path, [2, 3, 2], key=None) == [0, 0, 0]


def test_equal_ids_share_a_context(tmp_path):
    first, second, third = contexts_of(tmp_path, [4, 3, 4])
    assert (first == third, first == second) == (True, False)


def test_missing_and_unknown_values_share_none(tmp_path):
    # 0 is missing, 1 and 2 are the two OOV ids.
    contexts = contexts_of(tmp_path, [0, 0, 1, 1, 2, 2, 3, 3], oov_ids=2)
    assert len(set(contexts)) == 7


def test_contexts_are_numbered_within_the_batch(tmp_path):
    assert sorted(set(contexts_of(tmp_path, [5, 3, 5, 1]))) == [0, 1, 2]
