from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from features.raw import MISSING_TIME
from features.spec import RawInput, RawKind, Side, TimeColumn
from tests.training.log_files import (
    LOG,
    log_only,
    make_data,
    number,
    read,
    text,
    texts,
    time,
    write,
    write_shop,
)
from training.errors import DataError

DEVICE = text("device")
SHOP = [
    text("user_id", Side.USER),
    text("gender", Side.USER),
    number("fans", Side.USER),
    text("item_id", Side.ITEM),
    texts("tags", Side.ITEM),
    time("up_ms", Side.ITEM),
    DEVICE,
    time("time_ms"),
]


def shop_log(root: Path, *rows: str, header: str = "time_ms,device,price,clicked") -> None:
    write(root / "log.csv", "\n".join([header, *rows]) + "\n")


def refusal(root: Path, raw_inputs: list[RawInput], **how: Any) -> str:
    with pytest.raises(DataError) as refused:
        read(root, raw_inputs, **how)
    return str(refused.value)


def test_raw_inputs_come_in_the_order_asked_for(tmp_path: Path):
    write_shop(tmp_path)
    (chunk,) = read(tmp_path, SHOP)
    assert chunk.raw.columns == [raw.column for raw in SHOP]


def test_each_kind_has_its_type(tmp_path: Path):
    write_shop(tmp_path)
    (chunk,) = read(tmp_path, [DEVICE, number("fans", Side.USER), time("time_ms"), texts("tags", Side.ITEM)])
    assert chunk.raw.dtypes == [pl.String, pl.Float32, pl.Int64, pl.List(pl.String)]


def test_an_impression_has_its_own_columns_and_those_of_its_user_and_item(tmp_path: Path):
    write_shop(tmp_path)
    (chunk,) = read(tmp_path, SHOP)
    assert chunk.raw.row(0) == ("u1", "f", 10.0, "i1", ["red", "big"], 500, "ios", 1000)


def test_clicks_are_zeros_and_ones(tmp_path: Path):
    write_shop(tmp_path)
    (chunk,) = read(tmp_path, [DEVICE])
    assert chunk.clicked is not None
    assert chunk.clicked.dtype == np.int8
    assert chunk.clicked.tolist() == [0, 1, 0]


def test_times_are_milliseconds_since_the_epoch(tmp_path: Path):
    write_shop(tmp_path)
    (chunk,) = read(tmp_path, [DEVICE])
    assert chunk.time_ms.tolist() == [1000, 2000, 3000]


def test_times_are_read_as_the_task_file_says(tmp_path: Path):
    shop_log(tmp_path, "2022-05-04 08:00,ios,1,0", "2022-05-04 09:00,ios,1,1")
    how = {"column": "time_ms", "format": "%Y-%m-%d %H:%M", "time_zone": "Asia/Shanghai"}
    (chunk,) = read(tmp_path, [DEVICE], log_only(time=how))
    assert chunk.time_ms.tolist() == [1651622400000, 1651626000000]


def test_kept_columns_are_text_from_the_log_or_a_table(tmp_path: Path):
    write_shop(tmp_path)
    (chunk,) = read(tmp_path, [DEVICE], keep=["time_ms", "user_id", "gender", "tags"])
    assert chunk.kept.row(0) == ("1000", "u1", "f", "red;big")


def test_without_kept_columns_the_frame_still_has_a_row_per_impression(tmp_path: Path):
    write_shop(tmp_path)
    (chunk,) = read(tmp_path, [DEVICE])
    assert chunk.kept.shape == (3, 0)


def test_a_column_of_the_log_wins_over_the_tables(tmp_path: Path):
    write_shop(tmp_path)
    write(tmp_path / "log.csv", "time_ms,user_id,gender,clicked\n1,u1,x,0\n2,u2,y,1\n")
    (chunk,) = read(tmp_path, [text("gender", Side.USER)])
    assert chunk.raw["gender"].to_list() == ["x", "y"]


def test_a_column_in_both_tables_is_that_of_its_side(tmp_path: Path):
    write_shop(tmp_path)
    write(tmp_path / "users.csv", "user_id,kind\nu1,user\nu2,user\n")
    write(tmp_path / "items.csv", "item_id,kind\ni1,item\ni2,item\n")
    (chunk,) = read(tmp_path, [text("kind", Side.ITEM)])
    assert chunk.raw["kind"].to_list() == ["item"] * 3


def test_a_key_that_the_table_lacks_leaves_its_columns_missing(tmp_path: Path):
    write_shop(tmp_path)
    write(tmp_path / "users.csv", "user_id,gender\nu2,m\n")
    (chunk,) = read(tmp_path, [text("gender", Side.USER)])
    assert chunk.raw["gender"].to_list() == ["", "m", ""]
    assert chunk.unknown_keys == {Side.USER: 2}


def test_a_table_that_delivers_nothing_is_not_looked_up(tmp_path: Path):
    write_shop(tmp_path)
    assert read(tmp_path, [DEVICE])[0].unknown_keys == {}


def test_renamed_columns_are_read_by_their_new_names(tmp_path: Path):
    write(tmp_path / "log.csv", "ts,platform,is click\n1,ios,0\n2,web,1\n")
    rename = {"ts": "time_ms", "platform": "device", "is click": "clicked"}
    (chunk,) = read(tmp_path, [DEVICE], log_only(rename=rename))
    assert chunk.raw["device"].to_list() == ["ios", "web"]


def test_cells_that_mean_missing_are_missing_whatever_the_kind(tmp_path: Path):
    shop_log(tmp_path, "1,NULL,NULL,0", "2,ios,3,1")
    (chunk,) = read(tmp_path, [DEVICE, number("price")], log_only(missing_values=["", "NULL"]))
    assert chunk.raw["device"][0] == ""
    assert np.isnan(chunk.raw["price"][0])


def test_chunks_are_as_long_as_asked_for_and_end_with_the_log(tmp_path: Path):
    write_shop(tmp_path)
    chunks = read(tmp_path, SHOP, chunk_rows=2)
    assert [chunk.size for chunk in chunks] == [2, 1]
    assert chunks[-1].done == 1.0


def test_another_log_is_read_with_the_same_tables(tmp_path: Path):
    write_shop(tmp_path)
    other = write(tmp_path / "later.csv", LOG.replace("u1", "u2"))
    (chunk,) = read(tmp_path, [text("gender", Side.USER)], log=other)
    assert chunk.raw["gender"].to_list() == ["m", "m", "m"]


def test_without_labels_the_label_column_may_be_absent(tmp_path: Path):
    shop_log(tmp_path, "1,a,1", header="time_ms,device,price")
    (chunk,) = read(tmp_path, [DEVICE], log_only(), labelled=False)
    assert chunk.clicked is None
    assert chunk.raw["device"].to_list() == ["a"]


def test_without_labels_a_label_is_not_read(tmp_path: Path):
    shop_log(tmp_path, "1,a,1,whatever")
    assert len(read(tmp_path, [DEVICE], log_only(), labelled=False)[0].positions) == 1


def test_without_labels_the_time_column_may_be_absent_when_no_feature_needs_it(tmp_path: Path):
    write(tmp_path / "log.csv", "device\na\n")
    assert read(tmp_path, [DEVICE], log_only(), labelled=False)[0].time_ms.tolist() == [MISSING_TIME]


def test_without_labels_a_time_that_no_feature_needs_may_be_anything(tmp_path: Path):
    shop_log(tmp_path, ",a,1,0", "noon,b,1,0")
    (chunk,) = read(tmp_path, [DEVICE], log_only(), labelled=False)
    assert chunk.time_ms.tolist() == [MISSING_TIME, MISSING_TIME]


def test_without_labels_a_time_that_somebody_asks_for_may_be_missing_but_not_anything(tmp_path: Path):
    shop_log(tmp_path, ",a,1,0", "noon,b,1,0", "3,c,1,0")
    (chunk,) = read(tmp_path, [DEVICE], log_only(), labelled=False, counted=True)
    assert chunk.positions.tolist() == [0, 2]
    assert chunk.time_ms.tolist() == [MISSING_TIME, 3]


@pytest.mark.parametrize("counted", [True, False])
def test_a_time_that_history_does_not_know_makes_a_bad_row_where_it_counts(tmp_path: Path, counted: bool):
    outside = [-1, 2**42, 253_402_214_400_000, -253_402_214_400_000]
    shop_log(tmp_path, "3,a,1,0", *(f"{time_ms},b,1,0" for time_ms in outside))
    (chunk,) = read(tmp_path, [DEVICE], log_only(), counted=counted)
    assert chunk.time_ms.tolist() == ([3] if counted else [3, *outside])


def test_without_labels_a_missing_time_is_missing_for_its_feature(tmp_path: Path):
    shop_log(tmp_path, ",a,1,0")
    (chunk,) = read(tmp_path, [time("time_ms")], log_only(), labelled=False)
    assert chunk.raw["time_ms"].to_list() == [MISSING_TIME]


def test_without_labels_a_time_that_a_feature_cannot_read_makes_a_bad_row(tmp_path: Path):
    shop_log(tmp_path, "1,a,1,0", "noon,b,1,0")
    (chunk,) = read(tmp_path, [time("time_ms")], log_only(), labelled=False)
    assert chunk.positions.tolist() == [0]


def test_without_labels_a_time_column_that_a_feature_needs_must_be_there(tmp_path: Path):
    write(tmp_path / "log.csv", "device\na\n")
    message = refusal(tmp_path, [time("time_ms")], data=log_only(), labelled=False)
    assert "feature column 'time_ms' (context)" in message


def test_originals_are_all_rows_with_all_columns_under_their_own_names(tmp_path: Path):
    write(tmp_path / "log.csv", "ts,device,note,clicked\n01,a, x ,0\n2,b\n3,c,,1\n")
    data = log_only(rename={"ts": "time_ms"})
    (chunk,) = read(tmp_path, [DEVICE], data, originals=True)
    assert chunk.originals is not None
    assert chunk.originals.columns == ["ts", "device", "note", "clicked"]
    assert chunk.originals.rows() == [("01", "a", " x ", "0"), ("2", "b", "", ""), ("3", "c", "", "1")]


def test_originals_of_parquet_keep_their_types(tmp_path: Path):
    frame = pl.DataFrame({"time_ms": [1, 2], "note": [[1], [2, 3]], "clicked": [True, False]})
    frame.write_parquet(tmp_path / "log.parquet")
    (chunk,) = read(tmp_path, [], log_only(log="log.parquet"), originals=True)
    assert chunk.originals is not None
    assert chunk.originals.equals(frame)


def test_originals_keep_the_columns_of_the_first_file_in_every_chunk(tmp_path: Path):
    write(tmp_path / "1.csv", "time_ms,device,clicked\n1,a,0\n")
    write(tmp_path / "2.csv", "device,clicked,time_ms\nb,1,2\n")
    chunks = read(tmp_path, [DEVICE], log_only(log="*.csv"), originals=True)
    assert [chunk.originals.rows() for chunk in chunks if chunk.originals is not None] == [
        [("1", "a", "0")],
        [("2", "b", "1")],
    ]


def test_originals_are_left_out_unless_asked_for(tmp_path: Path):
    write_shop(tmp_path)
    assert read(tmp_path, [DEVICE])[0].originals is None


def test_one_time_column_may_be_read_in_two_ways(tmp_path: Path):
    shop_log(tmp_path, "1651622400,a,1,0")
    raw = RawInput(column="time_ms", side=Side.CONTEXT, kind=RawKind.TIME, time=TimeColumn(format="epoch_ms"))
    data = log_only(time={"column": "time_ms", "format": "epoch_s"})
    (chunk,) = read(tmp_path, [raw], data)
    assert chunk.time_ms.tolist() == [1651622400000]
    assert chunk.raw["time_ms"].to_list() == [1651622400]


def test_the_default_shop_names_its_tables(tmp_path: Path):
    write_shop(tmp_path)
    assert len(read(tmp_path, SHOP, make_data())[0].positions) == 3


def test_a_named_value_means_a_click(tmp_path: Path):
    write(tmp_path / "log.csv", "time_ms,bought\n1,yes\n2,no\n3,perhaps\n")
    (chunk,) = read(tmp_path, [], log_only(label="bought", positive="yes"))
    assert chunk.clicked is not None
    assert chunk.clicked.tolist() == [1, 0, 0]


def test_a_named_value_that_never_appears_is_refused(tmp_path: Path):
    write(tmp_path / "log.csv", "time_ms,bought\n1,ja\n2,nein\n")
    with pytest.raises(
        DataError, match=r"expected 'yes' \(data.positive\).* in 2 rows, such as 'ja', 'nein'"
    ):
        read(tmp_path, [], log_only(label="bought", positive="yes"))


def test_without_a_time_column_the_time_is_the_number_of_the_row(tmp_path: Path):
    write(tmp_path / "log.csv", "n,clicked\na,0\nb,1\nc,maybe\nd,1\n")
    chunks = read(tmp_path, [], log_only(time=None), chunk_rows=2)
    assert [chunk.time_ms.tolist() for chunk in chunks] == [[0, 1], [3]]
