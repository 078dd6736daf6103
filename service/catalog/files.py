"""Files of items or users: a file comes in, its rows go out, typed or as text, a batch at a time.

`service.catalog.importing` calls it in a process of its own, because a Parquet reader keeps the memory it took.
"""

import csv
import gzip
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import orjson

from features.nested import flattened
from service.errors import ImportFileError

SUFFIXES = (".parquet", ".csv", ".tsv", ".jsonl")
"""What a file's name ends with; all but the first may be followed by ``.gz``."""

_ROWS = 4096
_DELIMITERS = {".csv": ",", ".tsv": "\t"}


class Row(NamedTuple):
    """One row: its number, from 1, its cells by column, and whether they are texts that stand for something else."""

    number: int
    cells: Mapping[str, Any]
    text: bool


def suffix_of(path: Path) -> str:
    """How the file is written.

    Raises:
        ImportFileError: If it is none of the known ways.
    """
    suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    if suffix not in SUFFIXES or (path.suffix == ".gz" and suffix == ".parquet"):
        raise ImportFileError(
            f"{path}: expected a name that ends with {', '.join(SUFFIXES)} (all but the first also with .gz), "
            f"got {path.name!r}"
        )
    return suffix


def read_rows(path: Path) -> Iterator[Row]:
    """Every row of the file.

    Raises:
        ImportFileError: If the file is not what its name says.
        OSError: If it cannot be read.
    """
    match suffix_of(path):
        case ".parquet":
            yield from _parquet(path)
        case ".jsonl":
            yield from _jsonl(path)
        case suffix:
            yield from _delimited(path, _DELIMITERS[suffix])


def _parquet(path: Path) -> Iterator[Row]:
    try:
        # Heavy, and needed by nobody who loads no such file.
        import pyarrow as pa  # noqa: PLC0415
        from pyarrow import parquet  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ImportFileError(f"{path}: reading it needs pyarrow: pip install 'axon-ctr[serve]'") from error
    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            _check_names(file.schema_arrow.names, path)
            for batch in file.iter_batches(_ROWS):
                for cells in batch.cast(_in_microseconds(batch.schema), safe=False).to_pylist():
                    number += 1
                    yield Row(number, flattened(cells), text=False)
    except (pa.ArrowException, ValueError, OverflowError) as error:
        raise ImportFileError(f"{path}, after row {number}: {error}") from error


def _in_microseconds(schema: Any) -> Any:
    """The schema of a batch, with times as Python can have them: nanoseconds are what pandas writes."""
    import pyarrow as pa  # noqa: PLC0415  # as above

    return pa.schema(
        field.with_type(pa.timestamp("us", field.type.tz)) if _has_nanoseconds(field.type) else field
        for field in schema
    )


def _has_nanoseconds(kind: Any) -> bool:
    import pyarrow as pa  # noqa: PLC0415  # as above

    # Coarser ones are left alone: they would overflow without a word.
    return pa.types.is_timestamp(kind) and bool(kind.unit == "ns")


def _jsonl(path: Path) -> Iterator[Row]:
    with _text(path) as lines:
        for number, line in enumerate(lines, 1):
            try:
                cells = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise ImportFileError(f"{path}, row {number}: expected JSON: {error}") from error
            if not isinstance(cells, dict):
                raise ImportFileError(f"{path}, row {number}: expected an object, got {line.strip()[:60]!r}")
            yield Row(number, flattened(cells), text=False)


def _delimited(path: Path, delimiter: str) -> Iterator[Row]:
    with _text(path) as lines:
        table = csv.reader(lines, delimiter=delimiter, strict=True)
        number = 0
        try:
            header = next(table, [])
            _check_names(header, path)
            for number, cells in enumerate((cells for cells in table if cells), 1):  # for the error
                if len(cells) != len(header):
                    raise ImportFileError(
                        f"{path}, row {number}: expected {len(header)} cells as the header has, got {len(cells)}"
                    )
                yield Row(number, dict(zip(header, cells, strict=True)), text=True)
        except csv.Error as error:
            raise ImportFileError(f"{path}, row {number + 1}: {error}") from error


def _check_names(header: Sequence[str], path: Path) -> None:
    twice = next((name for name, times in Counter(header).items() if name and times > 1), None)
    if twice is not None:
        raise ImportFileError(f"{path}: expected every column once, got {twice!r} twice: rename one")


def _text(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return io.TextIOWrapper(gzip.open(path), encoding="utf-8-sig", newline="")  # the caller closes it
    return path.open(encoding="utf-8-sig", newline="")
