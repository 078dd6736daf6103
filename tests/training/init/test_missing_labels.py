"""Labels of which some are missing, or say what means missing in other columns: init and training agree on them."""

from pathlib import Path

import numpy as np
import pytest

from tests.training.init.logs import write_csv
from tests.training.init.task_files import init
from training.check import check_log
from training.config import TaskConfig


def logged(folder: Path, labels: list[str], sizes: list[str]) -> tuple[TaskConfig, Path]:
    drawn = np.random.default_rng(1).choice(sizes, 100 * len(labels))
    log = write_csv(folder / "log.csv", {"size": drawn.tolist(), "clicked": labels * 100})
    return init(log), folder


@pytest.mark.parametrize(
    ("labels", "sizes", "unlabelled", "clicks"),
    [
        pytest.param(["0", "1", "NA", "0"], ["1", "2", "3", "4"], 100, 100, id="0, 1 and NA"),
        pytest.param(["no", "yes", " ? ", "no"], ["1", "2", "3", "4"], 100, 100, id="no, yes and ?"),
        pytest.param(
            ["-", "+", "+", "-"], ["a", "b", "-", "a"], 0, 200, id="- is a label, though not a size"
        ),
    ],
)
def test_training_reads_the_labels_that_init_saw(
    tmp_path: Path, labels: list[str], sizes: list[str], unlabelled: int, clicks: int
):
    config, folder = logged(tmp_path, labels, sizes)
    checked = check_log(config, folder)
    assert (checked.bad_rows, checked.clicks, checked.errors) == (unlabelled, clicks, ())
    assert config.data.max_bad_rows >= unlabelled / checked.rows
