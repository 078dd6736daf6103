"""One column of an unknown log, as text and, where it may be one, as a number.

Values of a `Glimpse` come in; a `Column` goes out to whatever decides about it.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.errors import UnreadableValueError
from features.raw import MISSING_TEXT, number_from_text, read_column
from features.spec import RawInput, RawKind, Side
from training.init.dialect import groups_thousands, has_decimal_commas
from training.log.columns import as_text, to_series, with_points

MISSING_MARKERS = frozenset(
    {"NA", "N/A", "n/a", "#N/A", "NaN", "nan", "null", "NULL", "Null", "None", r"\N", "?", "-", "--", "<NA>"}
)
"""Cells that mean missing in text files; "unknown" and "none" are categories like any other."""

_MOST_ODD_TEXTS = 3
_MOST_ODD_SHARE = 0.6
_GLANCE = 50


@dataclass(frozen=True)
class Column:
    """A column of the log, or of a table seen from the log.

    Attributes:
        name: In the task file.
        texts: String with ``""`` for missing, or List(String); one value per kept impression, length ``n``.
        numbers: The same as numbers, NaN for missing, where every value is one; else None.
        distinct: Different values in the whole log or table.
        side: Of the table that has it; None for a column of the log.
    """

    name: str
    texts: pl.Series
    numbers: NDArray[np.float64] | None
    distinct: int
    side: Side | None = None

    @property
    def lists(self) -> bool:
        """Whether the values are lists of tokens."""
        return bool(self.texts.dtype == pl.List(pl.String))

    @property
    def present(self) -> NDArray[np.bool_]:
        """Where there is a value, shape ``(n,)``."""
        present = self.texts.list.len() > 0 if self.lists else self.texts != MISSING_TEXT
        return present.to_numpy()

    @property
    def missing(self) -> float:
        """Share of impressions without a value, in [0, 1]."""
        return 1.0 - float(self.present.mean())

    @property
    def integers(self) -> bool:
        """Whether it holds numbers, and whole ones only."""
        if self.numbers is None:
            return False
        known = self.numbers[~np.isnan(self.numbers)]
        return bool(len(known)) and bool((known == np.floor(known)).all())

    @property
    def words(self) -> frozenset[str]:
        """The words of the name in lower case, without digits: {"user", "id"} of userId and of user_id2."""
        return frozenset(word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", self.name))

    def at(self, places: NDArray[np.int64], side: Side) -> "Column":
        """A table's column seen from the log; place -1 is a key that the table lacks."""
        known = pl.Series([None if place < 0 else place for place in places.tolist()], dtype=pl.Int64)
        texts = self.texts.gather(known)
        empty = pl.Series([[]], dtype=pl.List(pl.String)) if self.lists else MISSING_TEXT
        numbers = None if self.numbers is None else np.where(places < 0, np.nan, self.numbers[places])
        return Column(self.name, texts.fill_null(empty), numbers, self.distinct, side)


def read_values(
    name: str, values: Sequence[Any], distinct: int, *, text: bool, markers: Collection[str]
) -> Column:
    """A column from the values of a file.

    Args:
        name: In the task file.
        values: As the file has them.
        distinct: Different values in the whole file.
        text: Whether the values are cells of text.
        markers: Cells of text that mean missing.
    """
    if any(isinstance(value, list) for value in values):
        raw = RawInput(column=name, side=Side.CONTEXT, kind=RawKind.TEXTS)
        lists = to_series(raw, read_column(raw, values, text=False)[0])
        return Column(name, lists, None, distinct)
    if text:
        cells = [MISSING_TEXT if cell in markers else cell for cell in values]
        written = with_points(cells) if has_decimal_commas(cells) else cells
        return Column(
            name, pl.Series(name, cells, dtype=pl.String), _numbers(name, written, text=True), distinct
        )
    numbers = _numbers(name, values, text=False)
    texts = read_column(as_text(name), values, text=False)[0]
    if numbers is not None:
        # A number of more than 64 bits is no text that a feature reads, yet there it is.
        texts = [
            text or (MISSING_TEXT if np.isnan(number) else repr(float(number)))
            for text, number in zip(texts, numbers, strict=True)
        ]
    return Column(name, pl.Series(name, texts, dtype=pl.String), numbers, distinct)


def markers_in(columns: Mapping[str, Sequence[str]], label: str | None) -> tuple[str, ...]:
    """Cells that mean missing in a text file: known ones, and the odd ones out in columns of numbers.

    Args:
        columns: Column -> its cells.
        label: The label column, which has its own rules.
    """
    found: set[str] = set()
    for name, cells in columns.items():
        if name == label:
            continue
        texts = set(cells)
        found |= {cell for cell in texts if cell.strip() in MISSING_MARKERS or (cell and not cell.strip())}
        odd = {cell for cell in texts - found if cell and not _is_number(cell)}
        share = (
            sum(cell in odd for cell in cells) / max(1, len(cells)) if len(odd) <= _MOST_ODD_TEXTS else 1.0
        )
        if odd and share < _MOST_ODD_SHARE and len(texts - odd - found) > len(odd) * 4:
            found |= odd
    return tuple(sorted(found))


def _is_number(cell: str) -> bool:
    try:
        number_from_text(cell)
    except UnreadableValueError:
        return False
    return True


def _numbers(name: str, values: Sequence[Any], *, text: bool) -> NDArray[np.float64] | None:
    # One glance spares most columns of text a reason for every cell.
    if text and not all(map(_is_number, islice(filter(None, values), _GLANCE))):
        return None
    raw = RawInput(column=name, side=Side.CONTEXT, kind=RawKind.NUMBER)
    column, problems = read_column(raw, values, text=text)
    if problems or (text and not groups_thousands(values)):
        return None
    numbers = np.asarray(column, dtype=np.float64)
    return None if np.isnan(numbers).all() else numbers
