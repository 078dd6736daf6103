import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from features.spec import RawInput, RawKind, Side
from tests.training.log_files import make_data, make_spec, write, write_shop
from training.check import ColumnCheck, DataCheck, check_log
from training.config import TaskConfig
from training.errors import ConfigError, DataError
from training.log.tallies import ColumnTally

HEADER = "time_ms,user_id,item_id,device,clicked"
DAY_MS = 24 * 3600 * 1000
START_MS = 1651622400000  # 2022-05-04 00:00 UTC


def numeric(name: str) -> dict[str, str]:
    return {"kind": "numeric", "name": name}


def categorical(name: str) -> dict[str, str]:
    return {"kind": "categorical", "name": name}


def make_task(
    data: dict[str, Any] | None = None, split: dict[str, Any] | None = None, **sides: Any
) -> TaskConfig:
    document = {
        "name": "shop",
        "data": make_data(**(data or {})).model_dump(),
        "features": make_spec(**sides).model_dump(),
        "split": split or {},
    }
    return TaskConfig.model_validate(document)


def check(root: Path, *rows: str, header: str = HEADER, **how: Any) -> DataCheck:
    """Check a log of these rows, with the shop's tables; `how` goes into the task."""
    write_shop(root)
    write(root / "log.csv", "\n".join([header, *rows]) + "\n")
    return check_log(make_task(**how), root)


@pytest.mark.parametrize(
    "settings",
    [
        {"model": {"family": "mpl"}},
        {"model": {"activation": "rellu"}},
        {"report": {"compare": ["deep_fm"]}},
    ],
)
def test_what_training_refuses_before_it_reads_the_log_is_refused(tmp_path, settings):
    task = TaskConfig.model_validate({**make_task().model_dump(), **settings})
    with pytest.raises(ConfigError, match=r"expected (one of|linear|names)"):
        check_log(task, tmp_path)


def warnings(checked: DataCheck) -> str:
    return "\n".join(finding.what for finding in checked.findings if finding.level == "warning")


def column(checked: DataCheck, name: str) -> ColumnCheck:
    return next(column for column in checked.columns if column.column == name)


def a_day(*devices: str) -> list[str]:
    """An impression per device, every second one clicked, a millisecond apart."""
    return [
        f"{START_MS + place},u{place % 2 + 1},i1,{device},{place % 2}" for place, device in enumerate(devices)
    ]


def test_rows_clicks_and_their_rate_are_counted(tmp_path: Path):
    checked = check(tmp_path, *a_day("a", "b", "c", "d", "e"))
    assert (checked.rows, checked.clicks, checked.click_rate) == (5, 2, 0.4)


def test_a_sound_log_has_no_findings(tmp_path: Path):
    assert check(tmp_path, *a_day("a", "b", "c")).findings == ()


def test_the_first_and_the_last_impression_are_told(tmp_path: Path):
    checked = check(tmp_path, f"{START_MS + DAY_MS},u1,i1,a,0", f"{START_MS},u1,i1,b,1")
    assert checked.first == datetime(2022, 5, 4, tzinfo=UTC)
    assert checked.last == datetime(2022, 5, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("times", "in_order"),
    [((1, 2, 2, 3), True), ((1, 3, 2, 4), False)],
    ids=["rising", "falling once"],
)
def test_a_log_is_in_order_when_no_time_falls(tmp_path: Path, times: tuple[int, ...], in_order: bool):
    rows = [f"{START_MS + time},u1,i1,d{place},{place % 2}" for place, time in enumerate(times)]
    assert check(tmp_path, *rows).in_order is in_order


def test_the_missing_share_and_the_values_of_a_column_are_counted(tmp_path: Path):
    found = column(check(tmp_path, *a_day("a", "b", "", "a")), "device")
    assert (found.missing, found.distinct, found.constant) == (0.25, 2, False)


def test_the_tokens_of_a_list_are_counted(tmp_path: Path):
    item = [{"kind": "multi", "name": "tags", "separator": ";"}]
    assert column(check(tmp_path, *a_day("a", "b"), item=item), "tags").distinct == 2


def test_values_are_counted_up_to_a_cap_only(tmp_path: Path):
    devices = [f"d{number}" for number in range(10_001)]
    assert column(check(tmp_path, *a_day(*devices)), "device").distinct is None


def test_a_column_with_one_value_only_is_a_warning(tmp_path: Path):
    assert "'device' has one value only" in warnings(check(tmp_path, *a_day("a", "a", "a")))


def test_a_column_that_is_sometimes_missing_is_not_constant(tmp_path: Path):
    assert "'device' has one value only" not in warnings(check(tmp_path, *a_day("a", "", "a")))


def test_a_column_without_any_value_is_a_warning(tmp_path: Path):
    assert "'device' has no value at all" in warnings(check(tmp_path, *a_day("", "")))


def test_a_column_that_is_mostly_missing_is_a_warning(tmp_path: Path):
    assert "'device' is missing in 75.0%" in warnings(check(tmp_path, *a_day("a", "", "", "")))


def test_ids_that_became_numbers_with_a_fraction_are_a_warning(tmp_path: Path):
    assert "such as '17.0'" in warnings(
        check(tmp_path, *a_day("17.0", "", "4.0"), item=[categorical("device")])
    )


@pytest.mark.parametrize("device", ["17", "17.5", "v1.0", "1.0.0"])
def test_other_texts_are_no_such_ids(tmp_path: Path, device: str):
    checked = check(tmp_path, *a_day("17.0", device, "4.0"), item=[categorical("device")])
    assert "with a fraction" not in warnings(checked)


@pytest.mark.parametrize(("label", "only"), [(0, "non-clicks"), (1, "clicks")])
def test_one_class_only_is_an_error(tmp_path: Path, label: int, only: str):
    checked = check(tmp_path, f"{START_MS},u1,i1,a,{label}", f"{START_MS + 1},u2,i1,b,{label}")
    assert checked.errors == (f"'clicked' holds {only} only: nothing can be learned from one class",)


def test_the_label_as_a_feature_is_an_error(tmp_path: Path):
    # No task file says so, but the labels of a joined log are in columns of other names.
    write_shop(tmp_path)
    write(tmp_path / "log.csv", "\n".join([HEADER, *a_day("a", "b")]) + "\n")
    spec = make_spec(context=[numeric("clicked"), categorical("device")])
    checked = check_log(make_task().model_copy(update={"features": spec}), tmp_path)
    assert checked.errors == ("'clicked' is the label and must not be a feature",)


def test_more_bad_rows_than_the_task_accepts_are_an_error(tmp_path: Path):
    (error,) = check(tmp_path, *a_day("a", "b"), "broken").errors
    assert "1 of 3 rows cannot be read, data.max_bad_rows accepts 1.00%" in error
    assert "log.csv line 4: expected 5 fields, got 1" in error


def test_some_bad_rows_are_a_warning(tmp_path: Path):
    checked = check(tmp_path, *a_day("a", "b", "c"), "broken", data={"max_bad_rows": 0.5})
    assert checked.errors == ()
    assert "1 of 4 rows cannot be read and are left out" in warnings(checked)


def test_a_log_without_a_readable_row_is_an_error(tmp_path: Path):
    checked = check(tmp_path, "broken", "broken")
    assert "no row can be read" in checked.errors
    assert checked.click_rate is None


def test_keys_that_a_table_lacks_are_a_warning_with_their_share(tmp_path: Path):
    rows = [*a_day("a", "b", "c"), f"{START_MS + 9},u9,i1,d,1"]
    checked = check(tmp_path, *rows, user=[categorical("gender")])
    assert checked.unknown_keys == {Side.USER: 0.25}
    assert "25.00% of impressions have a key that the users table lacks" in warnings(checked)


def test_impressions_that_repeat_are_a_warning_with_their_share(tmp_path: Path):
    rows = [*a_day("a", "b", "c"), a_day("a")[0]]
    checked = check(tmp_path, *rows)
    assert checked.repeated == 0.25
    assert "25.00% of impressions repeat" in warnings(checked)


def test_repeats_are_undefined_without_keys_of_users_and_items(tmp_path: Path):
    assert check(tmp_path, *a_day("a", "b"), data={"users": None, "items": None}).repeated is None


def test_impressions_later_than_now_are_a_warning(tmp_path: Path):
    write_shop(tmp_path)
    write(tmp_path / "log.csv", "\n".join([HEADER, *a_day("a", "b", "c")]))
    now = datetime.fromtimestamp(START_MS / 1000, tz=UTC)
    assert "2 impressions are in the future" in warnings(check_log(make_task(), tmp_path, now=now))


def test_times_near_1970_are_suspected_to_be_seconds(tmp_path: Path):
    checked = check(tmp_path, "1651622400,u1,i1,a,0", "1651622401,u2,i1,b,1")
    assert "the log ends in 1970: are the times seconds?" in warnings(checked)


def test_a_cut_outside_the_log_is_an_error(tmp_path: Path):
    split = {"validation_from": datetime(2022, 5, 6, tzinfo=UTC), "test_from": None}
    (error,) = check(tmp_path, *a_day("a", "b"), split=split).errors
    assert error.startswith(
        "split.validation_from is 2022-05-06T00:00:00+00:00, but the log runs from 2022-05-04"
    )


def priced(*prices: str) -> list[str]:
    """Impressions with a price; the second half is clicked."""
    return [
        f"{START_MS + place},u{place % 2 + 1},i1,{price},{int(place >= len(prices) // 2)}"
        for place, price in enumerate(prices)
    ]


@pytest.mark.parametrize(
    "prices",
    [
        pytest.param([*["1"] * 20, *["2"] * 20], id="higher where clicked"),
        pytest.param([*["2"] * 20, *["1"] * 20], id="lower where clicked"),
        pytest.param([*[""] * 20, *["1"] * 20], id="there where clicked"),
    ],
)
def test_a_column_that_gives_the_clicks_away_is_a_warning(tmp_path: Path, prices: list[str]):
    checked = check(
        tmp_path, *priced(*prices), header=HEADER.replace("device", "price"), context=[numeric("price")]
    )
    assert "'price' alone tells every click from every non-click" in warnings(checked)


@pytest.mark.parametrize(
    "prices",
    [
        pytest.param(["1", "2"], id="too few to judge"),
        pytest.param([*["1"] * 19, "2", *["2"] * 20], id="one value in common"),
        pytest.param([*["1"] * 19, "", *["1"] * 20], id="missing only sometimes"),
    ],
)
def test_a_column_that_leaves_some_doubt_is_none(tmp_path: Path, prices: list[str]):
    checked = check(
        tmp_path, *priced(*prices), header=HEADER.replace("device", "price"), context=[numeric("price")]
    )
    assert "tells every click" not in warnings(checked)


@pytest.mark.parametrize(
    ("feature", "values"),
    [
        pytest.param(categorical("seen"), {0: ["skipped"], 1: ["opened"]}, id="a text that is the label"),
        pytest.param(categorical("seen"), {0: [""], 1: ["a", "b"]}, id="a text that is there where clicked"),
        pytest.param(
            numeric("seen"), {0: ["0"] * 40 + ["61"], 1: ["7", "8", "9"]}, id="a number that nearly tells"
        ),
    ],
)
def test_a_column_that_tells_clicks_too_well_is_a_warning(tmp_path: Path, feature, values):
    counts = {0: 0, 1: 0}
    rows = []
    for place in range(300):
        clicked = int(place % 3 == 0)
        counts[clicked] += 1
        seen = values[clicked][counts[clicked] % len(values[clicked])]
        rows.append(f"{START_MS + place},u1,i1,{seen},{clicked}")
    checked = check(tmp_path, *rows, header=HEADER.replace("device", "seen"), context=[feature])
    assert re.search(r"'seen' alone tells (every click|clicks with an AUC of (0\.9|1\.0))", warnings(checked))


def test_a_long_log_is_judged_by_rows_spread_over_all_of_it(monkeypatch):
    monkeypatch.setattr("training.log.tallies.MOST_SAMPLED", 1_000)
    tally = ColumnTally(RawInput(column="seen", side=Side.CONTEXT, kind=RawKind.TEXT))
    for start in range(0, 9_000, 90):
        clicked = np.random.default_rng(start).integers(0, 2, 90).astype(np.int8)
        # The first 1,800 rows alone say nothing.
        known = np.where(clicked if start >= 1_800 else np.arange(90) % 2, "a", "b")
        tally.add(pl.Series("seen", known), clicked)
    assert tally.auc_alone() == 1.0


def test_what_cannot_be_looked_at_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match="expected a column 'city'"):
        check(tmp_path, *a_day("a"), data={"user_key": "city"})


def test_a_check_reads_as_lines_and_as_json(tmp_path: Path):
    checked = check(tmp_path, *a_day("a", "a"))
    assert checked.lines() == [
        "2 rows, 0 unreadable; 1 clicks, click rate 50.0000%",
        "from 2022-05-04T00:00:00+00:00 to 2022-05-04T00:00:00+00:00, in order",
        "context device: text, 1 distinct, 0.0% missing",
        "warning: 'device' has one value only, which tells a model nothing",
    ]
    assert DataCheck.model_validate_json(checked.model_dump_json()) == checked


def test_a_log_without_a_clock_has_no_dates(tmp_path: Path):
    checked = check(tmp_path, *a_day("ios", "web"), data={"time": None})
    assert (checked.first, checked.last, checked.in_order) == (None, None, None)
    assert "no time column: the order of the rows is the order of time" in checked.lines()
