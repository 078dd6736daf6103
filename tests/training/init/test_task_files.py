"""What `axon init` writes for logs with the schemas of the wild."""

import hashlib
import re
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

from features.spec import RawKind
from tests.training.init.logs import LOGS, draw_clicks, write_csv
from training.config import TaskConfig, load_config
from training.errors import ConfigError, DataError
from training.init import Question, write_task
from training.log.columns import RowsReader
from training.log.quarantine import Quarantine
from training.progress import Silent
from training.sources import open_source


@cache
def written(name: str) -> Path:
    """The task file of one of the logs, written once."""
    folder = Path(mkdtemp())
    write, label = LOGS[name]
    output = folder / "axon.yaml"
    write_task(Question(write(folder), label), output, name=None, force=False, progress=Silent())
    return output


def task(name: str) -> TaskConfig:
    return load_config(written(name))


def kinds(config: TaskConfig) -> dict[str, str]:
    """Feature -> its kind."""
    return {feature.name: feature.kind for feature in config.features.features()}


def feature(config: TaskConfig, name: str) -> Any:
    """One feature, whatever its kind."""
    return next(feature for feature in config.features.features() if feature.name == name)


def sides(config: TaskConfig) -> dict[str, str]:
    """Column -> its side."""
    return {raw.column: str(raw.side) for raw in config.features.log_inputs()}


def left_out(name: str) -> dict[str, str]:
    """Column that was left out -> the reason."""
    lines = [line[6:] for line in written(name).read_text().splitlines() if line.startswith("  #   ")]
    return dict(line.split(": ", 1) for line in lines)


def init(log: Path, label: str = "clicked", **question: Any) -> TaskConfig:
    output = log.parent / "axon.yaml"
    write_task(Question(log, label, **question), output, name=None, force=True, progress=Silent())
    return load_config(output)


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


def test_a_file_that_is_there_is_not_replaced(tmp_path: Path):
    output = tmp_path / "axon.yaml"
    output.write_text("mine")
    with pytest.raises(ConfigError, match="found one; --force replaces it"):
        write_task(
            Question(tmp_path / "log.csv", "clicked"), output, name=None, force=False, progress=Silent()
        )


def test_a_label_that_is_not_there_is_answered_with_the_nearest(tmp_path: Path):
    log = write_csv(tmp_path / "log.csv", {"clicked": [0, 1], "device": ["a", "b"]})
    with pytest.raises(DataError, match="nearest: 'clicked'"):
        init(log, "click")


def test_separator_and_sentinel_of_a_log_like_bank_marketing(tmp_path: Path):
    columns = {
        "job": ["admin.", "student", "unknown"] * 200,
        "pdays": [row % 20 if row % 3 else 999 for row in range(600)],
        "nr.employed": [5191.0, 5191.0, 5228.1] * 200,
        "y": ["no", "no", "yes", "no"] * 150,
    }
    config = init(write_csv(tmp_path / "bank.csv", columns, separator=";"), "y")
    assert (config.data.separator, config.data.positive) == (";", ("yes",))
    assert feature(config, "pdays").missing_values == (999.0,)


def test_tables_are_joined_by_the_key_they_share_with_the_log(tmp_path: Path):
    rows = 600
    log = write_csv(
        tmp_path / "log.csv",
        {
            "time_ms": [1_650_812_741_000 + 60_000 * row for row in range(rows)],
            "user_id": [row % 50 for row in range(rows)],
            "video_id": [row * 7 % 30 for row in range(rows)],
            "is_click": draw_clicks(np.random.default_rng(1), np.zeros(rows), 0.4),
        },
    )
    users = write_csv(tmp_path / "users.csv", {"user_id": range(50), "degree": ["full", "low"] * 25})
    items = write_csv(
        tmp_path / "videos.csv",
        {
            "video_id": range(30),
            "upload_dt": ["2022-04-10", "2022-04-11", "2022-03-10"] * 10,
            "tag": ["1,2", "2", "3"] * 10,
        },
    )
    config = init(log, "is_click", users=users, items=items)
    assert [table and table.key for table in (config.data.users, config.data.items)] == [
        "user_id",
        "video_id",
    ]
    assert {"degree": "user", "upload_dt": "item", "tag": "item"}.items() <= sides(config).items()


def test_paths_are_seen_from_the_task_file(tmp_path: Path):
    (tmp_path / "data").mkdir()
    log = write_csv(
        tmp_path / "data" / "log.csv",
        {"clicked": [0, 1, 1, 0] * 50, "device": ["a", "b", "c", "d", "e"] * 40},
    )
    output = tmp_path / "tasks.yaml"
    write_task(Question(log, "clicked"), output, name="mine", force=False, progress=Silent())
    document = yaml.safe_load(output.read_text())
    assert (document["name"], document["data"]["root"], document["data"]["log"]) == (
        "mine",
        "data",
        "log.csv",
    )


def test_a_column_with_too_many_values_for_a_vocabulary_is_hashed(tmp_path: Path):
    rows = np.arange(450_000)
    columns = {"page_id": rows * 7 % 310_000, "clicked": (rows % 7 == 0).astype(int)}
    assert kinds(init(write_csv(tmp_path / "log.csv", columns)))["page_id"] == "hashed"


def test_long_names_without_spaces_are_a_key_and_no_free_text(tmp_path: Path):
    random = np.random.default_rng(1)
    users, rows = random.integers(0, 6_500, 10_000), 10_000
    columns = {
        "user_id": [hashlib.sha256(str(user).encode()).hexdigest() for user in users],
        "link": [f"https://example.org/{'long/' * 8}{user}" for user in random.permutation(users)],
        "review": [f"a sentence of many words that is here once and never again, number {row}" for row in range(rows)],
        "clicked": draw_clicks(random, np.zeros(rows), 0.3),
    }  # fmt: skip
    config = init(write_csv(tmp_path / "log.csv", columns))
    assert kinds(config).items() >= {"user_id": "categorical", "link": "categorical"}.items()
    assert sides(config)["user_id"] == "user"
    assert "review" not in kinds(config)


def test_a_key_that_is_there_for_clicks_alone_is_left_out_and_the_next_one_found(tmp_path: Path):
    random = np.random.default_rng(1)
    rows = 4_000
    clicked = draw_clicks(random, np.zeros(rows), 0.3)
    bought = [
        f"p{item}" if click else ""
        for item, click in zip(random.integers(0, 200, rows), clicked, strict=True)
    ]
    columns = {
        "item_id": bought,
        "product_id": random.integers(0, 200, rows),
        "user_id": random.integers(0, 300, rows),
        "clicked": clicked,
    }
    config = init(write_csv(tmp_path / "log.csv", columns))
    assert config.data.item_key == "product_id"
    assert "item_id" not in sides(config)
    assert not any("item_id" in activity.of for activity in config.features.history)


def test_numbers_with_a_decimal_comma_are_numbers_for_training_too(tmp_path: Path):
    random = np.random.default_rng(1)
    price = np.round(np.exp(random.normal(6, 1.5, 600)), 2)
    table = {
        "price": [f"{cents:,.2f}".translate({44: 46, 46: 44}) for cents in price],
        "score": price,
        "clicked": draw_clicks(random, np.log(price) - 6, 0.4),
    }
    log = write_csv(tmp_path / "log.csv", table, separator=";")
    config = init(log)
    assert (config.data.decimal, kinds(config)["price"], kinds(config)["score"]) == (
        ",",
        "numeric",
        "numeric",
    )
    rows = RowsReader(
        next(open_source(str(log), Path(), config.data, what="log").chunks(1_000)),
        open_source(str(log), Path(), config.data, what="log"),
        config.data,
    )
    numbers = [
        rows.series(raw).to_numpy() for raw in config.features.log_inputs() if raw.kind is RawKind.NUMBER
    ]
    assert not rows.reasons
    for read in numbers:
        np.testing.assert_allclose(read, price, rtol=1e-6)


def test_a_column_that_scoring_would_write_is_refused(tmp_path: Path):
    log = write_csv(tmp_path / "log.csv", {"probability": [0.1, 0.2] * 100, "clicked": [0, 1, 1, 0] * 50})
    with pytest.raises(DataError, match="expected no column 'probability', as axon score adds one"):
        init(log)


def test_rows_sorted_by_their_label_are_refused(tmp_path: Path):
    log = write_csv(tmp_path / "log.csv", {"device": ["a", "b"] * 100, "clicked": [0] * 190 + [1] * 10})
    with pytest.raises(DataError, match="is it sorted by its label"):
        init(log)


@pytest.mark.parametrize(("clicks", "rare", "decay"), [(200, 0.0, 4.0), (400, 50, 1.0)])
def test_with_few_clicks_decay_holds_all_embeddings_alike_and_nothing_is_counted(
    tmp_path, clicks, rare, decay
):
    rows = 4_000
    clicked = np.zeros(rows, int)
    clicked[:: rows // clicks] = 1
    users = [f"u{user}" for user in np.random.default_rng(1).integers(0, rows // 4, rows)]
    table = {"user_id": users, "page": np.arange(rows) % 7, "clicked": clicked}
    config = init(write_csv(tmp_path / "log.csv", table))
    training = config.training
    assert bool(config.features.history) == (clicks > 300)
    assert (training.l2_rare, training.id_dropout) == (rare, 0.2)
    assert training.embedding_optimizer is not None
    assert training.embedding_optimizer.weight_decay == decay
