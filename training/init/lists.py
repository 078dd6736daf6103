"""Columns with several tokens in one cell, and what separates these.

A `Column` comes in; a `Splitting` goes out to `training.init.kinds`.
"""

import re
from dataclasses import dataclass

import numpy as np

from features.errors import UnreadableValueError
from features.raw import from_text
from features.spec import RawInput, RawKind, Side
from training.init.column import Column
from training.init.defaults import LONGEST_LIST

_SEPARATORS = ("|", ";", ",", "^", " ")
_PROBES = 20_000
_SEVERAL = 0.05
_REUSE = 0.7
_REUSE_IF_ALIKE = 0.1
_REUSE_IF_LONG = 0.2
_LONG = 4
_DIGIT = re.compile("[0-9]")
_FEWEST_CELLS = 3
_LIST = RawInput(column="", side=Side.CONTEXT, kind=RawKind.TEXTS)


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
        listed = [tokens for cell in cells if (tokens := _listed(cell)) is not None]
        return _described(None, listed) if len(listed) == len(cells) else None
    for separator in _SEPARATORS:
        if sum(separator in cell for cell in cells) < _SEVERAL * len(cells):
            continue
        lists = [[token.strip() for token in cell.split(separator)] for cell in cells]
        if _are_lists(cells, lists, separator):
            return _described(separator, lists)
    return None


def _listed(cell: str) -> list[str] | None:
    """The tokens of a list in a cell of text; None where training would refuse it."""
    try:
        tokens: list[str] = from_text(_LIST, cell)  # type: ignore[assignment]  # the kind says so
    except UnreadableValueError:
        return None
    return tokens


def _are_lists(cells: list[str], lists: list[list[str]], separator: str) -> bool:
    if any(cell[0] in "[({" for cell in cells):
        return False
    kinds = set(cells)
    tokens = {token for tokens in lists for token in tokens}
    lengths = {len(tokens) for tokens in lists}
    # A text with spaces is a list only if its words are few; lists that are all alike in length, if they are very few.
    bound = 0.3 if separator == " " else _REUSE if len(kinds) > 20 else 1.0
    bound = bound if len(lengths) > 1 else _REUSE_IF_ALIKE
    if len(kinds) < _FEWEST_CELLS:
        return False
    return len(tokens) < bound * len(kinds) or _are_long_lists_of_ids(kinds, tokens, separator)


def _are_long_lists_of_ids(kinds: set[str], tokens: set[str], separator: str) -> bool:
    """Whether the cells are histories: of many different ids, as all of them have digits, each in many cells."""
    places = sum(cell.count(separator) + 1 for cell in kinds)
    long = places >= _LONG * len(kinds)
    return long and len(tokens) < _REUSE_IF_LONG * places and all(map(_DIGIT.search, tokens))


def _described(separator: str | None, lists: list[list[str]]) -> Splitting:
    lengths = [len(tokens) for tokens in lists if tokens] or [1]
    return Splitting(
        separator=separator,
        tokens=len({token for tokens in lists for token in tokens}),
        mean=float(np.mean(lengths)),
        max_length=int(np.clip(np.quantile(lengths, 0.99, method="higher"), 1, LONGEST_LIST)),
    )
