"""Labels from decisions and feedback, by the rules of docs/feedback.md."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from journal import DECISIONS, FEEDBACK, SHADOWS, open_journal
from journal.records import Columns, Decision, Described, Feedback, ShadowAnswer
from tests.full_disc import files_of_at_most
from training.errors import DataError
from training.join import JoinRules, join

MINUTE = 60_000
NOON = 1_767_268_800_000
WINDOW = 30 * MINUTE
READ: dict[str, Callable[[Path], pl.DataFrame]] = {
    ".parquet": pl.read_parquet,
    ".csv": pl.read_csv,
    ".jsonl": pl.read_ndjson,
}
LATER = NOON + 24 * 60 * MINUTE

DECISION = Decision(
    decision_id="d1",
    at_ms=NOON,
    model="shop",
    version=3,
    columns=Columns("user_id", "item_id", None),
    user=Described("u1", {"city": "berlin"}),
    context={"device": "phone"},
    candidates=[
        Described("a", {"price": 1.5, "tags": ["red"]}),
        Described("b", {"price": None, "tags": []}),
        Described("c"),
    ],
    probabilities=[0.5, 0.25, 0.125],
    positions=[1, 2, 3],
)


@pytest.fixture
def address(tmp_path):
    return f"file:{tmp_path / 'decisions'}"


@pytest.fixture
def labelled(address, tmp_path):
    """The log of some events about some decisions, and the counts."""

    def made(*events, decisions=(DECISION,), ending=".parquet", **rules):
        open_journal(address, DECISIONS).append([decision.record() for decision in decisions])
        open_journal(address, FEEDBACK).append([event.record() for event in events])
        out = tmp_path / f"log{ending}"
        joined = join(address, JoinRules(**{"window_ms": WINDOW, "until_ms": LATER} | rules), out)
        return READ[ending](out), joined

    return made


def event(name, kind, item="a", minutes=0.0, **changes):
    at_ms = NOON + round(minutes * MINUTE)
    return Feedback(name, kind, at_ms, item, **{"decision_id": "d1", "received_ms": at_ms} | changes)


def seen(item="a", minutes=0.0, **changes):
    return event(f"seen {item}", "impression", item, minutes, **changes)


def clicks(log):
    return dict(zip(log["item_id"], log["clicked"], strict=True))


def test_what_was_shown_and_clicked_is_a_positive_and_the_rest_a_negative(labelled):
    log, _ = labelled(seen("a"), seen("b"), event("e", "click", "b", 1))
    assert clicks(log) == {"a": 0, "b": 1}


def test_what_was_answered_and_not_shown_is_no_impression(labelled):
    log, _ = labelled(seen("a"))
    assert clicks(log) == {"a": 0}


def test_a_row_has_what_the_model_saw(labelled):
    log, _ = labelled(seen("a"), event("e", "purchase", minutes=2))
    assert log.row(0, named=True) == {
        "city": "berlin",
        "device": "phone",
        "price": 1.5,
        "tags": ["red"],
        "user_id": "u1",
        "item_id": "a",
        "time_ms": NOON,
        "decision_id": "d1",
        "position": 1,
        "answered_probability": 0.5,
        "version": 3,
        "clicked": 0,
        "played": 0,
        "purchased": 1,
        "disliked": 0,
    }


def test_the_time_of_a_request_is_the_time_of_its_impressions(labelled):
    told = replace(DECISION, context={"shown_at": NOON + 7}, columns=Columns(time="shown_at"))
    log, _ = labelled(seen("a"), decisions=[told])
    assert log.select("time_ms", "shown_at").row(0) == (NOON + 7, NOON + 7)


@pytest.mark.parametrize("told", [-1, NOON + 2 * 24 * 60 * MINUTE, 253_402_300_799_999])
def test_a_time_that_only_a_wrong_clock_tells_is_not_that_of_an_impression(labelled, told):
    told = replace(DECISION, context={"shown_at": told}, columns=Columns(time="shown_at"))
    log, _ = labelled(seen("a"), decisions=[told])
    assert log.select("time_ms", "shown_at").row(0) == (NOON, NOON)


@pytest.mark.parametrize("hours", [-10_000, 14])
def test_a_time_of_long_ago_or_of_another_zone_is(labelled, hours):
    told = NOON + hours * 60 * MINUTE
    told = replace(DECISION, context={"shown_at": told}, columns=Columns(time="shown_at"))
    log, _ = labelled(seen("a"), decisions=[told])
    assert log["shown_at"].to_list() == [NOON + hours * 60 * MINUTE]


def test_a_click_at_the_end_of_the_window_counts(labelled):
    log, _ = labelled(seen("a", 5), event("e", "click", "a", 35))
    assert clicks(log) == {"a": 1}


def test_a_click_beyond_the_window_does_not_count_and_is_told(labelled):
    log, joined = labelled(seen("a", 5), event("e", "click", "a", 35.1))
    assert (clicks(log), joined.late) == ({"a": 0}, 1)


@pytest.mark.parametrize("clicked", [True, False])
def test_an_impression_whose_window_is_open_is_left_out_clicked_or_not(labelled, clicked):
    events = [seen("a"), seen("b", 31), *([event("e", "click", "b", 32)] if clicked else [])]
    log, joined = labelled(*events, until_ms=NOON + 60 * MINUTE)
    assert (clicks(log), joined.open) == ({"a": 0}, 1)


def test_an_impression_whose_window_has_just_closed_is_in(labelled):
    log, _ = labelled(seen("a"), until_ms=NOON + WINDOW)
    assert clicks(log) == {"a": 0}


def test_impressions_before_a_time_are_left_out(labelled):
    log, _ = labelled(seen("a"), seen("b", 10), since_ms=NOON + MINUTE)
    assert clicks(log) == {"b": 0}


def test_where_no_impression_is_late_enough_an_earlier_since_is_proposed(labelled):
    with pytest.raises(DataError, match="take an earlier --since, wait"):
        labelled(seen("a"), since_ms=NOON + MINUTE)


def test_the_order_of_events_does_not_matter(labelled):
    log, _ = labelled(event("e", "click", "a", 1), seen("a"))
    assert clicks(log) == {"a": 1}


def test_an_event_that_stands_there_twice_counts_once(labelled):
    log, joined = labelled(seen("a"), seen("a"), seen("a"))
    assert (clicks(log), joined.repeated) == ({"a": 0}, 2)


def test_an_item_that_was_seen_twice_is_one_impression_from_the_first_on(labelled):
    again = event("seen again", "impression", "a", 20)
    log, _ = labelled(again, seen("a", 0), event("e", "click", "a", 40))
    assert clicks(log) == {"a": 0}


def test_a_click_without_an_impression_is_told_and_left_out(labelled):
    log, joined = labelled(seen("a"), event("e", "click", "b", 1))
    assert (clicks(log), joined.unseen) == ({"a": 0}, 1)


def test_an_item_whose_features_were_not_noted_is_told_and_left_out(labelled):
    log, joined = labelled(seen("a"), seen("c"))
    assert (clicks(log), joined.undescribed) == ({"a": 0}, 1)


def test_without_impression_events_the_answered_items_were_shown(labelled):
    log, _ = labelled(event("e", "click", "b", 1), shown="answered")
    assert clicks(log) == {"a": 0, "b": 1}


def test_of_the_answered_items_only_the_first_positions_were_shown(labelled):
    log, _ = labelled(event("e", "click", "b", 1), shown="answered", positions=1)
    assert clicks(log) == {"a": 0}


def test_an_event_without_a_decision_belongs_to_the_last_one_before_it(labelled):
    second = replace(DECISION, decision_id="d2", at_ms=NOON + 10 * MINUTE)
    third = replace(DECISION, decision_id="d3", at_ms=NOON + 20 * MINUTE)
    stray = event("e", "click", "a", 15, decision_id="", user_id="u1")
    log, _ = labelled(stray, decisions=[third, DECISION, second], shown="answered", positions=1)
    assert dict(zip(log["decision_id"], log["clicked"], strict=True)) == {"d1": 0, "d2": 1, "d3": 0}


def test_an_event_of_somebody_else_belongs_to_no_decision(labelled):
    log, joined = labelled(seen("a"), event("e", "click", "a", 1, decision_id="", user_id="u2"))
    assert (clicks(log), joined.stray) == ({"a": 0}, 1)


def test_a_text_file_has_lists_as_json(labelled):
    log, _ = labelled(seen("a"), ending=".csv")
    assert log["tags"].to_list() == ['["red"]']


def test_json_lines_have_one_object_per_impression(labelled):
    log, _ = labelled(seen("a"), seen("b"), ending=".jsonl")
    assert clicks(log) == {"a": 0, "b": 0}


def test_nothing_to_write_is_refused_with_the_counts(labelled):
    with pytest.raises(DataError, match="1 open"):
        labelled(seen("a"), until_ms=NOON)


def test_an_unknown_ending_is_refused(address, tmp_path):
    with pytest.raises(DataError, match="expected a file ending in"):
        join(address, JoinRules(window_ms=1, until_ms=1), tmp_path / "log.txt")


def test_a_refused_join_leaves_the_last_log_alone(labelled, tmp_path):
    (tmp_path / "log.parquet").write_text("the last one")
    with pytest.raises(DataError):
        labelled(seen("a"), until_ms=NOON)
    assert [path.name for path in tmp_path.glob("*log*")] == ["log.parquet"]


@pytest.fixture(scope="module")
def delayed(tmp_path_factory):
    """Six hours of impressions of a known click rate, whose clicks come up to an hour later; joined as the last one is shown."""
    noise, rate, hour = np.random.default_rng(5), 0.3, 60 * MINUTE
    address, items = f"file:{tmp_path_factory.mktemp('delayed')}", [f"i{place}" for place in range(20)]
    decisions, events = [], []
    for place, at_ms in enumerate(np.linspace(NOON, NOON + 6 * hour, 2000).astype(int).tolist()):
        made = replace(
            DECISION,
            decision_id=f"d{place}",
            at_ms=at_ms,
            candidates=[Described(item, {}) for item in items],
            probabilities=[rate] * 20,
            positions=list(range(1, 21)),
        )
        decisions.append(made)
        for item, delay_ms in zip(items, noise.uniform(0, hour, 20), strict=True):
            key = f"{place} {item}"
            events.append(Feedback(f"seen {key}", "impression", at_ms, item, made.decision_id))
            # What has not happened by now is not in the journal.
            if noise.random() < rate and at_ms + delay_ms <= NOON + 6 * hour:
                events.append(Feedback(key, "click", at_ms + int(delay_ms), item, made.decision_id))
    noise.shuffle(events)
    open_journal(address, DECISIONS).append([one.record() for one in decisions])
    open_journal(address, FEEDBACK).append([one.record() for one in events])
    out = tmp_path_factory.mktemp("out") / "log.parquet"
    joined = join(address, JoinRules(window_ms=hour, until_ms=NOON + 6 * hour), out)
    naive = sum(one.type == "click" for one in events) / sum(one.type == "impression" for one in events)
    return joined, rate, naive


def test_delayed_clicks_are_not_trained_as_negatives(delayed):
    joined, rate, _ = delayed
    assert joined.clicked / joined.impressions == pytest.approx(rate, rel=0.02)


def test_without_the_window_delayed_clicks_would_bias_the_rate(delayed):
    _, rate, naive = delayed
    assert naive < 0.95 * rate


def test_only_the_last_hour_is_still_open(delayed):
    joined, _, _ = delayed
    assert joined.open / (joined.open + joined.impressions) == pytest.approx(1 / 6, abs=0.001)


def test_a_row_has_what_the_version_promised_that_answered(labelled):
    log, _ = labelled(seen("a"), seen("b"))
    assert log["answered_probability"].to_list() == [0.5, 0.25]


def test_a_row_has_what_a_shadow_would_have_promised(labelled, address):
    answer = ShadowAnswer("d1", NOON, "shop", 4, ["b", "a"], [0.75, 0.125])
    open_journal(address, SHADOWS).append([answer.record()])
    log, _ = labelled(seen("a"), seen("b"))
    assert log["shadow_probability"].to_list() == [0.125, 0.75]
    assert log["shadow_version"].to_list() == [4, 4]


def test_a_shadow_adds_no_impressions(labelled, address):
    open_journal(address, SHADOWS).append([ShadowAnswer("d1", NOON, "shop", 4, ["b"], [0.75]).record()])
    log, _ = labelled(seen("a"))
    assert log["item_id"].to_list() == ["a"]
    assert "shadow_probability" not in log.columns


def test_what_a_shadow_says_of_a_scored_row_is_about_its_only_item(labelled, address):
    scored = replace(DECISION, candidates=DECISION.candidates[:1], probabilities=[0.5], positions=[1])
    open_journal(address, SHADOWS).append([ShadowAnswer("d1", NOON, "shop", 4, [], [0.75]).record()])
    log, _ = labelled(seen("a"), decisions=(scored,))
    assert log["shadow_probability"].to_list() == [0.75]


@pytest.fixture
def full_disc():
    """From now on no file may be larger."""
    with contextlib.ExitStack() as stack:
        yield lambda size: stack.enter_context(files_of_at_most(0, size))


def many(count):
    return [replace(DECISION, decision_id=f"d{place}") for place in range(count)]


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".jsonl"])
def test_a_disc_full_of_rows_is_told_and_nothing_is_left_on_it(labelled, full_disc, tmp_path, ending):
    labelled(decisions=many(200), shown="answered", ending=ending)
    before = (tmp_path / f"log{ending}").read_bytes()
    full_disc(20_000)
    with pytest.raises(OSError, match="File too large"):
        labelled(decisions=[], shown="answered", ending=ending)
    assert {path.name for path in tmp_path.iterdir()} == {"decisions", f"log{ending}"}
    assert (tmp_path / f"log{ending}").read_bytes() == before


def test_feedback_that_finds_no_room_is_told_with_what_to_do(labelled, full_disc):
    events = [Feedback(f"e{place:032}", "click", NOON, "a", f"d{place:032}") for place in range(20_000)]
    labelled(*events, shown="answered")
    full_disc(100_000)
    with pytest.raises(DataError, match="SQLITE_TMPDIR=DIR names another"):
        labelled(decisions=[], shown="answered")
