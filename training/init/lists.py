"""Columns with several tokens in one cell, and what separates these.

A `Column` comes in; a `Splitting` goes out to `training.init.kinds`.
"""

import json
from dataclasses import dataclass

import numpy as np

from training.init.column import Column
from training.init.defaults import LONGEST_LIST

_SEPARATORS = ("|", ";", ",", "^", " ")
_PROBES = 20_000
_SEVERAL = 0.05
_REUSE = 0.7
_REUSE_IF_ALIKE = 0.1
_FEWEST_CELLS = 3


@dataclass(frozen=True)
class Splitting:
    """How the cells of a column split.

    Attributes:
        separator: Between tokens; None where the cells are lists already.
        tokens: Different ones among the kept impressions.
        mean: Tokens per cell that has any.
        max_length: That 99 % of the cells stay below.
    """

    separator: str | None
    tokens: int
    mean: float
    max_length: int


def splitting_of(column: Column) -> Splitting | None:
    """How a column's cells split into tokens that other cells have too; None if they are not lists."""
    if column.lists:
        return _described(None, [list(tokens) for tokens in column.texts.filter(column.present).to_list()])
    if column.numbers is not None:
        return None
    cells = column.texts.filter(column.present)[:_PROBES].to_list()
    if all(cell.startswith("[") and cell.endswith("]") for cell in cells):
        lists = _json_lists(cells)
        return None if lists is None else _described(None, lists)
    for separator in _SEPARATORS:
        if sum(separator in cell for cell in cells) < _SEVERAL * len(cells):
            continue
        lists = [[token.strip() for token in cell.split(separator)] for cell in cells]
        if _are_lists(cells, lists, separator):
            return _described(separator, lists)
    return None


def _json_lists(cells: list[str]) -> list[list[str]] | None:
    try:
        lists = [json.loads(cell) for cell in cells]
    except json.JSONDecodeError:
        return None
    return [[str(token) for token in tokens] for tokens in lists]


def _are_lists(cells: list[str], lists: list[list[str]], separator: str) -> bool:
    if any(cell[0] in "[({" for cell in cells):
        return False
    kinds = set(cells)
    tokens = {token for tokens in lists for token in tokens}
    lengths = {len(tokens) for tokens in lists}
    # A text with spaces is a list only if its words are few; lists that are all alike in length, if they are very few.
    bound = 0.3 if separator == " " else _REUSE if len(kinds) > 20 else 1.0
    bound = bound if len(lengths) > 1 else _REUSE_IF_ALIKE
    return len(kinds) >= _FEWEST_CELLS and len(tokens) < bound * len(kinds)


def _described(separator: str | None, lists: list[list[str]]) -> Splitting:
    lengths = [len(tokens) for tokens in lists if tokens] or [1]
    return Splitting(
        separator=separator,
        tokens=len({token for tokens in lists for token in tokens}),
        mean=float(np.mean(lengths)),
        max_length=int(np.clip(np.quantile(lengths, 0.99, method="higher"), 1, LONGEST_LIST)),
    )
