"""Raw lists: what a cell or a JSON value becomes, and what is refused."""

import time

import pytest

from features.errors import UnreadableValueError
from features.raw import from_json, from_text
from features.spec import RawKind
from tests.features.raw_inputs import LISTS, TEXTS, make_raw


@pytest.mark.parametrize(
    ("raw", "cell", "tokens"),
    [
        pytest.param(TEXTS, "a,b", ["a", "b"], id="two"),
        pytest.param(TEXTS, "a", ["a"], id="one"),
        pytest.param(TEXTS, " a , b ", ["a", "b"], id="spaces around a token go"),
        pytest.param(TEXTS, "a,,b", ["a", "", "b"], id="an empty token is a missing one"),
        pytest.param(make_raw(RawKind.TEXTS, separator="::"), "a::b", ["a", "b"], id="long separator"),
        pytest.param(TEXTS, '["a","b, c"]', ["a", "b, c"], id="a list that axon join wrote into CSV"),
        pytest.param(TEXTS, "[]", [], id="an empty list in CSV"),
        pytest.param(TEXTS, '["a,b', ['["a', "b"], id="no list"),
    ],
)
def test_a_list_in_a_file(raw, cell, tokens):
    assert from_text(raw, cell) == from_json(raw, cell) == tokens


@pytest.mark.parametrize(
    ("value", "tokens"),
    [
        pytest.param(["a", "b"], ["a", "b"], id="text"),
        pytest.param([1, None, True], ["1", "", "true"], id="numbers and null"),
        pytest.param(["a,b"], ["a,b"], id="a list is not split"),
        pytest.param([], [], id="empty"),
    ],
)
def test_a_list_in_json(value, tokens):
    assert from_json(TEXTS, value) == tokens


@pytest.mark.parametrize(
    "value", [5, {"a": 1}, [["a"]], ["\ud800"], "\ud800"], ids=["number", "object", "nested", "token", "text"]
)
def test_what_is_no_list_of_text_is_refused(value):
    with pytest.raises(UnreadableValueError, match="expected"):
        from_json(TEXTS, value)


@pytest.mark.parametrize("read", [from_text, from_json])
def test_text_is_refused_where_only_lists_come(read):
    with pytest.raises(UnreadableValueError, match="no separator"):
        read(LISTS, "a")


@pytest.mark.parametrize("read", [from_text, from_json])
def test_text_of_a_column_without_separator_is_a_json_list(read):
    assert read(LISTS, '["red", 5, null]') == ["red", "5", ""]


@pytest.mark.parametrize("read", [from_text, from_json])
@pytest.mark.parametrize(
    ("cell", "tokens"),
    [
        pytest.param("['red', 'big']", ["red", "big"], id="texts"),
        pytest.param("""["it's", 'a "b"', 'c\\'d']""", ["it's", 'a "b"', "c'd"], id="quotes within texts"),
        pytest.param("['a, b', '[c]']", ["a, b", "[c]"], id="commas and brackets within texts"),
        pytest.param("[5, None, True, 2.5, nan]", ["5", "", "true", "2.5", ""], id="no texts"),
        pytest.param(
            repr(["a\nb", "c\xa0d", "e\u2028f", "\\"]), ["a\nb", "c\xa0d", "e\u2028f", "\\"], id="escapes"
        ),
    ],
)
def test_text_of_a_column_without_separator_may_be_a_list_as_python_prints_it(read, cell, tokens):
    assert read(LISTS, cell) == tokens


@pytest.mark.parametrize(
    "cell", ["['a'", "['a' 'b']", "[a, b]", "['a', ['b']]", "('a', 'b')", "['a',, 'b']", r"['\d']"]
)
def test_what_is_nearly_such_a_list_is_refused(cell: str):
    with pytest.raises(UnreadableValueError, match="no separator"):
        from_text(LISTS, cell)


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param("[" + "1" * 5_000 + "]", id="a number without end"),
        pytest.param("[" * 100_000, id="nesting without end"),
        pytest.param("[" + " " * 100_000 + "x", id="space without end"),
        pytest.param("['" + "\\n" * 100_000, id="a text without end"),
    ],
)
def test_a_hostile_list_is_refused_at_once(cell: str):
    since = time.monotonic()
    with pytest.raises(UnreadableValueError):
        from_text(LISTS, cell)
    assert time.monotonic() - since < 1
