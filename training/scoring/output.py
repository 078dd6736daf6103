"""Writes scored rows beside their place and moves them there when they are whole."""

import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson
import polars as pl

from training.errors import DataError

ENDINGS = (".csv", ".tsv", ".parquet")


class ScoredWriter:
    """Takes frames in order; ``path`` appears, or is replaced, only when all of them are written.

    Args:
        path: ``.csv``, ``.tsv`` or ``.parquet``.

    Raises:
        DataError: If the ending is none of these, or the directory is not there.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix not in ENDINGS:
            raise DataError(
                f"expected an output file that ends with one of {', '.join(ENDINGS)}, got {path.name!r}"
            )
        if not path.parent.is_dir():
            raise DataError(f"expected the directory {path.parent} to exist for {path.name!r}: make it first")
        self.path = path
        self._work = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        self._parts: list[Path] = []

    def write(self, frame: pl.DataFrame) -> None:
        part = self._work / f"{len(self._parts):06d}"
        if self.path.suffix == ".parquet":
            frame.write_ipc(part, compression="lz4")
        else:
            separator = "\t" if self.path.suffix == ".tsv" else ","
            frame = frame.select(map(_for_cells, frame.iter_columns()))
            frame.write_csv(part, separator=separator, include_header=not self._parts)
        self._parts.append(part)

    def _assemble(self) -> None:
        whole = self._work / f"whole{self.path.suffix}"
        if self.path.suffix == ".parquet":
            pl.scan_ipc(self._parts).sink_parquet(whole)
        else:
            with whole.open("wb") as target:
                for part in self._parts:
                    with part.open("rb") as source:
                        shutil.copyfileobj(source, target)
        with whole.open("rb") as written:
            os.fsync(written.fileno())
        whole.replace(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._assemble()
        finally:
            shutil.rmtree(self._work, ignore_errors=True)


def _for_cells(column: pl.Series) -> pl.Series:
    """The column as cells of text can have it: lists and objects as JSON, spans of time in ISO 8601, bytes in hexadecimal."""
    if column.dtype.is_nested():
        texts = [
            None if value is None else orjson.dumps(value, default=str).decode() for value in column.to_list()
        ]
        return pl.Series(column.name, texts, dtype=pl.String)
    if column.dtype == pl.Duration:
        return column.dt.to_string("iso")
    return column.bin.encode("hex") if column.dtype == pl.Binary else column
