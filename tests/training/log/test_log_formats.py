import gzip
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from datetime import time as clock
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from features.spec import TimeColumn
from tests.training.log_files import (
    log_only,
    number,
    read,
    text,
    texts,
    time,
)

DEVICE = text("device")


def _rows() -> list[dict[str, Any]]:
    return [
        {
            "time_ms": 1650812741436,
            "user": 7,
            "price": 1.5,
            "tags": ["red", "big"],
            "new": True,
            "clicked": 0,
        },
        {"time_ms": 1650812741437, "user": 8, "price": None, "tags": [], "new": False, "clicked": 1},
        {"time_ms": 1650812741439, "user": None, "price": 0.1, "tags": ["sm,all"], "new": None, "clicked": 0},
    ]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return ";".join(value) if isinstance(value, list) else str(value)


def _delimited(separator: str) -> bytes:
    rows = [[_cell(value) for value in row.values()] for row in _rows()]
    quoted = [[f'"{cell}"' if "," in cell else cell for cell in row] for row in rows]
    lines = [separator.join(row) for row in [list(_rows()[0]), *quoted]]
    return "\n".join(lines).encode()


def _json_lines() -> bytes:
    records = [{key: value for key, value in row.items() if value is not None} for row in _rows()]
    return "\n".join(map(json.dumps, records)).encode()


def _write_parquet(path: Path) -> None:
    pl.DataFrame(_rows()).with_columns(pl.col("price").cast(pl.Float32)).write_parquet(path)


WRITERS: dict[str, Callable[[Path], object]] = {
    "log.csv": lambda path: path.write_bytes(_delimited(",")),
    "log.csv.gz": lambda path: path.write_bytes(gzip.compress(_delimited(","))),
    "log.tsv": lambda path: path.write_bytes(_delimited("\t")),
    "log.tsv.gz": lambda path: path.write_bytes(gzip.compress(_delimited("\t"))),
    "log.jsonl": lambda path: path.write_bytes(_json_lines()),
    "log.jsonl.gz": lambda path: path.write_bytes(gzip.compress(_json_lines())),
    "log.parquet": _write_parquet,
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_log_means_the_same_in_every_format(tmp_path: Path, name: str):
    WRITERS[name](tmp_path / name)
    inputs = [time("time_ms"), text("user"), number("price"), texts("tags"), text("new")]
    (chunk,) = read(tmp_path, inputs, log_only(log=name), keep=["price"])
    assert chunk.clicked is not None
    assert chunk.clicked.tolist() == [0, 1, 0]
    assert chunk.time_ms.tolist() == [1650812741436, 1650812741437, 1650812741439]
    assert chunk.raw.with_columns(pl.col("price").fill_nan(None)).rows() == [
        (1650812741436, "7", 1.5, ["red", "big"], "true"),
        (1650812741437, "8", None, [], "false"),
        (1650812741439, "", float(np.float32(0.1)), ["sm,all"], ""),
    ]
    assert chunk.kept["price"].to_list() == ["1.5", "", "0.1"]


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([1651622400, 1651622401], id="integers in the file's unit"),
        pytest.param(["1651622400", "1651622401"], id="text"),
    ],
)
def test_times_of_typed_files_are_written_as_the_task_file_says(tmp_path: Path, values: list[Any]):
    pl.DataFrame({"time_ms": values, "clicked": [0, 1]}).write_parquet(tmp_path / "log.parquet")
    data = log_only(log="log.parquet", time={"column": "time_ms", "format": "epoch_s"})
    assert read(tmp_path, [], data)[0].time_ms.tolist() == [1651622400000, 1651622401000]


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(datetime(2022, 5, 4, tzinfo=UTC), id="with its zone"),
        pytest.param(datetime(2022, 5, 4, 8), id="in the zone of the task file"),  # noqa: DTZ001
    ],
)
def test_moments_of_parquet_are_times(tmp_path: Path, moment: datetime):
    pl.DataFrame({"time_ms": [moment], "clicked": [0]}).write_parquet(tmp_path / "log.parquet")
    data = log_only(log="log.parquet", time={"column": "time_ms", "time_zone": "Asia/Shanghai"})
    assert read(tmp_path, [], data)[0].time_ms.tolist() == [1651622400000]


def test_dates_of_parquet_are_times_or_text(tmp_path: Path):
    frame = pl.DataFrame({"time_ms": [date(2022, 5, 4)], "clicked": [0]})
    frame.write_parquet(tmp_path / "log.parquet")
    (chunk,) = read(tmp_path, [], log_only(log="log.parquet"), keep=["time_ms"])
    assert chunk.time_ms.tolist() == [1651622400000]
    assert chunk.kept["time_ms"].to_list() == ["2022-05-04"]


@pytest.mark.parametrize("dtype", [pl.Categorical, pl.Enum(["ios", "web"])])
def test_categories_of_parquet_are_text(tmp_path: Path, dtype: pl.DataType):
    frame = pl.DataFrame({"time_ms": [1, 2], "device": ["ios", "web"], "clicked": [0, 1]})
    frame.with_columns(pl.col("device").cast(dtype)).write_parquet(tmp_path / "log.parquet")
    assert read(tmp_path, [DEVICE], log_only(log="log.parquet"))[0].raw["device"].to_list() == ["ios", "web"]


@pytest.mark.parametrize("dtype", [pl.Float32, pl.Float64])
def test_what_is_no_finite_number_is_missing_in_parquet(tmp_path: Path, dtype: pl.DataType):
    prices = pl.Series([1.5, float("nan"), float("inf"), float("-inf"), None], dtype=dtype)
    pl.DataFrame({"time_ms": range(5), "price": prices, "clicked": [0] * 5}).write_parquet(
        tmp_path / "log.parquet"
    )
    (chunk,) = read(tmp_path, [number("price")], log_only(log="log.parquet"), keep=["price"])
    assert chunk.raw["price"].fill_nan(None).to_list() == [1.5, None, None, None, None]
    assert chunk.kept["price"].to_list() == ["1.5", "", "", "", ""]


@pytest.mark.parametrize("dtype", [pl.Float32, pl.Float64])
def test_so_it_is_in_lists_of_parquet(tmp_path: Path, dtype: pl.DataType):
    sizes = pl.Series([[0.1, float("nan")], [], None], dtype=pl.List(dtype))
    pl.DataFrame({"time_ms": range(3), "sizes": sizes, "clicked": [0] * 3}).write_parquet(
        tmp_path / "log.parquet"
    )
    (chunk,) = read(tmp_path, [texts("sizes")], log_only(log="log.parquet"))
    assert chunk.raw["sizes"].to_list() == [["0.1", ""], [], []]


def test_times_of_day_of_parquet_are_times_as_the_task_file_says(tmp_path: Path):
    pl.DataFrame({"clock": [clock(7, 30)], "clicked": [0]}).write_parquet(tmp_path / "log.parquet")
    raw = time("clock").model_copy(update={"time": TimeColumn(format="%H:%M:%S")})
    (chunk,) = read(tmp_path, [raw], log_only(log="log.parquet", time=None))
    assert chunk.raw["clock"].item() % 86_400_000 == 7.5 * 3_600_000


def test_decimals_of_parquet_are_numbers(tmp_path: Path):
    frame = pl.DataFrame({"time_ms": [1], "price": ["1.25"], "clicked": [0]})
    frame.with_columns(pl.col("price").cast(pl.Decimal(10, 2))).write_parquet(tmp_path / "log.parquet")
    assert read(tmp_path, [number("price")], log_only(log="log.parquet"))[0].raw["price"].to_list() == [1.25]
