"""Which cells are lists, and how they split."""

from collections.abc import Callable

import numpy as np
import pytest

from training.init.column import read_values
from training.init.lists import Splitting, splitting_of

CELLS = 2_000
Tokens = list[list[str]]


def some_tokens(name: Callable[[int], str], longest: int, size: int) -> Tokens:
    """Up to ``longest`` tokens in each cell, out of ``size``."""
    random = np.random.default_rng(1)
    return [
        list(dict.fromkeys(map(name, random.integers(0, size, random.integers(1, longest + 1)))))
        for _ in range(CELLS)
    ]


def splitting(cells: list[str]) -> Splitting | None:
    return splitting_of(read_values("cell", cells, len(set(cells)), text=True, markers=()))


def topics() -> Tokens:
    return some_tokens(lambda number: f"it's {number}", 3, 20)


def clicked_items() -> Tokens:
    return some_tokens(lambda number: f"N{number}", 30, 3_000)


def sentences() -> Tokens:
    return some_tokens(lambda number: "".join(chr(97 + int(digit)) for digit in str(number)), 12, 3_000)


@pytest.mark.parametrize(
    ("cells", "separator"),
    [
        pytest.param(["|".join(tokens) for tokens in topics()], "|", id="few tokens"),
        pytest.param([str(tokens) for tokens in topics()], None, id="as Python prints them"),
        pytest.param([" ".join(tokens) for tokens in clicked_items()], " ", id="many ids, with spaces"),
        pytest.param(["|".join(tokens) for tokens in clicked_items()], "|", id="many ids"),
    ],
)
def test_cells_that_are_lists(cells: list[str], separator: str | None):
    found = splitting(cells)
    assert found is not None
    assert found.separator == separator


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param([" ".join(words) for words in sentences()], id="sentences"),
        pytest.param([f'[{{"id": {row % 9}}}]' for row in range(CELLS)], id="lists of objects"),
        pytest.param([f"[{row % 9}.5, NaN]" for row in range(CELLS)], id="lists with a literal NaN"),
        pytest.param(
            [f"site{row % 400}.com?a={row % 19}|{row % 29}" for row in range(CELLS)], id="addresses"
        ),
    ],
)
def test_cells_that_are_no_lists(cells: list[str]):
    assert splitting(cells) is None
