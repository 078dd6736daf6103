import json
from datetime import date
from pathlib import Path

import pytest

from training.errors import TooManyBadRowsError
from training.log.quarantine import Quarantine

LOG = Path("data/log.csv")


def filled(path: Path | None, limit: float, bad_rows: int) -> Quarantine:
    with Quarantine(path, limit) as quarantine:
        for line in range(bad_rows):
            quarantine.add(LOG, line + 2, f"reason {line}", ["a", "b"])
    return quarantine


def records(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_bad_row_is_written_with_its_place_and_reason(tmp_path: Path):
    path = tmp_path / "quarantine.jsonl"
    with Quarantine(path, 0.5) as quarantine:
        quarantine.add(LOG, 7, "expected 3 fields, got 2", ["u1", "Müller"])
    assert records(path) == [
        {"file": "data/log.csv", "line": 7, "reason": "expected 3 fields, got 2", "row": ["u1", "Müller"]}
    ]


def test_without_a_bad_row_there_is_no_file(tmp_path: Path):
    filled(tmp_path / "quarantine.jsonl", 0.5, bad_rows=0)
    assert not (tmp_path / "quarantine.jsonl").exists()


def test_a_file_of_an_earlier_reading_does_not_outlive_a_clean_one(tmp_path: Path):
    filled(tmp_path / "quarantine.jsonl", 0.5, bad_rows=1)
    filled(tmp_path / "quarantine.jsonl", 0.5, bad_rows=0)
    assert not (tmp_path / "quarantine.jsonl").exists()


def test_a_second_reading_starts_the_file_anew(tmp_path: Path):
    filled(tmp_path / "quarantine.jsonl", 0.5, bad_rows=3)
    filled(tmp_path / "quarantine.jsonl", 0.5, bad_rows=2)
    assert len(records(tmp_path / "quarantine.jsonl")) == 2


def test_the_folder_is_made_when_it_is_needed(tmp_path: Path):
    filled(tmp_path / "runs" / "1" / "quarantine.jsonl", 0.5, bad_rows=1)
    assert len(records(tmp_path / "runs" / "1" / "quarantine.jsonl")) == 1


def test_without_a_path_bad_rows_are_counted_only():
    assert filled(None, 0.5, bad_rows=3).bad_rows == 3


def test_a_long_cell_is_shortened(tmp_path: Path):
    with Quarantine(tmp_path / "quarantine.jsonl", 0.5) as quarantine:
        quarantine.add(LOG, 2, "reason", ["x" * 5000])
    assert records(tmp_path / "quarantine.jsonl")[0]["row"] == ["x" * 200 + "..."]


def test_a_long_text_is_shortened(tmp_path: Path):
    with Quarantine(tmp_path / "quarantine.jsonl", 0.5) as quarantine:
        quarantine.add(LOG, 2, "reason", "x" * 5000)
    assert records(tmp_path / "quarantine.jsonl")[0]["row"] == "x" * 1000 + "..."


def test_a_wide_row_is_shortened(tmp_path: Path):
    with Quarantine(tmp_path / "quarantine.jsonl", 0.5) as quarantine:
        quarantine.add(LOG, 2, "reason", list(range(105)))
    assert records(tmp_path / "quarantine.jsonl")[0]["row"] == [*range(100), "and 5 more"]


def test_a_value_that_json_does_not_know_is_written_as_text(tmp_path: Path):
    with Quarantine(tmp_path / "quarantine.jsonl", 0.5) as quarantine:
        quarantine.add(LOG, 2, "reason", [date(2022, 5, 4)])
    assert records(tmp_path / "quarantine.jsonl")[0]["row"] == ["2022-05-04"]


def test_as_many_bad_rows_as_the_limit_allows_are_accepted():
    filled(None, 0.01, bad_rows=1).check(100)


def test_more_bad_rows_than_the_limit_allows_are_refused():
    with pytest.raises(TooManyBadRowsError, match=r"at most 1\.00%.*got 2 of 100 \(2\.00%\)"):
        filled(None, 0.01, bad_rows=2).check(100)


def test_the_refusal_shows_the_first_reasons_and_where_all_are(tmp_path: Path):
    quarantine = filled(tmp_path / "quarantine.jsonl", 0.0, bad_rows=5)
    with pytest.raises(TooManyBadRowsError) as refused:
        quarantine.check(10)
    text = str(refused.value)
    assert "log.csv line 4: reason 2" in text
    assert "reason 3" not in text
    assert str(tmp_path / "quarantine.jsonl") in text


@pytest.mark.parametrize(
    ("limit", "bad_rows", "rows"),
    [
        pytest.param(0.01, 500, 999, id="too few rows to judge"),
        pytest.param(0.01, 100, 1000, id="beyond the limit, but not clearly"),
        pytest.param(0.5, 700, 1000, id="not halfway from the limit to all rows"),
        pytest.param(1.0, 1000, 1000, id="every row may be bad"),
    ],
)
def test_a_reading_goes_on_while_the_rest_may_be_better(limit: float, bad_rows: int, rows: int):
    filled(None, limit, bad_rows).check_early(rows)


@pytest.mark.parametrize(
    ("limit", "bad_rows", "rows"),
    [
        pytest.param(0.01, 101, 1000, id="ten times the limit"),
        pytest.param(0.5, 751, 1000, id="more than halfway to all rows"),
        pytest.param(0.0, 1, 1000, id="no bad row is accepted"),
    ],
)
def test_a_reading_stops_early_when_it_is_clear(limit: float, bad_rows: int, rows: int):
    with pytest.raises(TooManyBadRowsError):
        filled(None, limit, bad_rows).check_early(rows)
