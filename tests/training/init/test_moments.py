import time

import pytest

from features.raw import MISSING_TIME
from training.init.column import read_values
from training.init.moments import TimeGuess, guess_clock, guess_time


def guess(name: str, cells: list[str]) -> TimeGuess | None:
    return guess_time(read_values(name, cells, len(set(cells)), text=True, markers=()))


@pytest.mark.parametrize(
    ("cells", "form", "first_ms"),
    [
        pytest.param(
            ["1650812741436", "1650812741500", "1650812749999"], "auto", 1650812741436, id="milliseconds"
        ),
        pytest.param(
            ["1650812741436000", "1650812741500123", "1650812749999999"],
            "epoch_us",
            1650812741436,
            id="microseconds",
        ),
        pytest.param(["1650812741", "1650812745", "1650812749"], "epoch_s", 1650812741000, id="seconds"),
        pytest.param(["978300760", "978302109", "1046454590"], "epoch_s", 978300760000, id="9 or 10 digits"),
        pytest.param(["20220425", "20220426", "20220428"], "%Y%m%d", 1650844800000, id="yyyymmdd"),
        pytest.param(["2014102100", "2014102101", "2014102115"], "%Y%m%d%H", 1413849600000, id="yyyymmddhh"),
        pytest.param(["14102100", "14102101", "14102115"], "%y%m%d%H", 1413849600000, id="yymmddhh"),
        pytest.param(
            ["20141021000000000", "20141021130001008", "20141022000000500"],
            "%Y%m%d%H%M%S%f",
            1413849600000,
            id="to the millisecond, in digits",
        ),
        pytest.param(["2014-10-21", "2014-10-22", ""], "auto", 1413849600000, id="ISO day, one missing"),
        pytest.param(
            ["2014-10-21T00:00:00Z", "2014-10-22T01:00:00Z"], "auto", 1413849600000, id="ISO with a zone"
        ),
        pytest.param(
            ["21/10/2014 00:00", "22/10/2014 13:30"], "%d/%m/%Y %H:%M", 1413849600000, id="day first"
        ),
        pytest.param(["10/21/2014", "10/22/2014"], "%m/%d/%Y", 1413849600000, id="month first"),
        pytest.param(["10/21/14 00:00", "10/22/14 13:30"], "%m/%d/%y %H:%M", 1413849600000, id="short year"),
        pytest.param(
            ["21.10.14 00:00", "22.10.14 13:30"], "%d.%m.%y %H:%M", 1413849600000, id="short year and points"
        ),
        pytest.param(
            ["2014.10.21 00:00:00", "2014.10.22 13:30:00"],
            "%Y.%m.%d %H:%M:%S",
            1413849600000,
            id="year first and points",
        ),
        pytest.param(
            ["Tue Oct 21 00:00:00 UTC 2014", "Wed Oct 22 13:30:00 UTC 2014"],
            "%a %b %d %H:%M:%S %Z %Y",
            1413849600000,
            id="as the command date prints it",
        ),
        pytest.param(["21 October 2014", "2 May 2015"], "%d %B %Y", 1413849600000, id="the month in full"),
        pytest.param(["20141021T000000Z", "20141022T133000Z"], "auto", 1413849600000, id="ISO, compact"),
        pytest.param(
            ["Tue, 21 Oct 2014 00:00:00 GMT", "Wed, 22 Oct 2014 13:30:00 GMT"],
            "%a, %d %b %Y %H:%M:%S %Z",
            1413849600000,
            id="as in mails",
        ),
        pytest.param(
            ["Tue Oct 21 02:00:00 +0200 2014", "Wed Oct 22 13:30:00 +0200 2014"],
            "%a %b %d %H:%M:%S %z %Y",
            1413849600000,
            id="the year behind the zone",
        ),
        pytest.param(["1948-03-01", "1999-12-31"], "auto", -689126400000, id="birthdays"),
        pytest.param(["19480301", "19991231", "20010101"], "%Y%m%d", -689126400000, id="birthdays in digits"),
        pytest.param(
            ["05/03/2014 10:00", "05/04/2014 09:00", "05/12/2014 08:00"],
            "%m/%d/%Y %H:%M",
            1399111200000,
            id="either, closer together month first",
        ),
        pytest.param(
            ["03/05/2014 10:00", "04/05/2014 09:00", "12/05/2014 08:00"],
            "%d/%m/%Y %H:%M",
            1399111200000,
            id="either, closer together day first",
        ),
        pytest.param(
            ["11-30-2014", "12-01-2014", "12-02-2014"], "%m-%d-%Y", 1417305600000, id="month first alone"
        ),
        pytest.param(
            ["2014-10-21 00:00:00 UTC", "2014-10-22 01:30:00 UTC"],
            "%Y-%m-%d %H:%M:%S %Z",
            1413849600000,
            id="the zone's name",
        ),
        pytest.param(
            ["Oct 21, 2014 12:00 AM", "Oct 22, 2014 02:22 PM"],
            "%b %d, %Y %I:%M %p",
            1413849600000,
            id="the month's name first",
        ),
        pytest.param(
            ["1413849600.000", "1413849601.25", "1413849603.5"],
            "epoch_s",
            1413849600000,
            id="seconds and parts",
        ),
        pytest.param(
            ["999999999.5", "1000000000.5", "1000000001.5"], "epoch_s", 999999999500, id="of 9 or 10 digits"
        ),
    ],
)
def test_how_times_are_written(cells: list[str], form: str, first_ms: int):
    found = guess("time", cells)
    assert found is not None
    assert (found.format, found.time_ms[0]) == (form, first_ms)


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param(["9155697141", "6355810746", "7"], id="ids of many lengths"),
        pytest.param(["1500000000", "1500000001", "1500000002"], id="numbers of rows"),
        pytest.param(["13:45", "14:00"], id="a clock without a day"),
        pytest.param(["10.0.0.1", "10.0.0.2"], id="addresses"),
        pytest.param(["500+", "[100,1k)"], id="ranges"),
        pytest.param(["7.1.12", "10.2.21"], id="versions"),
        pytest.param(["03/21/62", "11/30/71"], id="birthdays of two centuries in short years"),
        pytest.param(
            ["312345678", "298765432", "451234567"], id="numbers that would be seconds of before 1985"
        ),
    ],
)
def test_what_is_no_time(cells: list[str]):
    assert guess("code", cells) is None


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param("1" * 30_000, id="digits"),
        pytest.param("1" * 1_000 + "-" * 30_000 + "x", id="digits, then signs"),
        pytest.param("1 " + "T" * 30_000, id="one digit, then letters that may stand in a time"),
    ],
)
def test_a_long_cell_that_is_no_time_is_passed_over_at_once(cell: str):
    column = read_values("x", [f"{cell}{letter}" for letter in "abc"], 3, text=True, markers=())
    started = time.process_time()
    assert guess_time(column) is None
    assert time.process_time() - started < 1.0


def test_a_missing_time_is_missing():
    found = guess("time", ["2014-10-21", "2014-10-22", ""])
    assert found is not None
    assert found.time_ms[2] == MISSING_TIME


@pytest.mark.parametrize("name", ["upload_date", "birthday", "reservation_status_date"])
def test_another_time_is_not_taken_for_that_of_the_impression(name: str):
    cells = ["2014-10-23", "2014-10-21", "2014-10-22"]
    other, shown = guess(name, cells), guess("event_date", cells)
    assert other is not None
    assert shown is not None
    assert other.likeness < 0 < shown.likeness


@pytest.mark.parametrize(
    ("cells", "form"),
    [
        pytest.param(["09:05", "23:59", "0:00"], "%H:%M", id="minutes"),
        pytest.param(["09:05:01", "", "23:59:59"], "%H:%M:%S", id="seconds, one missing"),
        pytest.param(["09:05:01.250", "23:59:59.1"], "%H:%M:%S.%f", id="parts of seconds"),
        pytest.param(["9:05 AM", "11:59 pm"], "%I:%M %p", id="before and after noon"),
    ],
)
def test_how_times_of_day_are_written(cells: list[str], form: str):
    found = guess_clock(read_values("clock", cells, len(set(cells)), text=True, markers=()))
    assert found is not None
    assert found.format == form


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param(["09:05", "27:12"], id="minutes and seconds"),
        pytest.param(["09:05", "09:12"], id="one hour"),
        pytest.param(["09:05", "noon"], id="a word"),
        pytest.param(["2014-10-21 09:05", "2014-10-22 10:05"], id="with a day"),
        pytest.param(["905", "1012"], id="numbers"),
        pytest.param(["", ""], id="nothing"),
    ],
)
def test_what_is_no_time_of_day(cells: list[str]):
    assert guess_clock(read_values("clock", cells, len(set(cells)), text=True, markers=())) is None
