"""The one table of raw values, row by row: what a cell or a JSON value becomes, and what is refused."""

import math
import time
from datetime import UTC, datetime

import pytest

from features.errors import UnreadableValueError
from features.raw import from_json, from_text, missing
from tests.features.raw_inputs import EVERY_KIND, NUMBER, TEXT, TEXTS, TIME, same, time_as

DAY_MS = 86_400_000


# Missing values


@pytest.mark.parametrize(
    ("raw", "expected"),
    [(TEXT, ""), (NUMBER, math.nan), (TIME, -(2**63)), (TEXTS, [])],
    ids=["text", "number", "time", "texts"],
)
def test_a_missing_value(raw, expected):
    assert same(missing(raw), expected)


@EVERY_KIND
@pytest.mark.parametrize(
    ("read", "nothing"), [(from_text, ""), (from_json, ""), (from_json, None)], ids=["cell", "string", "null"]
)
def test_nothing_is_missing_whatever_the_kind(raw, read, nothing):
    assert same(read(raw, nothing), missing(raw))


def test_two_missing_lists_are_two_objects():
    assert missing(TEXTS) is not missing(TEXTS)


# Text


@pytest.mark.parametrize("value", [123, "123"], ids=["number", "string"])
def test_a_key_is_the_same_text_in_json_and_in_a_file(value):
    assert from_json(TEXT, value) == from_text(TEXT, "123") == "123"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(" a ", " a ", id="spaces stay"),
        pytest.param("größe", "größe", id="beyond ASCII"),
        pytest.param(-7, "-7", id="negative"),
        pytest.param(1.5, "1.5", id="float"),
        pytest.param(2.0, "2.0", id="a float stays one"),
        pytest.param(True, "true", id="true"),
        pytest.param(False, "false", id="false"),
        pytest.param(0, "0", id="zero is no missing value"),
    ],
)
def test_a_json_value_as_text(value, text):
    assert from_json(TEXT, value) == text


@pytest.mark.parametrize(
    "value",
    [["a"], {"a": 1}, math.nan, math.inf, "\ud800", float(10**20)],
    ids=["list", "object", "NaN", "inf", "surrogate", "an integer that a reader of JSON has rounded"],
)
def test_what_is_no_text_is_refused(value):
    with pytest.raises(UnreadableValueError, match="expected text"):
        from_json(TEXT, value)


# Numbers


@pytest.mark.parametrize(
    ("cell", "number"), [("0", 0.0), ("-1.5", -1.5), ("1e3", 1000.0), (" 7 ", 7.0), ("3.4e38", 3.4e38)]
)
def test_a_number_in_a_file(cell, number):
    assert from_text(NUMBER, cell) == number


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("$1,234.50", 1234.5),
        ("-€ 12", -12.0),
        ("$-12.5", -12.5),
        ("1,234,567", 1_234_567.0),
        ("+12.3%", 12.3),
        (" 7 % ", 7.0),
        ("99.£", 99.0),
        ("$1,234.567", 1234.567),
        ("12.345%", 12.345),
    ],
)
def test_an_amount_in_a_file(cell, number):
    assert from_text(NUMBER, cell) == number


@pytest.mark.parametrize(
    "cell",
    [
        "1,23",
        "12,34,567",
        "$",
        "%5",
        "5 apples",
        "1,234,5",
        "--5",
        "$.5%x",
        "1.2.3%",
        "1.234 €",
        "€1.234",
        "12_34",
    ],
)
def test_what_only_looks_like_an_amount_is_refused(cell):
    with pytest.raises(UnreadableValueError, match="expected a finite number"):
        from_text(NUMBER, cell)


@pytest.mark.parametrize("cell", ["abc", "1,5", "NaN", "nan", "Infinity", "-inf", "1e39", "1e999", "0x10"])
def test_a_cell_that_is_no_finite_float32_is_refused(cell):
    with pytest.raises(UnreadableValueError, match="expected a finite number"):
        from_text(NUMBER, cell)


@pytest.mark.parametrize("value", [3, 3.0])
def test_a_number_in_json(value):
    assert from_json(NUMBER, value) == 3.0


@pytest.mark.parametrize("value", ["3", True, [3], {}], ids=["string", "boolean", "list", "object"])
def test_what_is_no_number_in_json_is_refused(value):
    with pytest.raises(UnreadableValueError, match="expected a number"):
        from_json(NUMBER, value)


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, 1e39, 10**400], ids=["NaN", "inf", "float", "huge integer"]
)
def test_a_number_in_json_beyond_float32_is_refused(value):
    with pytest.raises(UnreadableValueError, match="expected a finite number"):
        from_json(NUMBER, value)


# Times: 2022-05-05T00:00:00Z is 1,651,708,800 s after the epoch


@pytest.mark.parametrize(
    ("raw", "cell", "time_ms"),
    [
        pytest.param(TIME, "1651708800000", 1_651_708_800_000, id="milliseconds"),
        pytest.param(TIME, " 5 ", 5, id="spaces around"),
        pytest.param(TIME, "-5", -5, id="before the epoch"),
        pytest.param(TIME, "2022-05-05", 1_651_708_800_000, id="ISO day"),
        pytest.param(TIME, "2022-05-05T08:00:00+08:00", 1_651_708_800_000, id="ISO with its zone"),
        pytest.param(TIME, "2022-05-05T00:00:00Z", 1_651_708_800_000, id="ISO in UTC"),
        pytest.param(TIME, "1970-01-01 00:00:00.0019", 1, id="part of a millisecond"),
        pytest.param(time_as(time_zone="Asia/Shanghai"), "1970-01-02", 16 * 3_600_000, id="ISO in a zone"),
        pytest.param(time_as("iso"), "1970-01-02", DAY_MS, id="iso"),
        pytest.param(time_as("epoch_s"), "1651708800", 1_651_708_800_000, id="seconds"),
        pytest.param(time_as("epoch_s"), "1651708800.2509", 1_651_708_800_250, id="seconds and parts of one"),
        pytest.param(time_as("epoch_s"), "-0.5", -500, id="before the epoch, in parts"),
        pytest.param(
            time_as("epoch_us"), "1651708800250900.9", 1_651_708_800_250, id="microseconds and parts"
        ),
        pytest.param(time_as("epoch_ms"), "1651708800", 1_651_708_800, id="epoch_ms"),
        pytest.param(time_as("%d.%m.%Y"), "02.01.1970", DAY_MS, id="pattern"),
        pytest.param(time_as("%Y%m%d"), "19700102", DAY_MS, id="pattern of digits"),
        pytest.param(time_as("%Y-%m-%d", "Europe/Berlin"), "1970-01-02", DAY_MS - 3_600_000, id="zone"),
        pytest.param(
            time_as("%Y-%m-%d %z", "Asia/Tokyo"), "1970-01-02 +0000", DAY_MS, id="its own zone wins"
        ),
        pytest.param(time_as("%Y-%m-%d %Z", "Asia/Tokyo"), "1970-01-02 gmt", DAY_MS, id="also by name"),
    ],
)
def test_a_time_in_a_file(raw, cell, time_ms):
    assert from_text(raw, cell) == time_ms


@pytest.mark.parametrize(
    ("raw", "cell", "words"),
    [
        pytest.param(TIME, "yesterday", "ISO 8601", id="word"),
        pytest.param(TIME, "1.5", "ISO 8601", id="a float is no time"),
        pytest.param(TIME, "1_000", "ISO 8601", id="digits in groups"),
        pytest.param(TIME, "+5", "ISO 8601", id="plus"),
        pytest.param(TIME, "2022-13-01", "ISO 8601", id="month 13"),
        pytest.param(TIME, "253402300800000", "before the year 10000", id="year 10000"),
        pytest.param(time_as("epoch_s"), "253402300800", "before the year 10000", id="year 10000 in seconds"),
        pytest.param(TIME, "-9223372036854775808", "before the year 10000", id="the missing time"),
        pytest.param(time_as("epoch_s"), "2022-05-05", "a time since the epoch", id="ISO for seconds"),
        pytest.param(time_as("epoch_s"), "1e9", "a time since the epoch", id="an exponent"),
        pytest.param(time_as("epoch_s"), "253402300800.5", "before the year 10000", id="too late, in parts"),
        pytest.param(time_as("iso"), "1651708800000", "ISO 8601", id="integer for ISO"),
        pytest.param(time_as("%Y-%m-%d"), "05.05.2022", "%Y-%m-%d", id="another pattern"),
        pytest.param(
            time_as("%Y-%m-%d %Z"), "2022-05-05 CEST", "%Z", id="a zone that not every machine knows"
        ),
    ],
)
def test_a_cell_that_is_no_such_time_is_refused(raw, cell, words):
    with pytest.raises(UnreadableValueError, match=words):
        from_text(raw, cell)


@pytest.fixture
def in_berlin(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("in_berlin")
def test_a_zone_that_only_some_machines_know_is_refused():
    with pytest.raises(UnreadableValueError, match="%Z"):
        from_text(time_as("%Y-%m-%d %Z"), "2022-05-05 CEST")


@pytest.mark.parametrize(
    ("raw", "value", "time_ms"),
    [
        pytest.param(TIME, 5, 5, id="milliseconds"),
        pytest.param(time_as("epoch_s"), 5, 5, id="milliseconds, whatever the file's format"),
        pytest.param(time_as("epoch_s"), "5", 5000, id="text as in the file"),
        pytest.param(TIME, "1970-01-02", DAY_MS, id="ISO"),
        pytest.param(TIME, datetime(1970, 1, 2, tzinfo=UTC), DAY_MS, id="typed, aware"),
        pytest.param(
            time_as(time_zone="Asia/Tokyo"),
            datetime(1970, 1, 2),  # noqa: DTZ001  # naive on purpose
            15 * 3_600_000,
            id="typed, naive",
        ),
    ],
)
def test_a_time_in_a_typed_source(raw, value, time_ms):
    assert from_json(raw, value) == time_ms


@pytest.mark.parametrize("value", [1.5, 5.0, True, [5]], ids=["float", "whole float", "boolean", "list"])
def test_a_float_a_boolean_and_a_list_are_no_times(value):
    with pytest.raises(UnreadableValueError, match="expected a time"):
        from_json(TIME, value)
