"""Which kind of feature a column becomes, where a whole log would be too long to write."""

import numpy as np
import polars as pl

from features.spec import Side
from training.init.column import Column
from training.init.kinds import Log, choose

ROWS = 20_000_000
KEPT = 4_000


def test_ten_million_distinct_ids_are_hashed():
    ids = [f"u{number}" for number in np.random.default_rng(1).integers(0, 1_000, KEPT)]
    log = Log(ROWS, ROWS // KEPT, np.arange(KEPT, dtype=np.int8) % 2, np.arange(KEPT) < KEPT * 0.7)
    column = Column("user_id", pl.Series(ids), None, distinct=10_000_000)
    chosen = choose(column, Side.USER, log, key=True)
    assert chosen.features == ({"kind": "hashed", "name": "user_id", "buckets": 200_000},)
