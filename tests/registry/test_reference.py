"""What names a model, and what does not."""

import pytest

from registry.errors import UnusableNameError
from registry.reference import ModelRef


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("shop", ModelRef(name="shop", at="champion"), id="a name alone is its champion"),
        pytest.param("shop:3", ModelRef(name="shop", at=3), id="a number"),
        pytest.param("shop@shadow", ModelRef(name="shop", at="shadow"), id="an alias"),
        pytest.param("my-shop_2.1", ModelRef(name="my-shop_2.1", at="champion"), id="dots and dashes"),
    ],
)
def test_a_reference_is_read(text, expected):
    assert ModelRef.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *["", ".", "..", ".hidden", "a/b", "a\\b", "../a", "a..b", "a\n", "a b", "é", "x" * 101],
        *["shop:", "shop:0", "shop:03", "shop:-1", "shop:latest", "shop@", "shop@.x"],
        *["shop:1@champion", ":1", "@champion"],
    ],
)
def test_what_is_no_reference_is_refused(text):
    with pytest.raises(UnusableNameError, match="expected"):
        ModelRef.parse(text)


@pytest.mark.parametrize("text", ["shop:3", "shop@shadow"])
def test_a_reference_is_written_as_it_is_read(text):
    assert str(ModelRef.parse(text)) == text
