"""Reads the log once: readable rows go, typed and joined, into chunk files that every later step reads."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.spec import RawInput
from training.config import TaskConfig
from training.errors import DataError
from training.log_reader import LogChunk, read_log
from training.progress import Progress
from training.quarantine import Quarantine

_TIME, _CLICKED, _KEPT = "__time_ms", "__clicked", "__kept:"


@dataclass(frozen=True)
class TypedChunk:
    """Consecutive readable impressions: raw inputs, kept columns as text, time and click."""

    raw: pl.DataFrame
    kept: pl.DataFrame
    time_ms: NDArray[np.int64]
    clicked: NDArray[np.int8]

    def rows(self, mask: NDArray[np.bool_]) -> "TypedChunk":
        """Those impressions for which the mask is true."""
        return TypedChunk(
            self.raw.filter(mask), self.kept.filter(mask), self.time_ms[mask], self.clicked[mask]
        )


@dataclass(frozen=True)
class Ingested:
    """The whole log as chunk files."""

    files: tuple[Path, ...]
    time_ms: NDArray[np.int64]
    bad_rows: int

    @property
    def rows(self) -> int:
        return len(self.time_ms)

    def chunks(self) -> Iterator[TypedChunk]:
        """Every impression, in the order of the log."""
        for file in self.files:
            frame = pl.read_ipc(file)
            kept = [column for column in frame.columns if column.startswith(_KEPT)]
            yield TypedChunk(
                raw=frame.drop([_TIME, _CLICKED, *kept]),
                # Made by height: a frame without columns has no rows otherwise.
                kept=pl.DataFrame(height=frame.height).with_columns(
                    frame[column].alias(column.removeprefix(_KEPT)) for column in kept
                ),
                time_ms=frame[_TIME].to_numpy(),
                clicked=frame[_CLICKED].to_numpy(),
            )


def kept_columns(config: TaskConfig) -> tuple[str, ...]:
    """Columns that the report needs beside the features: segments and who the user is."""
    user = config.data.user_column
    return tuple(dict.fromkeys([*config.report.segments, *([user] if user else [])]))


def ingest(
    config: TaskConfig,
    raw_inputs: tuple[RawInput, ...],
    root: Path,
    *,
    quarantine: Quarantine,
    work_dir: Path,
    progress: Progress,
) -> Ingested:
    """Read the log into chunk files.

    Raises:
        DataError: If the log cannot be used; rows that cannot be read are quarantined, up to the limit.
    """
    files: list[Path] = []
    times: list[NDArray[np.int64]] = []
    total = 0
    chunks = read_log(config.data, raw_inputs, root, quarantine=quarantine, keep=kept_columns(config))
    with progress.stage("reading", unit="rows") as bar:
        for chunk in chunks:
            files.append(_write(chunk, work_dir / f"chunk-{len(files):06d}.arrow"))
            times.append(chunk.time_ms)
            total += chunk.size
            bar.advance(chunk.size)
    quarantine.check(total)
    time_ms = np.concatenate(times) if times else np.empty(0, np.int64)
    if not len(time_ms):
        raise DataError(f"{config.data.log}: expected impressions, got no readable row")
    return Ingested(tuple(files), time_ms, bad_rows=total - len(time_ms))


def _write(chunk: LogChunk, path: Path) -> Path:
    kept = [pl.Series(f"{_KEPT}{column.name}", column) for column in chunk.kept.iter_columns()]
    frame = chunk.raw.with_columns(
        *kept, pl.Series(_TIME, chunk.time_ms), pl.Series(_CLICKED, chunk.clicked, dtype=pl.Int8)
    )
    frame.write_ipc(path, compression="lz4")
    return path
