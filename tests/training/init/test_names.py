"""`axon init` gives every feature a name of its own, whatever the columns are called."""

from pathlib import Path

import numpy as np
import polars as pl

from features.spec import Side
from tests.training.init.logs import write_csv
from tests.training.init.task_files import init, kinds
from training.init.choice import Choice
from training.init.column import Column
from training.init.past import counted


def test_a_column_may_be_called_as_a_feature_of_another_would_be(tmp_path: Path):
    random = np.random.default_rng(0)
    table = {
        "price": random.normal(10, 3, 400).round(2),
        "price_bucket": random.choice(["low", "high"], 400),
        "clicked": random.integers(0, 2, 400),
    }
    found = kinds(init(write_csv(tmp_path / "log.csv", table)))
    assert found == {"price": "numeric", "price_bucket_2": "buckets", "price_bucket": "categorical"}


def test_what_is_counted_has_names_that_no_column_and_nothing_else_counted_has():
    columns = {"user": Side.USER, "user_tab": Side.CONTEXT, "tab": Side.CONTEXT, "user_past_rate": Side.USER}
    choices = [
        Choice(name, "categorical", side, ({"name": name},), "", 900, 0.0) for name, side in columns.items()
    ]
    users = Column("user", pl.Series(["a"]), None, 1)
    names = [activity["name"] for activity in counted(choices, {Side.USER: users}, 100_000, ())]
    assert {"user_past_2", "user_tab_past", "user_tab_past_2"} <= set(names)
    assert len(set(names)) == len(names)
