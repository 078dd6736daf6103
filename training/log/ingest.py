"""Reads the log once: readable rows go, typed and joined, into chunk files that every later step reads."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.spec import RawInput
from training.config import TaskConfig
from training.errors import DataError
from training.log.log_reader import LogChunk, read_log
from training.log.quarantine import Quarantine
from training.progress import Progress
from training.targets import CLICK, Targets

_TIME, _CLICKED, _KEPT, _OUTCOME = "__time_ms", "__clicked", "__kept:", "__outcome:"


@dataclass(frozen=True)
class TypedChunk:
    """Consecutive readable impressions: raw inputs, kept columns as text, time and click.

    ``outcomes`` are the labels of further targets, 0 or 1, shape ``(n, further targets)``.
    """

    raw: pl.DataFrame
    kept: pl.DataFrame
    time_ms: NDArray[np.int64]
    clicked: NDArray[np.int8]
    outcomes: NDArray[np.int8]

    def rows(self, mask: NDArray[np.bool_]) -> "TypedChunk":
        """Those impressions for which the mask is true."""
        return TypedChunk(
            self.raw.filter(mask),
            self.kept.filter(mask),
            self.time_ms[mask],
            self.clicked[mask],
            self.outcomes[mask],
        )


@dataclass(frozen=True)
class Ingested:
    """The whole log as chunk files; not ``dated`` where the log has no clock and `time_ms` is the number of the row.

    Decisions that follow it are there if they were shown up to ``shown_ms``, whatever their time; None where none do.
    """

    files: tuple[Path, ...]
    time_ms: NDArray[np.int64]
    bad_rows: int
    dated: bool = True
    targets: Targets = CLICK
    shown_ms: int | None = None

    @property
    def rows(self) -> int:
        return len(self.time_ms)

    def before(self, moment_ms: int, work_dir: Path) -> "Ingested":
        """The impressions before a moment, in files of their own; the files with the later ones are removed."""
        files: list[Path] = []
        for file in self.files:
            path = work_dir / f"early-{len(files):06d}.arrow"
            pl.read_ipc(file).filter(pl.col(_TIME) < moment_ms).write_ipc(path, compression="lz4")
            file.unlink()
            files.append(path)
        return replace(self, files=tuple(files), time_ms=self.time_ms[self.time_ms < moment_ms])

    def copied(self, since_ms: int, directory: Path) -> None:
        """Write the impressions from a moment on into an empty directory, for `from_copy`."""
        for number, file in enumerate(self.files):
            later = pl.read_ipc(file).filter(pl.col(_TIME) >= since_ms)
            if len(later):
                later.write_ipc(directory / f"part-{number:06d}.arrow", compression="lz4")

    @classmethod
    def from_copy(cls, directory: Path, *, dated: bool) -> "Ingested":
        """What `copied` wrote.

        Raises:
            OSError: If it is gone.
        """
        files = tuple(sorted(directory.iterdir()))
        times = [pl.read_ipc(file, columns=[_TIME]).to_series().to_numpy() for file in files]
        return cls(files, np.concatenate(times), bad_rows=0, dated=dated)

    def followed_by(self, other: "Ingested") -> "Ingested":
        """The impressions of both logs, which have the same columns."""
        return replace(
            self,
            files=(*self.files, *other.files),
            time_ms=np.concatenate([self.time_ms, other.time_ms]),
            bad_rows=self.bad_rows + other.bad_rows,
        )

    def chunks(self) -> Iterator[TypedChunk]:
        """Every impression, in the order of the log."""
        for file in self.files:
            frame = pl.read_ipc(file)
            kept = [column for column in frame.columns if column.startswith(_KEPT)]
            outcomes = [column for column in frame.columns if column.startswith(_OUTCOME)]
            yield TypedChunk(
                raw=frame.drop([_TIME, _CLICKED, *kept, *outcomes]),
                # Made by height: a frame without columns has no rows otherwise.
                kept=pl.DataFrame(height=frame.height).with_columns(
                    frame[column].alias(column.removeprefix(_KEPT)) for column in kept
                ),
                time_ms=frame[_TIME].to_numpy(),
                clicked=frame[_CLICKED].to_numpy(),
                # Made by height, as above.
                outcomes=frame.select(outcomes).to_numpy().reshape(frame.height, len(outcomes)),
            )

    def kept(self, column: str) -> Iterator[pl.Series]:
        """One kept column, as text, chunk by chunk in the order of the log."""
        for file in self.files:
            yield pl.read_ipc(file, columns=[_KEPT + column]).to_series()


def _kept_in_training(config: TaskConfig) -> tuple[str, ...]:
    """The kept columns, and what tells items apart: the report sets those apart that training has not seen."""
    item = config.data.item_column
    return tuple(dict.fromkeys([*kept_columns(config), *([item] if item else [])]))


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
    noted: bool = False,
) -> Ingested:
    """Read the log into chunk files; ``noted`` is that of `read_log`.

    Raises:
        DataError: If the log cannot be used; rows that cannot be read are quarantined, up to the limit.
    """
    files: list[Path] = []
    times: list[NDArray[np.int64]] = []
    total = 0
    chunks = read_log(
        config.data,
        raw_inputs,
        root,
        quarantine=quarantine,
        counted=bool(config.features.history),
        targets=config.targets,
        keep=_kept_in_training(config),
        noted=noted,
    )
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
    return Ingested(
        tuple(files),
        time_ms,
        bad_rows=total - len(time_ms),
        dated=config.data.time is not None,
        targets=Targets.of(config),
    )


def _write(chunk: LogChunk, path: Path) -> Path:
    kept = [pl.Series(f"{_KEPT}{column.name}", column) for column in chunk.kept.iter_columns()]
    outcomes = [
        pl.Series(f"{_OUTCOME}{place}", labels, dtype=pl.Int8)
        for place, labels in enumerate(chunk.outcomes.T)
    ]
    frame = chunk.raw.with_columns(
        *kept, *outcomes, pl.Series(_TIME, chunk.time_ms), pl.Series(_CLICKED, chunk.clicked, dtype=pl.Int8)
    )
    frame.write_ipc(path, compression="lz4")
    return path
