"""Versions side by side, from a joined log: figures by hand, and chance told apart from difference."""

import json

import numpy as np
import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from axon.commands.compare import compare as compare_command
from training.compare import compare
from training.errors import DataError
from training.gate.bootstrap import Resampling
from training.gate.duel import Interval

LN_2 = 0.6931471805599453


@pytest.fixture
def log(tmp_path):
    """Writes the columns of a joined log that count here."""

    def made(ending=".parquet", **columns):
        path = tmp_path / f"log{ending}"
        frame = pl.DataFrame({name: list(values) for name, values in columns.items()})
        if ending == ".csv":
            frame.write_csv(path)
        else:
            frame.write_parquet(path)
        return path

    return made


def world(rng, users, promised, clicks):
    """Ten impressions of each of some users: what was promised, and clicks at another rate."""
    shown = np.repeat(users, 10)
    return {
        "user_id": shown,
        "answered_probability": [promised] * len(shown),
        "clicked": rng.random(len(shown)) < clicks,
    }


def side_by_side(rng, ours, theirs):
    """The columns of version 1, with 500 users, and of version 2, with 400 others."""
    one = {"version": [1] * 5000, **world(rng, [f"a{place}" for place in range(500)], *ours)}
    other = {"version": [2] * 4000, **world(rng, [f"b{place}" for place in range(400)], *theirs)}
    joined = {name: [*one[name], *other[name]] for name in one}
    return joined | {"clicked": [int(clicked) for clicked in joined["clicked"]]}


def figures(contender):
    return {name: figure and figure.estimate for name, figure in contender.figures.items()}


def defined(figure: Interval | None) -> Interval:
    assert figure is not None
    return figure


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_figures_are_what_a_hand_computes(log, ending):
    path = log(
        ending,
        version=[3] * 4,
        user_id=["u", "u", "v", "v"],
        clicked=[1, 0, 1, 0],
        answered_probability=[0.5, 0.5, 0.5, 0.5],
    )
    (only,) = compare(path, user="user_id").contenders
    assert (only.impressions, only.clicks) == (4, 2)
    assert figures(only) == pytest.approx(
        {"click_rate": 0.5, "log_loss": LN_2, "calibration_ratio": 1.0, "gauc": 0.5}
    )


def test_without_a_click_there_is_no_calibration_and_no_gauc(log):
    path = log(version=[3, 3], user_id=["u", "v"], clicked=[0, 0], answered_probability=[0.5, 0.5])
    (only,) = compare(path, user="user_id").contenders
    assert (only.figures["calibration_ratio"], only.figures["gauc"]) == (None, None)


@pytest.mark.parametrize(
    ("clicked", "users"),
    [
        pytest.param([0, 0, 0], ["a", "b", "c"], id="no click"),
        pytest.param([1, 1, 1], ["a", "b", "c"], id="nothing but clicks"),
        pytest.param([0, 1, 0], ["a", "a", "a"], id="one user"),
    ],
)
def test_a_version_whose_crowds_are_all_the_same_is_not_sure_of_anything(log, clicked, users):
    rng = np.random.default_rng(4)
    ours = world(rng, [f"u{place}" for place in range(100)], 0.1, 0.1)
    path = log(
        version=[1] * 1000 + [2] * 3,
        user_id=[*ours["user_id"], *users],
        clicked=[*map(int, ours["clicked"]), *clicked],
        answered_probability=[*ours["answered_probability"], 0.1, 0.1, 0.1],
    )
    one, other = compare(path, user="user_id").contenders
    assert defined(one.figures["click_rate"])
    assert (set(other.figures.values()), set(other.differences.values())) == ({None}, {None})


def test_the_calibration_of_a_single_click_is_not_sure_of_anything(log):
    ours = world(np.random.default_rng(4), [f"u{place}" for place in range(100)], 0.1, 0.1)
    path = log(
        version=[1] * 1000 + [2] * 3,
        user_id=[*ours["user_id"], "a", "b", "c"],
        clicked=[*map(int, ours["clicked"]), 0, 1, 0],
        answered_probability=[*ours["answered_probability"], 0.1, 0.1, 0.1],
    )
    one, other = compare(path, user="user_id").contenders
    assert defined(one.figures["calibration_ratio"])
    assert defined(other.figures["click_rate"])
    assert (other.figures["calibration_ratio"], other.differences["calibration_ratio"]) == (None, None)


def test_the_gauc_of_one_user_alone_is_not_sure_of_anything(log):
    path = log(
        version=[1] * 4,
        user_id=["u", "u", "v", "v"],
        clicked=[1, 0, 0, 0],
        answered_probability=[0.5, 0.4, 0.3, 0.2],
    )
    (only,) = compare(path, user="user_id").contenders
    assert defined(only.figures["click_rate"])
    assert only.figures["gauc"] is None


def test_the_version_with_most_impressions_is_what_the_others_are_held_against(log):
    path = log(
        version=[3, 4, 4], user_id=["u", "v", "w"], clicked=[0, 1, 0], answered_probability=[0.1, 0.2, 0.3]
    )
    assert compare(path, user="user_id").against == 4
    assert [one.version for one in compare(path, user="user_id", against=3).contenders] == [3, 4]


def test_a_difference_lies_inside_its_interval_and_a_real_one_is_told_from_chance(log):
    rng = np.random.default_rng(1)
    path = log(**side_by_side(rng, ours=(0.1, 0.1), theirs=(0.1, 0.2)))
    ours, theirs = compare(path, user="user_id").contenders
    assert ours.differences == {}
    difference = defined(theirs.differences["click_rate"])
    assert 0 < difference.low < 0.1 < difference.high
    # It promised 0.1 and 0.2 came: the ratio is a half.
    ratio = defined(theirs.figures["calibration_ratio"])
    assert ratio.low < 0.5 < ratio.high


def test_equal_versions_differ_by_chance_alone_in_nineteen_of_twenty_logs(log):
    surprised = 0
    for seed in range(40):
        path = log(**side_by_side(np.random.default_rng(seed), ours=(0.1, 0.1), theirs=(0.1, 0.1)))
        told = compare(path, user="user_id", how=Resampling(resamples=200))
        difference = defined(told.contenders[1].differences["click_rate"])
        surprised += not difference.low <= 0 <= difference.high
    # Two are expected; more than seven would come once in a thousand.
    assert surprised <= 7


def test_a_shadow_is_held_against_the_answers_to_the_same_impressions(log):
    rng = np.random.default_rng(2)
    columns = {"version": [1] * 5000, **world(rng, [f"a{place}" for place in range(500)], 0.3, 0.1)}
    columns["clicked"] = [int(clicked) for clicked in columns["clicked"]]
    # It answered half of the impressions, and promises what comes.
    columns["shadow_version"] = [5] * 2500 + [None] * 2500
    columns["shadow_probability"] = [0.1] * 2500 + [None] * 2500
    _, shadow = compare(log(**columns), user="user_id").contenders
    assert (shadow.version, shadow.shadow, shadow.impressions) == (5, True, 2500)
    assert defined(shadow.differences["log_loss"]).high < 0
    # On the same impressions the clicks are the same, whatever users are drawn.
    clicks = defined(shadow.differences["click_rate"])
    assert clicks.low == clicks.high == 0


def test_a_log_that_was_not_joined_is_refused(log):
    path = log(clicked=[1, 0])
    with pytest.raises(DataError, match="has no column version, answered_probability"):
        compare(path, user="user_id")


def test_ids_need_not_all_be_numbers_nor_shadows_answer_from_the_first_row_on(log):
    columns = {
        "version": [1] * 300,
        "user_id": [*map(str, range(200)), *["ann"] * 100],
        "clicked": [0, 1] * 150,
        "answered_probability": [0.5] * 300,
        "shadow_version": [None] * 200 + [2] * 100,
        "shadow_probability": [None] * 200 + [0.4, 0.6] * 50,
    }
    assert compare(log(ending=".csv", **columns), user="user_id") == compare(log(**columns), user="user_id")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "cannot be read as one: empty CSV; join it again"),
        ("version,clicked,answered_probability,user_id\nx,1,0.5,ann\n", "cannot be read as one: "),
        (
            "version,clicked,answered_probability,user_id\n1,1,0.5,ann\n1,1,,bob\n",
            r"1 rows lack one; join it again",
        ),
    ],
)
def test_a_log_that_is_damaged_is_refused(tmp_path, text, reason):
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(DataError, match=reason):
        compare(tmp_path / "log.csv", user="user_id")


def test_a_log_whose_users_are_called_otherwise_is_refused_and_not_taken_for_one_without_users(log):
    path = log(version=[3], uid=["u"], clicked=[0], answered_probability=[0.5])
    with pytest.raises(DataError, match=r"expected a column 'user_id' .* got version, uid, .* --user"):
        compare(path, user="user_id")
    assert compare(path, user="uid").against == 3


def test_a_version_that_answered_nothing_is_refused(log):
    path = log(version=[3], user_id=["u"], clicked=[0], answered_probability=[0.5])
    with pytest.raises(DataError, match=r"expected one of the versions \[3\]"):
        compare(path, user="user_id", against=9)


@pytest.fixture
def two(log):
    return log(**side_by_side(np.random.default_rng(3), ours=(0.1, 0.1), theirs=(0.1, 0.3)))


@pytest.fixture
def axon():
    app = typer.Typer()
    app.command()(compare_command)

    def run(*arguments):
        done = CliRunner().invoke(app, [*map(str, arguments)])
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


def test_the_table_stars_what_is_more_than_chance(axon, two):
    _, difference = axon(two).split("difference")
    assert "*" in difference


def test_the_comparison_as_json_is_the_same_every_time(axon, two):
    assert axon(two, "--json") == axon(two, "--json")
    assert [one["version"] for one in json.loads(axon(two, "--json"))["contenders"]] == [1, 2]
