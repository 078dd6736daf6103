from pathlib import Path

import polars as pl
import pytest

from features.raw import MISSING_TIME
from features.spec import RawInput, Side
from tests.training.log_files import ITEMS, USERS, log_only, make_data, number, text, texts, time, write
from training.config import TableConfig
from training.errors import DataError
from training.log.tables import Table, open_table, read_table

GENDER = text("gender", Side.USER)


def table(
    root: Path, content: str, raw_inputs: list[RawInput], keep: tuple[str, ...] = (), key: str = "user_id"
) -> Table:
    write(root / "table.csv", content)
    data = log_only(missing_values=["", "NULL"])
    source = open_table(TableConfig(path="table.csv", key=key), data, root, what="users table")
    return read_table(source, key, raw_inputs, keep, data)


def keys(*values: str) -> pl.Series:
    return pl.Series("user_id", values, dtype=pl.String)


def refusal(root: Path, content: str, raw_inputs: list[RawInput]) -> str:
    with pytest.raises(DataError) as refused:
        table(root, content, raw_inputs)
    return str(refused.value)


def test_rows_are_found_by_key_in_the_order_of_the_keys(tmp_path: Path):
    found = table(tmp_path, USERS, [GENDER]).look_up(keys("u2", "u1", "u2"))
    assert found.raw["gender"].to_list() == ["m", "f", "m"]


def test_columns_are_of_their_kinds(tmp_path: Path):
    found = table(tmp_path, ITEMS, [texts("tags"), time("up_ms")], key="item_id").look_up(keys("i1"))
    assert found.raw.schema == {"tags": pl.List(pl.String), "up_ms": pl.Int64}
    assert found.raw.row(0) == (["red", "big"], 500)


def test_an_unknown_key_leaves_every_kind_missing(tmp_path: Path):
    content = "user_id,a,b,c,d\nu1,x,1,2,y\n"
    found = table(tmp_path, content, [text("a"), number("b"), time("c"), texts("d")]).look_up(keys("u9"))
    row = found.raw.with_columns(pl.col("b").is_nan()).row(0)
    assert row == ("", True, MISSING_TIME, [])


def test_unknown_keys_are_counted(tmp_path: Path):
    assert table(tmp_path, USERS, [GENDER]).look_up(keys("u1", "u9", "", "u2")).unknown == 2


def test_kept_columns_are_text_also_where_a_raw_input_is_a_number(tmp_path: Path):
    found = table(tmp_path, USERS, [number("fans")], keep=("fans",)).look_up(keys("u1", "u9"))
    assert found.raw["fans"].dtype == pl.Float32
    assert found.kept["fans"].to_list() == ["10", ""]


def test_cells_that_mean_missing_are_missing(tmp_path: Path):
    found = table(tmp_path, "user_id,gender\nu1,NULL\n", [GENDER]).look_up(keys("u1"))
    assert found.raw["gender"].to_list() == [""]


def test_a_key_written_as_a_number_is_text(tmp_path: Path):
    pl.DataFrame({"user_id": [7], "gender": ["f"]}).write_parquet(tmp_path / "table.parquet")
    source = open_table(
        TableConfig(path="table.parquet", key="user_id"), make_data(), tmp_path, what="users table"
    )
    found = read_table(source, "user_id", [GENDER], (), make_data()).look_up(keys("7"))
    assert found.raw["gender"].to_list() == ["f"]


def test_a_table_in_several_files_is_one_table(tmp_path: Path):
    write(tmp_path / "a.csv", "user_id,gender\nu1,f\n")
    write(tmp_path / "b.csv", "user_id,gender\nu2,m\n")
    source = open_table(
        TableConfig(path="[ab].csv", key="user_id"), make_data(), tmp_path, what="users table"
    )
    assert len(read_table(source, "user_id", [GENDER], (), make_data())) == 2


def test_a_key_that_comes_twice_is_refused_by_name(tmp_path: Path):
    text = refusal(tmp_path, "user_id,gender\nu1,f\nu2,m\nu1,m\n", [GENDER])
    assert "expected every 'user_id' once, got 'u1' 2 times (as rows 1, 3)" in text


def test_a_missing_key_is_refused_with_its_line(tmp_path: Path):
    assert "line 3: column 'user_id': expected a key" in refusal(
        tmp_path, "user_id,gender\nu1,f\n,m\n", [GENDER]
    )


def test_an_unreadable_cell_is_refused_with_file_line_and_column(tmp_path: Path):
    text = refusal(tmp_path, "user_id,fans\nu1,3\nu2,many\n", [number("fans")])
    assert f"{tmp_path / 'table.csv'}, line 3: column 'fans': expected a finite number, got 'many'" in text


def test_a_row_of_another_width_is_refused_with_its_line(tmp_path: Path):
    assert "line 3: expected 2 fields, got 3" in refusal(tmp_path, "user_id,gender\nu1,f\nu2,m,x\n", [GENDER])


def test_a_table_without_its_key_column_is_refused(tmp_path: Path):
    text = refusal(tmp_path, "userid,gender\nu1,f\n", [GENDER])
    assert "expected a column 'user_id' (the key of the table), nearest: 'userid'" in text
