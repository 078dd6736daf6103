"""Writing a shop: the same bytes for the same seed, block by block, whole or not at all."""

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from simulator import (
    MismatchedTruthError,
    UnknownBlockError,
    WorldConfig,
    build_world,
    click_probabilities,
    draw_impressions,
    measure,
    write_shop,
)
from simulator.exposure import BLOCK_PAGES

PEAK_MEMORY = """
import resource, sys
from pathlib import Path
from simulator import WorldConfig, write_shop
write_shop(WorldConfig(impressions=int(sys.argv[1])), Path(sys.argv[2]))
sys.stdout.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
"""


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_the_same_configuration_writes_the_same_bytes(small_config, tmp_path, file_format):
    once = write_shop(small_config, tmp_path / "once", file_format=file_format)
    again = write_shop(small_config, tmp_path / "again", file_format=file_format)
    assert [path.read_bytes() for path in once] == [path.read_bytes() for path in again]


def test_another_seed_writes_another_log(small_config, tmp_path):
    files = write_shop(small_config, tmp_path / "one")
    others = write_shop(small_config.model_copy(update={"seed": 8}), tmp_path / "other")
    assert files.log.read_bytes() != others.log.read_bytes()


def test_a_block_drawn_alone_is_a_piece_of_the_log(small_config, shop_directory):
    log = pl.read_csv(write_shop(small_config, shop_directory).log)
    first = BLOCK_PAGES * small_config.positions
    alone = draw_impressions(build_world(small_config), 1)
    assert alone.time_ms.tolist() == log["time_ms"][first:].to_list()


def test_a_block_beyond_the_log_is_refused(small_config):
    with pytest.raises(UnknownBlockError, match=r"expected a block in \[0, 2\), got 2"):
        draw_impressions(build_world(small_config), 2)


def test_the_truth_has_one_probability_per_impression_in_the_logs_order(small_config, shop_directory):
    files, world = write_shop(small_config, shop_directory), build_world(small_config)
    written = pl.read_csv(files.truth)["probability"]
    second_block = click_probabilities(world, draw_impressions(world, 1))
    assert written[-len(second_block) :].to_list() == pytest.approx(second_block.tolist(), abs=1e-9)


def test_the_last_page_is_cut_at_the_asked_number_of_impressions(small_config, shop_directory):
    log = pl.read_csv(write_shop(small_config, shop_directory).log)
    assert log["position"][-3:].to_list() == [1, 2, 3]


@pytest.mark.parametrize("impressions", [1, 5, 40_960, 40_961])
def test_the_log_has_as_many_impressions_as_asked_for(shop_directory, impressions):
    config = WorldConfig(impressions=impressions, users=50, items=60)
    assert measure(write_shop(config, shop_directory)).impressions == impressions


def test_the_log_has_these_columns(small_config, shop_directory):
    files = write_shop(small_config, shop_directory)
    headers = [path.read_text().split("\n", 1)[0] for path in (files.log, files.users, files.items)]
    assert headers == [
        "time_ms,user_id,item_id,position,clicked,played,purchased",
        "user_id,signed_up_ms,gender,age_band,city,device,history",
        "item_id,listed_ms,category,brand,price",
    ]


def test_progress_is_told_after_every_block(small_config, shop_directory):
    told: list[int] = []
    write_shop(small_config, shop_directory, progress=told.append)
    assert told == [40_960, 60_003]


def test_csv_and_parquet_hold_the_same_numbers(small_config, tmp_path):
    as_csv = write_shop(small_config, tmp_path)
    as_parquet = write_shop(small_config, tmp_path, file_format="parquet")
    for text, binary in zip(as_csv, as_parquet, strict=True):
        assert_frame_equal(pl.read_csv(text), pl.read_parquet(binary))


def test_a_page_larger_than_the_shop_is_filled_with_repeats(shop_directory):
    config = WorldConfig(impressions=50, users=10, items=50, positions=50, arriving=0.9)
    log = pl.read_csv(write_shop(config, shop_directory).log)
    assert (len(log), log["item_id"].n_unique() < 50) == (50, True)


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_nothing_but_the_four_files_stays(small_config, shop_directory, file_format):
    write_shop(small_config, shop_directory, file_format=file_format)
    assert sorted(path.stem for path in shop_directory.iterdir()) == ["items", "log", "truth", "users"]


def test_an_interrupted_writing_leaves_the_old_shop_whole(small_config, shop_directory):
    def stop(written: int) -> None:
        raise InterruptedError(f"stopped after {written}")

    write_shop(small_config, shop_directory)
    old = contents(shop_directory)
    with pytest.raises(InterruptedError):
        write_shop(small_config.model_copy(update={"seed": 8}), shop_directory, progress=stop)
    assert contents(shop_directory) == old


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_a_file_in_the_directorys_place_is_an_error(small_config, shop_directory):
    shop_directory.write_text("not a directory")
    with pytest.raises(FileExistsError):
        write_shop(small_config, shop_directory)


def test_truth_of_another_length_is_refused(small_config, shop_directory):
    files = write_shop(small_config, shop_directory)
    pl.read_csv(files.truth)[1:].write_csv(files.truth)
    with pytest.raises(MismatchedTruthError, match=r"got 60002 in truth\.csv for 60003 in log\.csv"):
        measure(files)


def test_ten_times_the_log_takes_no_more_memory(tmp_path):
    peaks = [
        int(subprocess.check_output([sys.executable, "-c", PEAK_MEMORY, str(impressions), str(tmp_path)]))
        for impressions in (200_000, 2_000_000)
    ]
    assert peaks[1] <= 1.3 * peaks[0]
