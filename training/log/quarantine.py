"""The file in which unreadable rows are set apart, each with its reason, while the run goes on.

The log reader adds rows; the run is refused once they are more than the task file accepts.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Self

from training.errors import TooManyBadRowsError

_EARLY_ROWS = 1000
"""Before that many rows were read, bad luck is no reason to stop early."""

_EXAMPLES = 3
_LONGEST_CELL = 200
_LONGEST_TEXT = 1000
_MOST_CELLS = 100


class Quarantine:
    """Bad rows of one reading of a log, as JSON lines ``{"file", "line", "reason", "row"}``.

    The file is written when the first bad row comes; after a reading without any, none is left from an earlier one.
    Use it as a context manager, or close it.

    Attributes:
        bad_rows: Rows set apart so far.
        examples: The first few of them, for messages.

    Args:
        path: The file; its folder is created when needed. None keeps the counts and the first examples only.
        limit: Largest share of bad rows that `check` accepts, in [0, 1].
    """

    def __init__(self, path: Path | None, limit: float) -> None:
        self.path = path
        self.limit = limit
        self.bad_rows = 0
        self.examples: list[str] = []
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def add(self, file: Path, line: int, reason: str, row: Sequence[object] | str) -> None:
        """Set one row apart.

        Args:
            file: Where it came from.
            line: Line or record number in that file, from 1.
            reason: What was expected and what came.
            row: Its cells, or its text where it could not be split; long ones are shortened.
        """
        self.bad_rows += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(f"{file.name} line {line}: {reason}")
        if self.path is not None:
            record = {"file": str(file), "line": line, "reason": reason, "row": _shortened(row)}
            self._opened(self.path).write(json.dumps(record, ensure_ascii=False, default=str) + "\n")

    def check(self, total_rows: int) -> None:
        """Refuse the run if too many of all rows were bad.

        Args:
            total_rows: Rows read, the bad ones among them.

        Raises:
            TooManyBadRowsError: If they are more than the limit; the text shows some reasons.
        """
        if self.bad_rows > self.limit * total_rows:
            self._refuse(total_rows)

    def check_early(self, rows_so_far: int) -> None:
        """Refuse the run before its end if it is clear that nobody wants its rest.

        Raises:
            TooManyBadRowsError: If, after 1000 rows or more, bad ones exceed ten times the limit, or lie more than
                halfway from the limit to all rows.
        """
        clearly = min(10 * self.limit, (1 + self.limit) / 2)
        if rows_so_far >= _EARLY_ROWS and self.bad_rows > clearly * rows_so_far:
            self._refuse(rows_so_far)

    def close(self) -> None:
        """Finish the file; without a bad row, remove what an earlier reading left there."""
        if self._file is not None:
            self._file.close()
        elif self.path is not None:
            self.path.unlink(missing_ok=True)

    def _opened(self, path: Path) -> IO[str]:
        if self._file is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("w", encoding="utf-8")
        return self._file

    def _refuse(self, total_rows: int) -> None:
        shown = "".join(f"\n  {example}" for example in self.examples)
        raise TooManyBadRowsError(
            f"expected at most {self.limit:.2%} unreadable rows (data.max_bad_rows), got {self.bad_rows} of "
            f"{total_rows} ({self.bad_rows / total_rows:.2%}); mend them or raise the limit. The first ones:{shown}"
            + (f"\n  all of them, with their reasons: {self.path}" if self.path is not None else "")
        )


def _shortened(row: Sequence[object] | str) -> str | list[object]:
    if isinstance(row, str):
        return _cut(row, _LONGEST_TEXT)
    cells = [_cut(cell, _LONGEST_CELL) if isinstance(cell, str) else cell for cell in row[:_MOST_CELLS]]
    return [*cells, f"and {len(row) - _MOST_CELLS} more"] if len(row) > _MOST_CELLS else cells


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}..."
