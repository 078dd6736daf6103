from pathlib import Path

import polars as pl
import pytest

from tests.training.log_files import log_only, write
from training.init.glimpse import DistinctSketch, Glimpse, look_at
from training.progress import Silent
from training.sources import open_source


def look(folder: Path, rows: int, keep: int) -> Glimpse:
    write(folder / "log.csv", "n,clicked\n" + "".join(f"{n},{n % 2}\n" for n in range(rows)))
    with Silent().stage("looking", unit="rows") as bar:
        return look_at(
            open_source("log.csv", folder, log_only(), what="log"), rows=keep, label="clicked", bar=bar
        )


def test_a_small_log_is_kept_whole(tmp_path: Path):
    assert look(tmp_path, 150, 100).values["n"] == [str(n) for n in range(150)]


def test_a_large_log_is_kept_evenly_from_its_beginning_to_its_end(tmp_path: Path):
    glimpse = look(tmp_path, 1000, 100)
    assert glimpse.values["n"] == [str(n) for n in range(0, 1000, 8)]


def test_labels_are_counted_in_every_row(tmp_path: Path):
    assert look(tmp_path, 1000, 10).labels == {"0": 500, "1": 500}


@pytest.mark.parametrize("size", [1, 5_000, 90_000])
def test_few_values_are_counted_exactly(size: int):
    assert sketched(size) == size


def test_many_values_are_estimated_within_two_percent():
    assert sketched(2_000_000) == pytest.approx(2_000_000, rel=0.02)


def sketched(size: int) -> int:
    sketch = DistinctSketch()
    for _ in range(2):
        for start in range(0, size, 500_000):
            sketch.add(pl.int_range(start, min(size, start + 500_000), eager=True).cast(pl.String))
    return sketch.count
