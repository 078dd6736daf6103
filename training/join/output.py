"""Rows of a labelled log come in one by one; a Parquet, CSV or JSON-lines file goes out, whole or not at all.

`training.join.joining` writes with it. Rows wait on disc as JSON lines, because only the last one tells which columns
there are and what they hold.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import orjson
import polars as pl

from training.errors import DataError

_Convert = Callable[[Path, Path, pl.Schema], None]


def _to_parquet(rows: Path, out: Path, schema: pl.Schema) -> None:
    pl.scan_ndjson(rows, schema=schema).sink_parquet(out)


def _to_csv(rows: Path, out: Path, schema: pl.Schema) -> None:
    pl.scan_ndjson(rows, schema=schema).sink_csv(out)


def _to_json_lines(rows: Path, out: Path, schema: pl.Schema) -> None:  # noqa: ARG001  # siblings of one shape
    rows.replace(out)


_FORMATS: dict[str, _Convert] = {".parquet": _to_parquet, ".csv": _to_csv, ".jsonl": _to_json_lines}


class RowWriter:
    """Collects rows beside the file that they become.

    Args:
        out: Its ending says the format.

    Raises:
        DataError: If the ending is another.
    """

    def __init__(self, out: Path) -> None:
        if out.suffix not in _FORMATS:
            raise DataError(f"expected a file ending in {', '.join(_FORMATS)}, got {out}")
        self._out = out
        self._rows = out.with_name(f".{out.name}.{os.getpid()}.rows")
        self._made = out.with_name(f".{out.name}.{os.getpid()}.made")
        # A text file has no lists: there they are JSON, which a feature reads, with a separator or without.
        self._lists_as_text = out.suffix == ".csv"
        self._types: dict[str, set[type]] = {}

    def __enter__(self) -> Self:
        self._out.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._rows.open("wb")
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self._file.close()
        finally:
            # A full disc does not take the last rows either.
            for path in (self._rows, self._made):
                path.unlink(missing_ok=True)

    def write(self, row: Mapping[str, Any]) -> None:
        """Add a row."""
        cells = {name: self._cell(value) for name, value in row.items()}
        for name, value in cells.items():
            self._types.setdefault(name, set()).add(type(value))
        self._file.write(orjson.dumps(cells) + b"\n")

    def finish(self) -> None:
        """Make the file of all rows."""
        self._file.close()
        schema = pl.Schema({name: _type_of(types) for name, types in self._types.items()})
        _FORMATS[self._out.suffix](self._rows, self._made, schema)
        self._made.replace(self._out)

    def _cell(self, value: Any) -> Any:
        if self._lists_as_text and isinstance(value, list):
            return orjson.dumps(value).decode()
        return value


def _type_of(types: set[type]) -> pl.DataType:
    """What a column holds whose values are of some types of JSON; text where they do not agree."""
    given = types - {type(None)}
    if given == {list}:
        return pl.List(pl.String())
    if given == {int}:
        return pl.Int64()
    if given and given <= {int, float}:
        return pl.Float64()
    return pl.Boolean() if given == {bool} else pl.String()
