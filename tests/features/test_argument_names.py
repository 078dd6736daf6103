"""What a graph's signatures call the columns: names that clients know stay, and no two are one."""

import pytest

from features.spec import RawInput, RawKind, Side, argument_names


def named(*columns: str) -> dict[str, str]:
    return argument_names(RawInput(column=column, side=Side.USER, kind=RawKind.TEXT) for column in columns)


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param(
            ("user.id", "ad-size", "1st", "name", "kwargs", "Lambda"), id="any that TensorFlow takes"
        ),
        pytest.param(("A_B", "a.b"), id="case and punctuation at once"),
        pytest.param(("1X", "arg_1x"), id="case behind a digit"),
    ],
)
def test_a_name_that_a_signature_can_have_stays(columns):
    assert named(*columns) == {column: column for column in columns}


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        pytest.param(("lambda", "self", "None"), {"lambda_2", "self_2", "None_2"}, id="words of Python"),
        pytest.param(("lambda_2", "lambda"), {"lambda_2", "lambda_2_2"}, id="a word beside what it becomes"),
        pytest.param(("city", "City"), {"City", "city_2"}, id="case"),
        pytest.param(("a.b", "a_b", "a-b"), {"a-b", "a.b_2", "a_b_3"}, id="punctuation"),
        pytest.param(("1st", "arg_1st"), {"1st", "arg_1st_2"}, id="what TensorFlow makes of a digit"),
    ],
)
def test_names_that_a_signature_cannot_tell_apart_become_different(columns, expected):
    names = named(*columns)
    assert set(names) == set(columns)
    assert set(names.values()) == expected
    assert names == named(*reversed(columns))
