from pathlib import Path
from typing import Any

import pytest

from features.spec import RawKind
from tests.training.log_files import log_only, write
from training.sources import SourceChunk, open_source


def chunks(root: Path, name: str) -> list[SourceChunk]:
    return list(open_source(name, root, log_only(), what="log").chunks(10_000))


def cells(root: Path, pattern: str, column: str) -> list[Any]:
    return [value for chunk in chunks(root, pattern) for value in chunk.cells.values(column, RawKind.TEXT)]


def faults(root: Path, pattern: str) -> list[tuple[int, str]]:
    return [
        (int(chunk.lines[fault.place]), fault.reason)
        for chunk in chunks(root, pattern)
        for fault in chunk.faults
    ]


def test_a_quoted_separator_is_part_of_its_cell(tmp_path: Path):
    write(tmp_path / "log.csv", 'a,b\n1,"x,y"\n')
    assert cells(tmp_path, "log.csv", "b") == ["x,y"]


def test_a_doubled_quote_is_one_quote(tmp_path: Path):
    write(tmp_path / "log.csv", 'a,b\n1,"say ""hi"""\n')
    assert cells(tmp_path, "log.csv", "b") == ['say "hi"']


def test_line_numbers_count_the_lines_within_quotes(tmp_path: Path):
    write(tmp_path / "log.csv", 'a,b\n1,"x\ny"\n2,z\n')
    assert chunks(tmp_path, "log.csv")[0].lines.tolist() == [2, 4]


def test_a_quoted_cell_may_reach_across_blocks_of_lines(tmp_path: Path):
    long_cell = "\n".join(f"line {number}" for number in range(1200))
    write(tmp_path / "log.csv", f'a,b\n1,"{long_cell}"\n2,z\n')
    assert cells(tmp_path, "log.csv", "b") == [long_cell, "z"]


def test_line_ends_of_windows_are_line_ends(tmp_path: Path):
    write(tmp_path / "log.csv", "a,b\r\n1,x\r\n")
    assert cells(tmp_path, "log.csv", "b") == ["x"]


def test_a_byte_order_mark_is_not_part_of_the_first_name(tmp_path: Path):
    write(tmp_path / "log.csv", "\ufeffa,b\n1,x\n")
    assert list(open_source("log.csv", tmp_path, log_only(), what="log").names) == ["a", "b"]


def test_bytes_that_are_no_utf8_damage_their_character_only(tmp_path: Path):
    (tmp_path / "log.csv").write_bytes(b"a,b\n1,M\xfcnchen\n")
    assert cells(tmp_path, "log.csv", "b") == ["M\ufffdnchen"]


def test_empty_lines_are_no_rows_but_count_as_lines(tmp_path: Path):
    write(tmp_path / "log.csv", "a,b\n\n1,x\n\n2,y\n\n")
    assert chunks(tmp_path, "log.csv")[0].lines.tolist() == [3, 5]


@pytest.mark.parametrize(
    ("row", "reason"),
    [("1", "expected 2 fields, got 1"), ("1,x,9", "expected 2 fields, got 3")],
)
def test_a_row_with_another_number_of_fields_is_a_fault_of_its_line(tmp_path: Path, row: str, reason: str):
    write(tmp_path / "log.csv", f"a,b\n0,w\n{row}\n2,y\n")
    assert faults(tmp_path, "log.csv") == [(3, reason)]


def test_a_row_with_too_few_fields_is_padded_in_the_originals(tmp_path: Path):
    write(tmp_path / "log.csv", "a,b\n1\n2,y,z\n")
    frame = chunks(tmp_path, "log.csv")[0].cells.frame(["a", "b"])
    assert frame.rows() == [("1", ""), ("2", "y")]


def test_a_stray_quote_costs_its_own_row_only(tmp_path: Path):
    write(tmp_path / "log.csv", 'a,b\n1,"x\n2,y\n3,z\n')
    assert faults(tmp_path, "log.csv") == [(2, "a quote opens that is not closed")]
    assert cells(tmp_path, "log.csv", "a") == ["1", "2", "3"]


def test_two_stray_quotes_do_not_swallow_the_rows_between_them(tmp_path: Path):
    write(tmp_path / "log.csv", 'a,b,c\n1,"x,p\n2,y,q\n3,"z,r\n4,w,s\n')
    assert [line for line, _ in faults(tmp_path, "log.csv")] == [2, 4]
    assert cells(tmp_path, "log.csv", "a") == ["1", "2", "3", "4"]


def test_rows_with_stray_quotes_below_each_other_stay_rows_of_their_own(tmp_path: Path):
    write(tmp_path / "log.csv", 'a,b\n1,"x\n2,"y\n3,z\n')
    assert [line for line, _ in faults(tmp_path, "log.csv")] == [2, 3]
    assert cells(tmp_path, "log.csv", "a") == ["1", "2", "3"]


def test_a_stray_quote_that_pairs_with_a_later_one_does_not_change_the_rows_between(tmp_path: Path):
    write(tmp_path / "log.csv", 'a,b,c\n1,x,"p\n2,y,q\n3,z",r\n4,w,s\n')
    assert [line for line, _ in faults(tmp_path, "log.csv")] == [2]
    assert cells(tmp_path, "log.csv", "a") == ["1", "2", "3", "4"]


def test_a_row_of_another_width_may_span_lines(tmp_path: Path):
    write(tmp_path / "log.csv", 'a,b,c\n1,"x\ny"\n2,y,q\n')
    assert faults(tmp_path, "log.csv") == [(2, "expected 3 fields, got 2")]
    assert chunks(tmp_path, "log.csv")[0].lines.tolist() == [2, 4]


def test_a_fault_in_a_later_block_keeps_its_line_number(tmp_path: Path):
    lines = ["a,b", *["1,x"] * 1700, "broken", *["2,y"] * 10]
    write(tmp_path / "log.csv", "\n".join(lines))
    assert faults(tmp_path, "log.csv") == [(1702, "expected 2 fields, got 1")]


def test_a_cell_longer_than_pythons_own_limit_is_read(tmp_path: Path):
    write(tmp_path / "log.csv", f"a,b\n1,{'x' * 200_000}\n")
    assert len(cells(tmp_path, "log.csv", "b")[0]) == 200_000
