"""Labels of further targets in a log: what is read, and what sets a row apart."""

import json

import numpy as np
import pytest

from tests.training.test_targets import LIKE, PURCHASE, make_task
from training.errors import DataError
from training.log.log_reader import read_log
from training.log.quarantine import Quarantine


def read(directory, lines, *targets):
    """The outcomes of the readable rows, and why the others are none."""
    task = make_task(*targets)
    (directory / "log.csv").write_text(
        "time_ms,brand,clicked,purchased,liked\n" + "".join(f"1,b,{line}\n" for line in lines)
    )
    bad = directory / "bad.jsonl"
    with Quarantine(bad, limit=1.0) as quarantine:
        chunks = list(
            read_log(
                task.data, task.features.raw_inputs(), directory, quarantine=quarantine, targets=task.targets
            )
        )
    reasons = [json.loads(line)["reason"] for line in bad.read_text().splitlines()] if bad.exists() else []
    return np.concatenate([chunk.outcomes for chunk in chunks]).tolist(), reasons


def test_every_target_has_its_own_column(tmp_path):
    assert read(tmp_path, ["1,1,0", "1,0,1", "0,0,0"], PURCHASE, LIKE)[0] == [[1, 0], [0, 1], [0, 0]]


def test_a_task_with_one_target_reads_no_outcome(tmp_path):
    assert read(tmp_path, ["1,1,0", "0,x,x"])[0] == [[], []]


def test_nothing_written_means_no_purchase_where_a_purchase_comes_after_a_click(tmp_path):
    assert read(tmp_path, ["0,,0", "1,,0", "1,1,0"], PURCHASE)[0] == [[0], [0], [1]]


@pytest.mark.parametrize(
    ("line", "target", "told"),
    [
        pytest.param("0,1,0", PURCHASE, "expected none without 'click'", id="a purchase without a click"),
        pytest.param("1,2,0", PURCHASE, "expected 0 or 1, got '2'", id="no label"),
        pytest.param("1,1,", LIKE, "expected 0 or 1, got nothing", id="nothing where it may happen alone"),
    ],
)
def test_a_row_with_an_impossible_outcome_is_set_apart(tmp_path, line, target, told):
    outcomes, [reason] = read(tmp_path, ["0,0,0", line], target)
    assert outcomes == [[0]]
    assert told in reason


def test_values_that_mean_a_purchase_may_be_named(tmp_path):
    assert read(tmp_path, ["1,paid,0", "1,cart,0"], {**PURCHASE, "positive": ["paid"]})[0] == [[1], [0]]


def test_a_label_that_the_log_lacks_is_named(tmp_path):
    with pytest.raises(DataError, match=r"'played'.*the label of 'play' in targets"):
        read(tmp_path, ["0,0,0"], {"name": "play", "label": "played", "after": "click"})
