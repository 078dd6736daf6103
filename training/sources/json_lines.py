"""JSON lines: one object per line in, chunks of records out; a line that is no object is a fault.

Objects within an object are columns too, such as ``user.id``.

`training.sources.source` chooses this format by the ending .jsonl.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any, ClassVar, Self

import numpy as np
import orjson
import polars as pl

from features.nested import flattened
from features.spec import RawKind
from training.errors import DataError
from training.sources.chunks import Fault, SourceChunk
from training.sources.files import opened

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BLOCK = 500
"""Records taken apart at once."""

_Line = tuple[int, bytes]
"""Number, from 1, and text of a line."""


@dataclass(frozen=True)
class RecordCells:
    """Values, column by column; a key that a record lacks is None there."""

    columns: dict[str, list[Any]]
    text: ClassVar[bool] = False

    def values(self, column: str, kind: RawKind) -> list[Any]:  # noqa: ARG002  # JSON values are read as they are
        return self.columns[column]

    def row(self, place: int) -> list[object]:
        return [values[place] for values in self.columns.values()]

    def frame(self, columns: Sequence[str]) -> pl.DataFrame:
        """Every value as text, because JSON promises no type for a column; a list is JSON text, null stays null."""
        return pl.DataFrame(
            {
                column: pl.Series([_as_text(value) for value in self.columns[column]], dtype=pl.String)
                for column in columns
            }
        )


class JsonLines:
    """One JSON object per line."""

    def columns(self, path: Path) -> tuple[str, ...]:
        """All keys of all records, in the order in which they come up: costs one pass over the file."""
        keys: dict[str, None] = {}
        first_reason = None
        with opened(path) as file:
            for _, text in _lines(file.stream):
                values, reason = _parse(text)
                first_reason = first_reason or reason
                keys.update(dict.fromkeys(values))
        if first_reason and not keys:
            raise DataError(f"{path}: expected one JSON object per line, found none: {first_reason}")
        return tuple(keys)

    def chunks(self, path: Path, rows: int, columns: Sequence[str]) -> Iterator[SourceChunk]:
        with opened(path) as file:
            lines = _lines(file.stream)
            while (part := _Part.read(lines, columns, rows)).lines:
                yield SourceChunk(
                    file=path,
                    cells=RecordCells(part.columns),
                    lines=np.asarray(part.lines, dtype=np.int64),
                    faults=tuple(part.faults),
                    done=file.done,
                )


@dataclass
class _Part:
    """A chunk that is being filled."""

    columns: dict[str, list[Any]]
    lines: list[int] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @classmethod
    def read(cls, lines: Iterator[_Line], columns: Sequence[str], rows: int) -> Self:
        """As many rows as there are, at most ``rows``."""
        part = cls({column: [] for column in columns})
        while block := list(islice(lines, min(_BLOCK, rows - len(part.lines)))):
            part.add(block)
        return part

    def add(self, block: Sequence[_Line]) -> None:
        # Taken apart soon, so that few records are alive at a time: Python's garbage collector visits them all.
        records: list[dict[str, Any]] = []
        for number, text in block:
            values, reason = _parse(text)
            if reason is not None:
                self.faults.append(Fault(len(self.lines), reason, text.decode(errors="replace")))
            records.append(values)
            self.lines.append(number)
        for column, values_of_column in self.columns.items():
            values_of_column.extend(record.get(column) for record in records)


def _lines(stream: IO[bytes]) -> Iterator[_Line]:
    """Lines with something in them."""
    for number, line in enumerate(stream, start=1):
        text = (line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line).strip()
        if text:
            yield number, text


def _parse(text: bytes) -> tuple[dict[str, Any], str | None]:
    """The record of a line, or the reason why there is none."""
    try:
        values = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return {}, f"expected JSON: {error}"
    if isinstance(values, dict):
        return flattened(values), None
    return {}, f"expected a JSON object, got {type(values).__name__}"


def _as_text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()
