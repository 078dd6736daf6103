"""Decisions and feedback as the newest part of a log that is trained on again and again."""

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from journal import DECISIONS, FEEDBACK, open_journal
from journal.records import Columns, Decision, Described, Feedback
from tests.training.retraining.test_gather import make_task, write_hours
from training.errors import ConfigError, DataError
from training.progress import Silent
from training.retraining.gather import Gathering, Retraining, gathered
from training.retraining.joined_log import JoinedLog
from training.retraining.retrain import cut_of
from training.run import RunDirectory

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def ms(moment):
    return round(moment.timestamp() * 1000)


def decide(address, minutes, *, clicked=False, model="toy", **noted):
    """An answer so many minutes after noon, seen at once and, perhaps, clicked a minute later; `noted` is else in it."""
    at_ms, name = ms(NOON + timedelta(minutes=minutes)), f"{model}-{minutes}"
    decision = Decision(
        decision_id=name,
        at_ms=at_ms,
        model=model,
        version=1,
        probabilities=[0.5],
        positions=[1],
        **{
            "columns": Columns(),
            "user": Described("u1", {"city": "rome"}),
            "context": {},
            "candidates": [Described("a", {})],
            **noted,
        },
    )
    events = [Feedback(f"seen {name}", "impression", at_ms, "a", name)]
    if clicked:
        events.append(Feedback(f"click {name}", "click", at_ms + 60_000, "a", name))
    open_journal(address, DECISIONS).append([decision.record()])
    open_journal(address, FEEDBACK).append([event.record() for event in events])


@pytest.fixture
def address(tmp_path):
    return f"file:{tmp_path / 'decisions'}"


@pytest.fixture
def directory(tmp_path):
    """With a log of three impressions before noon."""
    write_hours(tmp_path, "log-1.csv", [3, 2, 1])
    return tmp_path


def task(address, window="30m", attribution="0s", **changes):
    join = {"decisions": address, "window": window}
    return make_task(retrain={"join": join, "attribution": attribution}, **changes)


def gather(directory, config, minutes, until=None):
    """The log of a run so many minutes after noon, and what it wrote down about decisions."""
    now = NOON + timedelta(minutes=minutes)
    run = RunDirectory.create(directory / "runs", "toy", now=NOON)
    retraining = Retraining(cut_of(config, until, now), JoinedLog(directory / "runs" / "toy.joined", now))
    log = gathered(
        config, Gathering(directory, run, config.features.log_inputs(), None, retraining), Silent()
    )
    return log, json.loads((run.path / "data.json").read_text())["decisions"]


def labels(log):
    return [int(clicked) for chunk in log.chunks() for clicked in chunk.clicked]


def test_decisions_whose_window_has_closed_follow_the_log(directory, address):
    decide(address, 0, clicked=True)
    decide(address, 10)
    log, facts = gather(directory, task(address), 60)
    assert labels(log) == [1, 0, 1, 1, 0]
    assert log.time_ms[-2:].tolist() == [ms(NOON), ms(NOON) + 600_000]
    assert (facts["impressions"], facts["new"]["clicked"]) == (2, 1)


def test_a_column_of_a_decision_is_what_the_model_saw(directory, address):
    decide(address, 0)
    log, _ = gather(directory, task(address), 60)
    assert [city for chunk in log.chunks() for city in chunk.raw["city"]] == ["bonn"] * 3 + ["rome"]


@pytest.mark.parametrize(
    ("attribution", "minutes", "decisions"),
    [
        pytest.param("0s", 29, 0, id="the window of a click is still open"),
        pytest.param("0s", 31, 1, id="the window has closed"),
        pytest.param("45m", 44, 0, id="events may still be on their way"),
        pytest.param("45m", 46, 1, id="events have had their time"),
    ],
)
def test_an_impression_waits_for_its_window_and_for_the_attribution(
    directory, address, attribution, minutes, decisions
):
    decide(address, 0)
    _, facts = gather(directory, task(address, attribution=attribution), minutes)
    assert facts["impressions"] == decisions


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(days=1000)])
def test_no_cut_that_somebody_asks_for_labels_what_may_still_be_clicked(directory, address, ahead):
    config = task(address, attribution="30m")
    decide(address, 0, clicked=True)
    decide(address, 40, clicked=True)
    log, _ = gather(directory, config, 60, until=NOON + timedelta(minutes=60) + ahead)
    assert labels(log)[3:] == [1]
    assert labels(gather(directory, config, 120)[0])[3:] == [1, 1]


def test_a_cut_in_the_past_leaves_later_impressions_for_the_next_run(directory, address):
    decide(address, 0, clicked=True)
    decide(address, 40)
    until = NOON + timedelta(minutes=20)
    assert labels(gather(directory, task(address), 120, until=until)[0])[3:] == [1]
    assert labels(gather(directory, task(address), 120)[0])[3:] == [1, 0]


def test_each_run_adds_what_has_come_since_and_no_impression_twice(directory, address):
    config = task(address)
    decide(address, 0)
    gather(directory, config, 60)
    decide(address, 60, clicked=True)
    log, facts = gather(directory, config, 120)
    assert (facts["impressions"], facts["new"]["impressions"]) == (2, 1)
    assert labels(log)[3:] == [0, 1]
    assert gather(directory, config, 121)[1] == {"impressions": 2, "new": {}}


def test_half_written_rows_of_a_run_that_was_killed_go(directory, address):
    decide(address, 0)
    gather(directory, task(address), 60)
    left = directory / "runs/toy.joined/.0-1.jsonl.99.rows"
    left.write_bytes(b"{")
    # A notebook's folder, say, or a file system's own: not ours.
    (foreign := left.with_name(".ipynb_checkpoints")).mkdir()
    assert gather(directory, task(address), 120)[1]["impressions"] == 1
    assert not left.exists()
    assert foreign.exists()


def test_what_the_journals_have_forgotten_is_still_learned_from(directory, address):
    config = task(address)
    decide(address, 0)
    gather(directory, config, 60)
    for path in (directory / "decisions").rglob("*.open"):
        path.unlink()
    assert gather(directory, config, 120)[1]["impressions"] == 1


def test_a_clock_that_jumps_back_adds_nothing_and_loses_nothing(directory, address):
    config = task(address)
    decide(address, 0)
    gather(directory, config, 60)
    decide(address, 40)
    assert gather(directory, config, 45)[1]["impressions"] == 1
    assert gather(directory, config, 75)[1]["impressions"] == 2


def test_decisions_of_other_models_are_left_alone(directory, address):
    decide(address, 0, model="other")
    assert gather(directory, task(address), 60)[1]["impressions"] == 0


def test_a_label_of_another_name_is_what_the_join_calls_clicked(directory, address):
    (directory / "log-1.csv").write_text("at,city,bought?\n1772359200000,bonn,yes\n1772362800000,bonn,no\n")
    decide(address, 0, clicked=True)
    data = {"label": "bought?", "positive": "yes"}
    assert labels(gather(directory, task(address, data=data), 60)[0]) == [1, 0, 1]


@pytest.mark.parametrize(
    ("header", "renamed", "label"),
    [
        pytest.param("at,town,tapped", {}, "tapped", id="nothing the join has"),
        pytest.param("at,town,clicked", {"clicked": "y"}, "y", id="the label of the join"),
        pytest.param("time_ms,town,clicked", {"time_ms": "at"}, "clicked", id="the time of the join"),
    ],
)
def test_what_the_log_and_its_tables_rename_has_its_name_in_decisions(
    directory, address, header, renamed, label
):
    (directory / "log-1.csv").write_text(f"{header},key\n{ms(NOON) - 60_000},bonn,0,b\n")
    (directory / "items.csv").write_text("key,kind\na,hat\nb,coat\n")
    decide(address, 0, clicked=True, columns=Columns(item="id", time="at"))
    data = {"label": label, "items": {"path": "items.csv", "key": "id"}, "item_key": "id"}
    data["rename"] = {"town": "city", "key": "id", "kind": "category", **renamed}
    features = {
        "user": [{"name": "city", "kind": "categorical"}],
        "item": [{"name": "category", "kind": "categorical"}],
    }
    log, _ = gather(directory, task(address, data=data, features=features), 60)
    raw = pl.concat([chunk.raw for chunk in log.chunks()])
    assert raw.rows() == [("bonn", "coat"), ("rome", "hat")]
    assert labels(log) == [0, 1]


def seconds(moment):
    return f"{moment.timestamp():.0f}"


@pytest.mark.parametrize(
    ("form", "written"),
    [
        pytest.param("auto", datetime.isoformat, id="auto"),
        pytest.param("epoch_s", seconds, id="seconds"),
        pytest.param("epoch_us", lambda moment: seconds(moment) + "000000", id="microseconds"),
        pytest.param("iso", datetime.isoformat, id="iso"),
        pytest.param("%d.%m.%Y %H:%M:%S", lambda moment: f"{moment:%d.%m.%Y %H:%M:%S}", id="pattern"),
    ],
)
def test_times_that_the_service_noted_are_read_as_it_read_them(directory, address, form, written):
    """A ranking is noted as the model saw it, in milliseconds; a scored row as it came, where texts are as in the log."""
    day = timedelta(days=1)
    (directory / "log-1.csv").write_text(f"at,id,clicked\n{written(NOON - day)},b,0\n")
    (directory / "items.csv").write_text(f"id,listed_at,added_at\na,,{written(NOON - 3 * day)}\nb,,\n")
    for minutes, listed_at in ((0, ms(NOON - 2 * day)), (1, written(NOON - 2 * day))):
        item = {"listed_at": listed_at, "id": "a"}
        decide(address, minutes, columns=Columns(time="at"), candidates=[Described("a", item)])
    ages = ("listed_at", "added_at")
    config = task(
        address,
        data={"time": {"column": "at", "format": form}, "items": {"path": "items.csv", "key": "id"}},
        features={
            "context": [
                {"kind": "time_part", "name": "hour", "column": "at", "part": "hour", "time_zone": "UTC"}
            ],
            "item": [{"kind": "age", "name": f"{name}_age", "column": name, "at": "at"} for name in ages],
            "time_columns": {name: {"format": form} for name in ("at", *ages)},
        },
    )
    log, _ = gather(directory, config, 60)
    raw = pl.concat([chunk.raw for chunk in log.chunks()])[-2:]
    assert raw["at"].to_list() == log.time_ms[-2:].tolist() == [ms(NOON), ms(NOON) + 60_000]
    assert raw["listed_at"].to_list() == [ms(NOON - 2 * day)] * 2
    assert raw["added_at"].to_list() == [ms(NOON - 3 * day)] * 2


def test_a_log_without_a_clock_cannot_be_continued(tmp_path, address):
    config = task(address, data={"time": None})
    with pytest.raises(ConfigError, match=r"expected a log with data\.time"):
        JoinedLog(tmp_path, NOON).grow(config, None)


def test_journals_that_cannot_be_read_are_told(directory):
    with pytest.raises(DataError, match=r"retrain\.join\.decisions: expected file:DIR"):
        gather(directory, task("s3://nowhere"), 60)
