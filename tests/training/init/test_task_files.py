"""What `axon init` writes for logs with the schemas of the wild."""

import re
from pathlib import Path

import polars as pl
import pytest

from tests.training.init.logs import LOGS
from tests.training.init.task_files import feature, kinds, left_out, sides, task, written
from training.log.quarantine import Quarantine


@pytest.mark.parametrize("name", LOGS)
def test_training_can_read_every_row_with_the_file_as_written(name: str):
    from training.log.log_reader import read_log

    config = task(name)
    with Quarantine(None, limit=0.0) as quarantine:
        chunks = list(
            read_log(config.data, config.features.log_inputs(), written(name).parent, quarantine=quarantine)
        )
    assert quarantine.bad_rows == 0
    assert sum(int(chunk.clicked.sum()) for chunk in chunks if chunk.clicked is not None) > 0


@pytest.mark.parametrize("name", LOGS)
def test_every_column_is_a_feature_or_left_out_with_a_reason(name: str):
    config = task(name)
    accounted = {*sides(config), *left_out(name), config.data.label}
    if config.data.time is not None:
        accounted.add(config.data.time.column)
    columns = columns_of(written(name).parent / config.data.log)
    assert {config.data.rename.get(column, column) for column in columns} <= accounted


def columns_of(log: Path) -> list[str]:
    match log.suffix:
        case ".parquet":
            return pl.read_parquet(log).columns
        case ".jsonl":
            return pl.read_ndjson(log).columns
        case _:
            return pl.read_csv(log, separator="\t" if log.suffix == ".tsv" else ",").columns


def test_users_and_items_are_known_by_their_names():
    config = task("rare clicks")
    assert config.data.user_key == "user_id"
    assert sides(config) == {
        "user_id": "user",
        "gender": "user",
        "ad_id": "item",
        "brand": "item",
        "ts": "context",
        "position": "context",
        "price": "context",
    }


def test_the_one_negative_among_positive_numbers_means_missing():
    price = feature(task("rare clicks"), "price")
    assert (price.missing_values, price.indicator, price.scale) == ((-1.0,), True, "log")


def test_without_keys_everything_is_context():
    assert set(sides(task("census")).values()) == {"context"}


def test_without_a_time_column_the_order_of_the_rows_counts():
    assert task("ids only").data.time is None


def test_the_gate_asks_to_beat_the_prior_only():
    gate = task("ids only").gate
    assert (gate.beat, gate.max_calibration_error) == (("prior",), None)


def test_a_few_clicks_do_not_decide_whether_a_version_is_published():
    # 1 % of 12,000 impressions, of which the last tenth or so judges.
    assert task("rare clicks").gate.beat == ()
    assert re.search(
        r"beat: \[\] +# the held-out slice has about \d+ clicks", written("rare clicks").read_text()
    )


@pytest.mark.parametrize(
    ("name", "column", "form"),
    [
        ("rare clicks", "ts", "auto"),
        ("yymmddhh", "hour", "%y%m%d%H"),
        ("ratings", "timestamp", "epoch_s"),
        ("JSON lines", "event_time", "auto"),
        ("Parquet", "shown_at", "auto"),
        ("messy", "date", "auto"),
    ],
)
def test_the_time_of_the_impression_is_found(name: str, column: str, form: str):
    time = task(name).data.time
    assert time is not None
    assert (time.column, time.format) == (column, form)


@pytest.mark.parametrize(
    ("name", "column", "separator"),
    [
        ("ratings", "genres", "|"),
        ("JSON lines", "tags", None),
        ("Parquet", "colours", None),
        ("messy", "keywords", ","),
    ],
)
def test_cells_of_several_tokens_are_multi_valued(name: str, column: str, separator: str | None):
    found = feature(task(name), column)
    assert (found.kind, found.separator) == ("multi", separator)


@pytest.mark.parametrize(
    ("name", "positive"),
    [("census", (">50K",)), ("ratings", ("2",)), ("messy", ("yes",)), ("JSON lines", ())],
)
def test_the_value_that_means_a_click_is_found(name: str, positive: tuple[str, ...]):
    assert task(name).data.positive == positive


def test_a_date_of_the_item_becomes_its_age():
    assert kinds(task("Parquet"))["listed_on_age"] == "age"


def test_integers_that_are_names_are_categories():
    assert kinds(task("yymmddhh"))["C14"] == "categorical"


def test_integers_that_are_amounts_are_numbers_and_buckets():
    found = kinds(task("census"))
    assert (found["age"], found["age_bucket"]) == ("numeric", "buckets")


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ("row", "different value in nearly every row"),
        ("session", "different value in nearly every row"),
        ("country", "one value only"),
        ("note", "no value at all"),
        ("dwell_ms", "comes after the click"),
        ("converted", "comes after the click"),
        ("clicked_at", "comes after the click"),
        ("outcome", "repeats the label"),
    ],
)
def test_columns_that_help_nobody_are_left_out_with_the_reason(column: str, reason: str):
    assert reason in left_out("messy")[column]


def test_markers_of_missing_values_are_found():
    assert task("messy").data.missing_values == ("", r"\N")


def test_names_that_no_model_input_can_have_are_changed():
    assert task("census").data.rename[" capital gain"] == "capital_gain"
