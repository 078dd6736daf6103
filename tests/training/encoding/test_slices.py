"""What the training slice teaches does not depend on anything that came after it."""

from pathlib import Path

import numpy as np
import pytest

from features.encoder import Encoder
from training.config import TaskConfig, parse_config
from training.encoding.slices import Slices, encode_slices, fit_statistics
from training.errors import DataError
from training.log.ingest import Ingested, ingest
from training.log.quarantine import Quarantine
from training.log.split import Cuts, Slice
from training.progress import Silent

TRAINED, HELD_OUT = 60, 40
CUTS = Cuts(validation_from_ms=TRAINED, test_from_ms=TRAINED + HELD_OUT // 2)


def make_task() -> TaskConfig:
    document = {
        "name": "leak",
        "data": {"log": "log.csv", "label": "clicked", "time": {"column": "time_ms"}},
        "features": {
            "user": [{"kind": "categorical", "name": "user", "min_count": 1}],
            "item": [
                {"kind": "numeric", "name": "price"},
                {"kind": "buckets", "name": "price_bucket", "column": "price", "buckets": 4},
            ],
        },
    }
    return parse_config(document, source="test")


def read(directory: Path, *, later: str) -> Ingested:
    """A log whose last impressions, and only they, show the user ``later`` and a price of its length."""
    directory.mkdir()
    rows = [f"{time_ms},u{time_ms % 7},{time_ms % 11},{time_ms % 2}" for time_ms in range(TRAINED)]
    rows += [
        f"{time_ms},{later},{1000 * len(later)},{time_ms % 2}"
        for time_ms in range(TRAINED, TRAINED + HELD_OUT)
    ]
    (directory / "log.csv").write_text("\n".join(["time_ms,user,price,clicked", *rows]) + "\n")
    task = make_task()
    with Quarantine(None, 0.0) as quarantine:
        return ingest(
            task,
            task.features.raw_inputs(),
            directory,
            quarantine=quarantine,
            work_dir=directory,
            progress=Silent(),
        )


def encode(log: Ingested, directory: Path, keep_rate: float = 1.0) -> Slices:
    fitted = fit_statistics(make_task().features, log, CUTS, seed=1, progress=Silent())
    (directory / "vocabularies").mkdir()
    encoder = Encoder(fitted, directory / "vocabularies")
    return encode_slices(
        encoder, log, CUTS, keep_rate=keep_rate, seed=1, work_dir=directory, progress=Silent()
    )


def test_statistics_do_not_change_with_the_future(tmp_path):
    one, other = (
        fit_statistics(
            make_task().features, read(tmp_path / later, later=later), CUTS, seed=1, progress=Silent()
        )
        for later in ("x", "somebody_else")
    )
    assert one.fingerprint() == other.fingerprint()


def test_what_is_trained_on_does_not_change_with_the_future(tmp_path):
    stores = [
        encode(read(tmp_path / later, later=later), tmp_path / later).stores[Slice.TRAIN]
        for later in ("x", "somebody_else")
    ]
    assert stores[0].read(0, TRAINED).tobytes() == stores[1].read(0, TRAINED).tobytes()


def test_every_impression_is_in_the_slice_of_its_time(tmp_path):
    slices = encode(read(tmp_path / "log", later="x"), tmp_path / "log")
    assert [slices.facts[part].impressions for part in Slice] == [TRAINED, HELD_OUT // 2, HELD_OUT // 2]
    assert (slices.facts[Slice.TRAIN].first_ms, slices.facts[Slice.TRAIN].last_ms) == (0, TRAINED - 1)


def test_the_sample_for_the_parity_check_is_held_out_and_knows_its_places(tmp_path):
    slices = encode(read(tmp_path / "log", later="x"), tmp_path / "log")
    assert slices.held_out_sample["user"].unique().to_list() == ["x"]
    assert np.array_equal(slices.sample_places, np.arange(HELD_OUT // 2))


@pytest.mark.parametrize(("keep_rate", "left"), [(0.0001, 0), (0.2, 5)])
def test_a_keep_rate_that_leaves_hardly_any_non_clicks_is_refused(tmp_path, keep_rate, left):
    told = rf"training\.keep_rate: .* at least 20 .* got {keep_rate}, which leaves {left} of the 30 in the train slice"
    with pytest.raises(DataError, match=told):
        encode(read(tmp_path / "log", later="x"), tmp_path / "log", keep_rate=keep_rate)


def test_a_keep_rate_that_leaves_non_clicks_enough_is_no_mistake(tmp_path):
    slices = encode(read(tmp_path / "log", later="x"), tmp_path / "log", keep_rate=0.8)
    assert TRAINED / 2 + 20 <= slices.stores[Slice.TRAIN].rows < TRAINED
