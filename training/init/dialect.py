"""What must be known before an unknown file can be read: its separator, and names that a model's input can carry.

The path comes in; the part of a task file's ``data`` that says how the file is read goes out to `training.init.plan`.
"""

import csv
import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from training.init.choice import unused
from training.sources.files import opened

SEPARATORS = (",", ";", "\t", "|")
_LINES = 50
_DECIMAL_COMMA = re.compile(r"-?([0-9]{1,3}(\.[0-9]{3})+|[0-9]+)(,[0-9]+)?")
_LIST_OF_THREES = re.compile(r"[0-9]{3}(,[0-9]{3})*")
_NOTHING = frozenset({"", "NA", "N/A", "?", "-", "null", "NULL"})
_BESIDE_NUMBERS = " $€£¥₹%"
_FEWEST_NUMBERS = 20
_MOST_ODD = 0.01
_UNUSABLE = re.compile(r"[^A-Za-z0-9_.\-]+")


def separator_of(path: Path) -> str:
    """The separator that splits the first lines into the most columns, all alike; ',' where none does."""
    with opened(path) as file:
        lines = [line.decode("utf-8-sig", errors="replace") for line in islice(file.stream, _LINES)]
    best = max(SEPARATORS, key=lambda separator: _columns(lines, separator))
    return best if _columns(lines, best) > 1 else ","


def _columns(lines: list[str], separator: str) -> int:
    """Columns of the header, if most lines have as many."""
    try:
        widths = [len(row) for row in csv.reader(lines, delimiter=separator) if row]
    except csv.Error:
        return 0
    alike = sum(width == widths[0] for width in widths) if widths else 0
    return widths[0] if widths and alike >= 0.8 * len(widths) else 0


def has_decimal_commas(cells: Sequence[str]) -> bool:
    """Whether cells are numbers with a comma before the fraction, or amounts, rather than lists of two numbers or thousands.

    Fractions are all of one length, or some begin with a zero; tokens of lists are neither. Three digits group thousands,
    unless a zero stands before them.
    """
    known = [cell.strip().strip(_BESIDE_NUMBERS) for cell in cells if cell.strip() not in _NOTHING]
    fractions = [cell.partition(",")[2] for cell in known if "," in cell]
    if len(fractions) <= len(known) / 2 or len(set(known)) < _FEWEST_NUMBERS:
        return False
    if sum(_DECIMAL_COMMA.fullmatch(cell) is None for cell in known) > _MOST_ODD * len(known):
        return False
    lengths = {len(fraction) for fraction in fractions}
    if lengths == {3} and not any(cell.lstrip("-").startswith("0,") for cell in known):
        return False
    zeros = sum(len(fraction) > 1 and fraction[0] == "0" for fraction in fractions)
    return len(lengths) == 1 or zeros > _MOST_ODD * len(fractions)


def groups_thousands(cells: Sequence[str]) -> bool:
    """Whether commas in cells that all read as numbers group thousands, rather than part lists of numbers of three digits.

    Some amounts have fewer than three digits before the first comma, a fraction or a sign of their currency; lists never do.
    """
    grouped = [cell.strip() for cell in cells if "," in cell]
    amounts = sum(_LIST_OF_THREES.fullmatch(cell) is None for cell in grouped)
    return not grouped or amounts > _MOST_ODD * len(grouped)


def renamed(columns: tuple[str, ...]) -> dict[str, str]:
    """Names of columns that cannot name an input of a model -> names that can.

    Args:
        columns: Of a file.
    """
    names: dict[str, str] = {}
    used = set(columns)
    for number, column in enumerate(columns, start=1):
        usable = _UNUSABLE.sub("_", column.strip()).strip("_.-") or f"column_{number}"
        if usable != column:
            names[column] = unused(usable, used)
            used.add(names[column])
    return names
