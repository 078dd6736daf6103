"""What `axon init` makes of one log each, drawn for a question."""

import hashlib
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from numpy.typing import NDArray

from features.spec import RawKind
from tests.training.init.logs import draw_clicks, write_csv
from tests.training.init.task_files import feature, init, kinds, sides
from training.check import check_log
from training.config import TaskConfig
from training.errors import ConfigError, DataError
from training.init import Question, write_task
from training.log.columns import RowsReader
from training.progress import Silent
from training.sources import open_source


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
        "amount": [f"{cents:.2f} €".replace(".", ",") for cents in price],
        "clicked": draw_clicks(random, np.log(price) - 6, 0.4),
    }
    log = write_csv(tmp_path / "log.csv", table, separator=";")
    config = init(log)
    assert config.data.decimal == ","
    assert [kinds(config).get(name) for name in ("price", "score", "amount")] == ["numeric"] * 3
    for read in numbers_in(log, config):
        np.testing.assert_allclose(read, price, rtol=1e-6)


def test_amounts_are_numbers_for_training_too(tmp_path: Path):
    random = np.random.default_rng(1)
    price = np.round(np.exp(random.normal(6, 1.5, 600)), 2)
    rate = np.round(random.uniform(5, 25, 600), 2)
    amounts = [f"${dollars:,.2f}" for dollars in price]
    table = {
        "price": amounts,
        "rate": [f"{percent}%" for percent in rate],
        "tags": [",".join(str(100 + row * at % 50) for at in range(1, 2 + row % 3)) for row in range(600)],
        "clicked": draw_clicks(random, np.log(price) - 6, 0.4),
    }
    log = write_csv(tmp_path / "log.csv", table)
    config = init(log)
    assert {name: kinds(config)[name] for name in table if name != "clicked"} == {
        "price": "numeric",
        "rate": "numeric",
        "tags": "multi",
    }
    read = numbers_in(log, config)
    np.testing.assert_allclose(read[0], price, rtol=1e-6)
    np.testing.assert_allclose(read[-1], rate, rtol=1e-6)
    text = (tmp_path / "axon.yaml").read_text()
    assert f"a request sends '{amounts[0]}' as {price[0]:.10g}" in text


def test_two_numbers_around_an_underscore_are_a_name(tmp_path: Path):
    rng = np.random.default_rng(1)
    slots = [
        f"{site}_{slot}"
        for site, slot in zip(rng.integers(1, 400, 2_000), rng.integers(1, 4, 2_000), strict=True)
    ]
    columns = {"slot": slots, "clicked": rng.integers(0, 2, 2_000)}
    assert kinds(init(write_csv(tmp_path / "log.csv", columns)))["slot"] == "categorical"


def test_a_day_and_a_clock_in_two_columns_keep_the_hour(tmp_path: Path):
    random = np.random.default_rng(1)
    minutes = np.sort(random.integers(0, 20 * 24 * 60, 800))
    moments = [datetime(2026, 5, 1, tzinfo=UTC) + timedelta(minutes=int(minute)) for minute in minutes]
    table = {
        "date": [f"{moment:%Y-%m-%d}" for moment in moments],
        "clock": [f"{moment:%I:%M %p}" for moment in moments],
        "clicked": draw_clicks(random, np.cos(minutes / 720 * np.pi), 0.4),
    }
    config = init(write_csv(tmp_path / "log.csv", table))
    assert config.data.time is not None
    assert config.data.time.column == "date"
    hour = feature(config, "clock_hour")
    assert (hour.kind, hour.part, config.features.time_columns["clock"].format) == (
        "time_part",
        "hour",
        "%I:%M %p",
    )
    assert sides(config)["clock"] == "context"


def test_a_time_that_tells_clicks_by_how_far_from_the_impression_it_is_is_left_out(tmp_path: Path):
    random = np.random.default_rng(1)
    days = np.sort(random.integers(0, 90, 800))
    clicked = draw_clicks(random, np.zeros(800), 0.3)
    departs = days + random.integers(5, 60, 800)
    settled = days + np.where(clicked == 1, random.integers(3, 20, 800), random.integers(20, 90, 800))
    dates = {"event_date": days, "departure_date": departs, "updated_at": settled}
    first = datetime(2026, 5, 1, tzinfo=UTC)
    table = {
        name: [f"{first + timedelta(days=int(day)):%Y-%m-%d}" for day in of] for name, of in dates.items()
    }
    config = init(write_csv(tmp_path / "log.csv", {**table, "clicked": clicked}))
    assert config.data.time is not None
    assert config.data.time.column == "event_date"
    assert "departure_date_age" in kinds(config)
    assert "updated_at_age" not in kinds(config)


def numbers_in(log: Path, config: TaskConfig) -> list[NDArray[np.float32]]:
    """What training reads of the columns of numbers."""
    source = open_source(str(log), Path(), config.data, what="log")
    rows = RowsReader(next(source.chunks(1_000)), source, config.data)
    numbers = [
        rows.series(raw).to_numpy() for raw in config.features.log_inputs() if raw.kind is RawKind.NUMBER
    ]
    assert not rows.reasons
    return numbers


def test_a_column_that_scoring_would_write_is_refused(tmp_path: Path):
    log = write_csv(tmp_path / "log.csv", {"probability": [0.1, 0.2] * 100, "clicked": [0, 1, 1, 0] * 50})
    with pytest.raises(DataError, match="expected no column 'probability', as axon score adds one"):
        init(log)


def test_rows_sorted_by_their_label_are_refused(tmp_path: Path):
    log = write_csv(tmp_path / "log.csv", {"device": ["a", "b"] * 100, "clicked": [0] * 190 + [1] * 10})
    with pytest.raises(DataError, match="is it sorted by its label"):
        init(log)


@pytest.mark.parametrize(("clicks", "rare", "decay"), [(200, 0.0, 4.0), (400, 50, 1.0), (1000, 50, 1.0)])
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
    assert bool(config.features.history) == (clicks >= 1000)
    assert (training.l2_rare, training.id_dropout) == (rare, 0.2)
    assert training.embedding_optimizer is not None
    assert training.embedding_optimizer.weight_decay == decay


def test_columns_of_a_parquet_file_that_text_files_do_not_have(tmp_path: Path):
    random = np.random.default_rng(1)
    table = {
        "score": [float("nan") if row % 9 == 0 else row * 0.37 % 5 for row in range(600)],
        "balance": [10.0 ** (18 + row % 7) * (1 + row % 11) for row in range(600)],
        "site_id": [10.0**20 * (1 + row % 50) for row in range(600)],
        "clock": [time(row % 24, row % 60) for row in range(600)],
        "stay": [timedelta(seconds=row % 50) for row in range(600)],
        "user_id": [bytes([row % 50, 255]) for row in range(600)],
        "clicked": random.integers(0, 2, 600),
    }
    log = tmp_path / "log.parquet"
    pl.DataFrame(table).write_parquet(log)
    config = init(log)
    assert kinds(config) == {
        "score": "numeric",
        "score_bucket": "buckets",
        "balance": "numeric",
        "balance_bucket": "buckets",
        "clock_hour": "time_part",
    }
    assert not feature(config, "balance").indicator
    assert check_log(config, tmp_path).bad_rows == 0
