import gzip
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from features.spec import RawKind
from tests.training.log_files import log_only, write
from training.config import DataConfig
from training.errors import DataError
from training.sources import Source, SourceChunk, open_source

ROWS = "a,b\n1,x\n2,y\n"


def opened(root: Path, pattern: str, data: DataConfig | None = None) -> Source:
    return open_source(pattern, root, data or log_only(), what="log")


def chunks(root: Path, pattern: str, rows: int = 100) -> list[SourceChunk]:
    return list(opened(root, pattern).chunks(rows))


def cells(root: Path, pattern: str, column: str) -> list[Any]:
    return [value for chunk in chunks(root, pattern) for value in chunk.cells.values(column, RawKind.TEXT)]


def faults(root: Path, pattern: str) -> list[tuple[int, str]]:
    return [
        (int(chunk.lines[fault.place]), fault.reason)
        for chunk in chunks(root, pattern)
        for fault in chunk.faults
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("log.csv", ROWS),
        ("log.csv.gz", ROWS),
        ("LOG.CSV", ROWS),
        ("log.txt", ROWS),
        ("log.tsv", ROWS.replace(",", "\t")),
        ("log.tsv.gz", ROWS.replace(",", "\t")),
        ("log.jsonl", '{"a": "1", "b": "x"}\n{"a": "2", "b": "y"}\n'),
        ("log.ndjson", '{"a": "1", "b": "x"}\n{"a": "2", "b": "y"}\n'),
        ("log.jsonl.gz", '{"a": "1", "b": "x"}\n{"a": "2", "b": "y"}\n'),
    ],
)
def test_a_text_file_is_read_as_its_ending_says(tmp_path: Path, name: str, content: str):
    write(tmp_path / name, content)
    assert cells(tmp_path, name, "b") == ["x", "y"]


@pytest.mark.parametrize("name", ["log.csv", "log.tsv", "log.csv.gz"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_named_rather_than_read_letter_by_letter(tmp_path: Path, name: str, encoding: str):
    text = ("\ufeff" + ROWS).encode(encoding)
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    with pytest.raises(DataError, match=r"expected text in UTF-8, got UTF-16: save the file as UTF-8"):
        chunks(tmp_path, name)


def test_a_parquet_file_is_read_with_its_types(tmp_path: Path):
    pl.DataFrame({"a": [1, 2], "b": ["x", None]}).write_parquet(tmp_path / "log.parquet")
    (chunk,) = chunks(tmp_path, "log.parquet")
    assert chunk.cells.values("a", RawKind.NUMBER) == [1, 2]


def test_the_separator_of_csv_files_is_the_task_files(tmp_path: Path):
    write(tmp_path / "log.csv", "a;b\n1;x\n")
    assert list(opened(tmp_path, "log.csv", log_only(separator=";")).names) == ["a", "b"]


def test_the_separator_of_tsv_files_is_the_tab_whatever_the_task_file_says(tmp_path: Path):
    write(tmp_path / "log.tsv", "a\tb\n1\tx\n")
    assert list(opened(tmp_path, "log.tsv", log_only(separator=";")).names) == ["a", "b"]


def test_a_glob_reads_its_files_sorted_by_name(tmp_path: Path):
    for day in ("day2", "day10", "day1"):
        write(tmp_path / f"{day}.csv", f"a\n{day}\n")
    assert cells(tmp_path, "day*.csv", "a") == ["day1", "day10", "day2"]


def test_two_stars_go_through_folders(tmp_path: Path):
    (tmp_path / "2022" / "05").mkdir(parents=True)
    write(tmp_path / "2022" / "05" / "log.csv", ROWS)
    assert cells(tmp_path, "**/*.csv", "b") == ["x", "y"]


def test_an_absolute_name_stands_for_itself(tmp_path: Path):
    write(tmp_path / "log.csv", ROWS)
    assert opened(Path("elsewhere"), str(tmp_path / "log.csv")).files == (tmp_path / "log.csv",)


def test_a_file_whose_name_looks_like_a_glob_is_that_file(tmp_path: Path):
    write(tmp_path / "log[1].csv", ROWS)
    assert cells(tmp_path, "log[1].csv", "a") == ["1", "2"]


def test_rows_come_in_chunks_of_the_size_asked_for(tmp_path: Path):
    write(tmp_path / "log.csv", "a\n" + "1\n" * 2500)
    assert [chunk.size for chunk in chunks(tmp_path, "log.csv", rows=1200)] == [1200, 1200, 100]


def test_parquet_rows_come_in_order_and_in_chunks_of_the_size_asked_for(tmp_path: Path):
    pl.DataFrame({"a": range(2500)}).write_parquet(tmp_path / "log.parquet", row_group_size=700)
    parts = chunks(tmp_path, "log.parquet", rows=1000)
    assert [value for part in parts for value in part.cells.values("a", RawKind.NUMBER)] == list(range(2500))
    assert max(part.size for part in parts) <= 1000


def test_the_share_read_rises_to_one_over_all_files(tmp_path: Path):
    for name in ("a.csv", "b.csv"):
        write(tmp_path / name, ROWS)
    assert [chunk.done for chunk in chunks(tmp_path, "*.csv")] == [0.5, 1.0]


def test_keys_of_json_records_are_united(tmp_path: Path):
    write(tmp_path / "log.jsonl", '{"a": 1}\n{"b": 2}\n')
    assert list(opened(tmp_path, "log.jsonl").names) == ["a", "b"]


def test_keys_of_json_files_are_united(tmp_path: Path):
    write(tmp_path / "1.jsonl", '{"a": 1}\n')
    write(tmp_path / "2.jsonl", '{"b": 2}\n')
    assert cells(tmp_path, "*.jsonl", "b") == [None, 2]


@pytest.mark.parametrize("name", ["log.jsonl", "log.parquet"])
def test_objects_within_rows_are_columns(tmp_path: Path, name: str):
    frame = pl.DataFrame({"user": [{"id": 1, "geo": {"city": "x"}}, None], "tags": [["a"], ["b"]]})
    frame.write_ndjson(tmp_path / name) if name == "log.jsonl" else frame.write_parquet(tmp_path / name)
    assert set(opened(tmp_path, name).names) - {"user"} == {"user.id", "user.geo.city", "tags"}
    assert cells(tmp_path, name, "user.id") == [1, None]
    assert cells(tmp_path, name, "user.geo.city") == ["x", None]
    assert cells(tmp_path, name, "tags") == [["a"], ["b"]]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"a": 1', "expected JSON"),
        ("[1, 2]", "expected a JSON object, got list"),
        ('{"a": NaN}', "expected JSON"),
    ],
)
def test_a_line_that_is_no_json_object_is_a_fault(tmp_path: Path, line: str, reason: str):
    write(tmp_path / "log.jsonl", f'{{"a": 1}}\n\n{line}\n{{"a": 2}}\n')
    ((number, came),) = faults(tmp_path, "log.jsonl")
    assert number == 3
    assert came.startswith(reason)


def test_originals_of_json_lines_are_text(tmp_path: Path):
    write(tmp_path / "log.jsonl", '{"a": 1.0, "b": ["x"]}\n{"b": null}\n')
    assert chunks(tmp_path, "log.jsonl")[0].cells.frame(["a", "b"]).rows() == [("1.0", '["x"]'), (None, None)]


def test_a_column_is_known_by_its_new_name(tmp_path: Path):
    write(tmp_path / "log.csv", ROWS)
    assert opened(tmp_path, "log.csv", log_only(rename={"a": "b", "b": "a"})).names == {"b": "a", "a": "b"}


def refusal(root: Path, pattern: str, data: DataConfig | None = None) -> str:
    with pytest.raises(DataError) as refused:
        list(opened(root, pattern, data).chunks(100))
    return str(refused.value)


def test_a_file_that_is_not_there_is_refused_with_the_nearest_name(tmp_path: Path):
    write(tmp_path / "impressions.csv", ROWS)
    assert f"a file at {tmp_path / 'impression.csv'}, found nothing" in refusal(tmp_path, "impression.csv")
    assert "nearest: 'impressions.csv'" in refusal(tmp_path, "impression.csv")


def test_a_glob_that_matches_nothing_is_refused_with_what_there_is(tmp_path: Path):
    write(tmp_path / "shop.parquet", "")
    write(tmp_path / ".scored.csv.x1", "work of ours")
    assert f"looked in {tmp_path}, there is: 'shop.parquet'" in refusal(tmp_path, "day*.csv")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path):
    assert f"found no folder {tmp_path / 'logs'}" in refusal(tmp_path, "logs/*.csv")


def test_a_folder_is_no_log(tmp_path: Path):
    (tmp_path / "logs").mkdir()
    assert "got the folder" in refusal(tmp_path, "logs")


@pytest.mark.parametrize("name", ["log.csv", "log.csv.gz", "log.jsonl", "log.parquet"])
def test_an_empty_file_is_refused(tmp_path: Path, name: str):
    write(tmp_path / name, "")
    assert refusal(tmp_path, name).startswith(f"{tmp_path / name}: expected rows, got an empty file")


@pytest.mark.parametrize("name", ["log.csv", "log.parquet"])
def test_a_header_without_rows_is_refused(tmp_path: Path, name: str):
    write(tmp_path / "log.csv", "a,b\n")
    pl.DataFrame({"a": [], "b": []}).write_parquet(tmp_path / "log.parquet")
    assert "found only the names of the columns" in refusal(tmp_path, name)


def test_one_of_several_files_may_have_no_rows(tmp_path: Path):
    write(tmp_path / "1.csv", "a,b\n")
    write(tmp_path / "2.csv", ROWS)
    assert cells(tmp_path, "*.csv", "a") == ["1", "2"]


def test_a_name_twice_in_the_header_is_refused(tmp_path: Path):
    write(tmp_path / "log.csv", "a,b,a\n1,2,3\n")
    assert "got 'a' more than once" in refusal(tmp_path, "log.csv")


def test_two_columns_renamed_to_one_are_refused(tmp_path: Path):
    write(tmp_path / "log.csv", ROWS)
    assert "the name of both 'a' and 'b'" in refusal(tmp_path, "log.csv", log_only(rename={"b": "a"}))


def test_files_with_different_columns_are_refused_by_name(tmp_path: Path):
    write(tmp_path / "1.csv", "a,b\n1,2\n")
    write(tmp_path / "2.csv", "a,c\n1,2\n")
    text = refusal(tmp_path, "*.csv")
    assert str(tmp_path / "2.csv") in text
    assert "differ in 'b', 'c'" in text


def test_files_with_the_same_columns_in_another_order_are_one_log(tmp_path: Path):
    write(tmp_path / "1.csv", "a,b\n1,x\n")
    write(tmp_path / "2.csv", "b,a\ny,2\n")
    assert cells(tmp_path, "*.csv", "a") == ["1", "2"]


def test_files_of_different_formats_are_refused(tmp_path: Path):
    write(tmp_path / "log.csv", ROWS)
    write(tmp_path / "log.jsonl", '{"a": 1}')
    assert "expected files of one format, got .csv, .jsonl" in refusal(tmp_path, "log.*")


@pytest.mark.parametrize("name", ["log.xlsx", "log", "log.parquet.gz", "log.gz"])
def test_an_unknown_ending_is_refused_with_the_known_ones(tmp_path: Path, name: str):
    write(tmp_path / name, ROWS)
    assert (
        ".csv, .tsv, .txt, .jsonl, .ndjson, .csv.gz, .tsv.gz, .txt.gz, .jsonl.gz, .ndjson.gz, .parquet"
        in refusal(tmp_path, name)
    )


def test_a_gzip_file_cut_short_is_refused(tmp_path: Path):
    whole = gzip.compress(("a,b\n" + "".join(f"{number},x\n" for number in range(5000))).encode())
    (tmp_path / "log.csv.gz").write_bytes(whole[: len(whole) // 2])
    assert "expected a readable file" in refusal(tmp_path, "log.csv.gz")


def test_a_file_that_is_no_gzip_is_refused(tmp_path: Path):
    (tmp_path / "log.csv.gz").write_text(ROWS)
    assert "expected a readable file" in refusal(tmp_path, "log.csv.gz")


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path):
    write(tmp_path / "log.parquet", ROWS)
    assert "expected a Parquet file" in refusal(tmp_path, "log.parquet")


def test_json_lines_without_any_object_are_refused(tmp_path: Path):
    write(tmp_path / "log.jsonl", "a,b\n1,2\n")
    assert "expected one JSON object per line, found none" in refusal(tmp_path, "log.jsonl")


def test_a_header_with_a_quote_that_never_closes_is_refused(tmp_path: Path):
    write(tmp_path / "log.csv", 'a,"b\n1,2\n')
    assert "expected a header" in refusal(tmp_path, "log.csv")
