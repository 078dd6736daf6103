"""How numbers of text files are written, and what their columns are called."""

import pytest

from training.init.dialect import groups_thousands, has_decimal_commas, renamed


def repeated(*cells: str) -> list[str]:
    """Enough different cells of a kind."""
    return [f"{number}{cell}" for number in range(1, 30) for cell in cells]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        pytest.param(repeated(",50", ",99"), True, id="prices"),
        pytest.param(
            [*repeated(",5", ",25"), "3,05"], True, id="fractions of many lengths, one begins with a zero"
        ),
        pytest.param([*repeated(",50"), "", "NA", "?"], True, id="some missing"),
        pytest.param([*repeated(",50"), "1.234,50"], True, id="points group thousands"),
        pytest.param(repeated(",50 €", ",99 €"), True, id="amounts"),
        pytest.param(repeated(",5 %"), True, id="shares"),
        pytest.param([f"${cell}" for cell in repeated(",438")], False, id="amounts in thousands"),
        pytest.param([*repeated(",438"), "-0,159"], True, id="three digits, and a zero before some"),
        pytest.param(repeated(",438"), False, id="thousands"),
        pytest.param([*repeated(",4", ",12"), "5"], False, id="lists of up to two tokens"),
        pytest.param(repeated(",40", ",12,7"), False, id="lists of three"),
        pytest.param(repeated(".50"), False, id="points"),
        pytest.param(repeated(""), False, id="whole numbers"),
        pytest.param(["1,50", "2,50"] * 50, False, id="two values: they may be anything"),
    ],
)
def test_a_comma_before_the_fraction(cells: list[str], expected: bool):
    assert has_decimal_commas(cells) is expected


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        pytest.param(["1,234", "12,345", "999"], True, id="thousands"),
        pytest.param(["$123,456", "$234,567"], True, id="a currency"),
        pytest.param(["123,456.50", "234,567.25"], True, id="fractions"),
        pytest.param(["101,202", "303", "404,505,606"], False, id="lists of numbers of three digits"),
        pytest.param(["12", "3.5"], True, id="no comma"),
    ],
)
def test_commas_that_group_thousands(cells: list[str], expected: bool):
    assert groups_thousands(cells) is expected


def test_names_that_no_column_can_have_become_different_ones():
    columns = ("user_id", "user.id", "user id", "nr.employed")
    assert renamed(columns) == {"user id": "user_id_2"}
