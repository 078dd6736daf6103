import json
from pathlib import Path
from typing import Any

import pytest

from features.spec import RawInput, Side
from tests.training.log_files import (
    log_only,
    number,
    read,
    text,
    write,
    write_shop,
)
from training.errors import DataError, TooManyBadRowsError

DEVICE = text("device")


def bad_rows(root: Path) -> list[tuple[int, str]]:
    lines = (root / "quarantine.jsonl").read_text(encoding="utf-8").splitlines()
    return [(record["line"], record["reason"]) for record in map(json.loads, lines)]


def shop_log(root: Path, *rows: str, header: str = "time_ms,device,price,clicked") -> None:
    write(root / "log.csv", "\n".join([header, *rows]) + "\n")


def refusal(root: Path, raw_inputs: list[RawInput], **how: Any) -> str:
    with pytest.raises(DataError) as refused:
        read(root, raw_inputs, **how)
    return str(refused.value)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        pytest.param("2,ios,5", "expected 4 fields, got 3", id="too narrow"),
        pytest.param("2,ios,5,1,x", "expected 4 fields, got 5", id="too wide"),
        pytest.param("2,ios,5,3", "column 'clicked': expected 0 or 1, got '3'", id="label"),
        pytest.param("2,ios,5,", "column 'clicked': expected 0 or 1, got nothing", id="no label"),
        pytest.param(",ios,5,1", "column 'time_ms': expected a time, got nothing", id="no time"),
        pytest.param(
            "noon,ios,5,1",
            "column 'time_ms': expected a time (an ISO 8601 time or integer milliseconds), got 'noon'",
            id="time",
        ),
        pytest.param("2,ios,much,1", "column 'price': expected a finite number, got 'much'", id="number"),
        pytest.param("2,ios,nan,1", "column 'price': expected a finite number, got 'nan'", id="NaN"),
        pytest.param("noon,ios,much,3", "column 'clicked': expected 0 or 1, got '3'", id="first reason"),
    ],
)
def test_a_row_that_cannot_be_read_is_set_apart_once_with_its_reason(tmp_path: Path, row: str, reason: str):
    shop_log(tmp_path, "1,web,4,0", row, "3,web,6,1")
    (chunk,) = read(tmp_path, [DEVICE, number("price")], log_only())
    assert bad_rows(tmp_path) == [(3, reason)]
    assert chunk.raw["price"].to_list() == [4.0, 6.0]


def test_the_other_rows_keep_their_places(tmp_path: Path):
    shop_log(tmp_path, "1,a,1,0", "2,b,1", "3,c,1,1", "x,d,1,0", "5,e,1,0")
    (chunk,) = read(tmp_path, [DEVICE], log_only())
    assert chunk.positions.tolist() == [0, 2, 4]
    assert chunk.size == 5
    assert chunk.time_ms.tolist() == [1, 3, 5]


def test_places_start_anew_in_every_chunk(tmp_path: Path):
    shop_log(tmp_path, "1,a,1,0", "2,b,1", "3,c,1,1", "x,d,1,0", "5,e,1,0")
    chunks = read(tmp_path, [DEVICE], log_only(), chunk_rows=2)
    assert [chunk.positions.tolist() for chunk in chunks] == [[0], [0], [0]]


def test_a_join_follows_the_readable_rows(tmp_path: Path):
    write_shop(tmp_path)
    write(tmp_path / "log.csv", "time_ms,user_id,clicked\n1,u1,0\n2,u1,9\n3,u2,1\n")
    (chunk,) = read(tmp_path, [text("gender", Side.USER)])
    assert chunk.raw["gender"].to_list() == ["f", "m"]


def test_a_chunk_without_a_readable_row_still_counts_its_rows(tmp_path: Path):
    shop_log(tmp_path, "1,a,1,0", "2,b,1", "3,c,1")
    chunk = read(tmp_path, [DEVICE], log_only(), chunk_rows=1)[1]
    assert (chunk.size, chunk.raw.height, len(chunk.positions)) == (1, 0, 0)


def test_bad_rows_of_all_kinds_are_set_apart_in_the_order_of_the_log(tmp_path: Path):
    shop_log(tmp_path, "1,a,1,0", "x,b,1,0", "3,c,1", "4,d,1,7")
    read(tmp_path, [DEVICE], log_only())
    assert [line for line, _ in bad_rows(tmp_path)] == [3, 4, 5]


def test_lines_of_bad_rows_count_the_lines_within_quotes(tmp_path: Path):
    shop_log(tmp_path, '1,"two\nlines",1,0', "2,b,1,x")
    read(tmp_path, [DEVICE], log_only())
    assert [line for line, _ in bad_rows(tmp_path)] == [4]


def test_bad_values_of_typed_files_are_set_apart_too(tmp_path: Path):
    write(
        tmp_path / "log.jsonl",
        '{"time_ms": 1, "price": 2, "clicked": 0}\n{"time_ms": 2, "price": "2", "clicked": 1}\n',
    )
    read(tmp_path, [number("price")], log_only(log="log.jsonl"))
    assert bad_rows(tmp_path) == [(2, "column 'price': expected a number, got '2'")]


def test_more_bad_rows_than_the_limit_refuse_the_log_at_its_end(tmp_path: Path):
    shop_log(tmp_path, "1,a,1,0", "2,b,1", "3,c,1,1")
    with pytest.raises(TooManyBadRowsError, match="got 1 of 3"):
        read(tmp_path, [DEVICE], log_only(), limit=0.1)


def test_a_log_that_is_clearly_beyond_the_limit_is_not_read_to_its_end(tmp_path: Path):
    shop_log(tmp_path, "1,a,1,0", *["2,b,1"] * 5000)
    with pytest.raises(TooManyBadRowsError, match="got 1999 of 2000"):
        read(tmp_path, [DEVICE], log_only(), limit=0.01, chunk_rows=2000)


def test_a_label_column_that_is_not_there_is_refused_with_the_nearest(tmp_path: Path):
    shop_log(tmp_path, "1,a,1,0", header="time_ms,device,price,click")
    text = refusal(tmp_path, [DEVICE], data=log_only())
    assert f"log {tmp_path / 'log.csv'}: expected a column 'clicked' (data.label), nearest: 'click'" in text


def test_a_time_column_that_is_not_there_is_refused(tmp_path: Path):
    shop_log(tmp_path, "1,a,1,0", header="timestamp,device,price,clicked")
    assert "expected a column 'time_ms' (data.time.column)" in refusal(tmp_path, [DEVICE], data=log_only())


def test_a_wrong_separator_is_suspected_where_there_is_one_column_only(tmp_path: Path):
    write(tmp_path / "log.csv", "time_ms;device;clicked\n1;a;0\n")
    assert "data.separator may be wrong" in refusal(tmp_path, [DEVICE], data=log_only())


def test_a_feature_column_that_is_nowhere_is_refused_with_all_places(tmp_path: Path):
    write_shop(tmp_path)
    message = refusal(tmp_path, [text("gendre", Side.USER)])
    assert "feature column 'gendre' (user)" in message
    assert str(tmp_path / "log.csv") in message
    assert str(tmp_path / "users.csv") in message
    assert "nearest: 'gender'" in message


def test_a_context_column_is_looked_for_in_the_log_only(tmp_path: Path):
    write_shop(tmp_path)
    assert "feature column 'gender' (context)" in refusal(tmp_path, [text("gender")])


def test_a_column_of_a_side_without_a_table_is_refused_as_such(tmp_path: Path):
    write_shop(tmp_path)
    message = refusal(tmp_path, [text("gender", Side.USER)], data=log_only())
    assert "the task file names no data.users" in message


def test_a_kept_column_that_is_nowhere_is_refused(tmp_path: Path):
    write_shop(tmp_path)
    assert "expected a column 'city'" in refusal(tmp_path, [DEVICE], keep=["city"])


def test_a_log_without_the_key_of_a_table_is_refused(tmp_path: Path):
    write_shop(tmp_path)
    write(tmp_path / "log.csv", "time_ms,clicked\n1,0\n")
    message = refusal(tmp_path, [text("gender", Side.USER)])
    assert "expected a column 'user_id' (the key of the users table)" in message


def test_a_first_chunk_without_any_label_is_refused_at_once_with_what_came(tmp_path: Path):
    shop_log(tmp_path, "1,a,1,yes", "2,b,1,no")
    message = refusal(tmp_path, [DEVICE], data=log_only())
    assert (
        "expected 0 or 1 in the column 'clicked' (data.label), got only others, such as 'no', 'yes'"
        in message
    )


def test_files_are_looked_for_before_the_first_chunk_is_asked_for(tmp_path: Path):
    with pytest.raises(DataError, match=r"log\.csv"):
        read(tmp_path, [DEVICE], chunk_rows=1)
