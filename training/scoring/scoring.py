"""Whole files through a published version: `score_file` adds probabilities, `predict_log` feeds an evaluation."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.moments import epoch_ms
from features.spec import RawInput
from registry.version import Version
from training.config import TaskConfig
from training.errors import DataError
from training.export.loaded import LoadedModel
from training.export.stored_task import history_of
from training.log.ingest import kept_columns
from training.log.log_reader import LogChunk, read_log
from training.log.quarantine import Quarantine
from training.progress import Progress
from training.replay.past import Past
from training.scoring.output import ScoredWriter
from training.targets import PROBABILITY, PROBABILITY_OF


@dataclass
class Scorer:
    """A version that scores chunks of a log, one after the other.

    Attributes:
        model: The exported graph.
        past: What happened before, for a model that looks at it.
        stream: Whether every labelled chunk is fed into the past as it would have been live.
        version: What the model is called.
    """

    model: LoadedModel
    past: Past | None
    stream: bool
    version: str

    @classmethod
    def open(cls, config: TaskConfig, version: Version, *, stream: bool) -> Self:
        """Load a published version, and the state that it was published with."""
        model = LoadedModel.open(version.directory)
        spec, past = model.fitted.spec, None
        if spec.history:
            manifest = version.manifest()
            end = manifest.counted_until
            # Older versions do not say how many rows there were.
            end_ms = (manifest.history_rows or 0) if end is None else epoch_ms(end)
            past = Past.open(
                version.directory,
                spec,
                history_of(version, config),
                end_ms=end_ms,
                dated=end is not None,
                stream=stream,
            )
        return cls(model, past, stream, str(version))

    @property
    def log_inputs(self) -> tuple[RawInput, ...]:
        """The columns to read."""
        return self.model.log_inputs

    @property
    def columns(self) -> tuple[str, ...]:
        """What the model answers: ``probability``, and ``probability_<target>`` where it has several targets."""
        return (PROBABILITY, *self.model.target_outputs)

    def answers(self, chunk: LogChunk) -> dict[str, NDArray[np.float32]]:
        """Calibrated probabilities ``(n,)`` of a chunk's readable rows, by the names in `columns`."""
        return self.model.answers(self._filled(chunk))

    def already_counted(self, chunk: LogChunk) -> int:
        """How many of a chunk's readable rows are not later than the log whose outcomes the model has counted."""
        return 0 if self.past is None else self.past.already_counted(chunk.time_ms)

    def untimed(self, chunk: LogChunk) -> int:
        """How many of a chunk's readable rows have no time, and see the past as of the end of the log."""
        return 0 if self.past is None else self.past.untimed(chunk.time_ms)

    def notes(self, rows: int, *, counted: int, untimed: int = 0) -> tuple[str, ...]:
        """What to know before trusting the probabilities of a file with so many rows, of which some are special."""
        if self.stream and self.past is None:
            return (f"{self.version} looks at nothing of the past: --stream changes nothing",)
        notes = []
        if counted:
            notes.append(
                f"{counted:,} of {rows:,} rows are not later than the log that {self.version} was trained on: their own "
                "outcomes may be in what is counted"
            )
        if untimed:
            notes.append(
                f"{untimed:,} of {rows:,} rows have no time: they see the past as of the end of the log that "
                f"{self.version} was trained on"
            )
        return tuple(notes)

    def _filled(self, chunk: LogChunk) -> pl.DataFrame:
        if self.past is None:
            return chunk.raw
        if self.stream and chunk.clicked is not None:
            return self.past.streamed(chunk.raw, chunk.time_ms, chunk.clicked)
        return self.past.filled(chunk.raw, chunk.time_ms)


@dataclass(frozen=True)
class ScoredFile:
    """What became of a file: all of its rows, those that could not be read, and what to know before trusting it."""

    rows: int
    bad_rows: int
    notes: tuple[str, ...]


class PredictedTarget(NamedTuple):
    """Labels and probabilities of one target, each ``(n,)``."""

    happened: NDArray[np.int8]
    probabilities: NDArray[np.float64]


@dataclass(frozen=True)
class PredictedLog:
    """A labelled log with probabilities, readable rows only, in order; without times where the log has no clock.

    ``targets`` has all of them by name where the task has several, and nothing otherwise. ``notes`` say what to know
    before trusting the probabilities.
    """

    clicked: NDArray[np.int8]
    probabilities: NDArray[np.float64]
    targets: dict[str, "PredictedTarget"]
    kept: pl.DataFrame
    first_ms: int | None
    last_ms: int | None
    bad_rows: int
    notes: tuple[str, ...]


def score_file(
    config: TaskConfig,
    scorer: Scorer,
    root: Path,
    *,
    source: Path,
    target: Path,
    quarantine: Quarantine,
    progress: Progress,
) -> ScoredFile:
    """Write ``source`` with a column ``probability``; rows keep their order, unreadable ones get none.

    A model of several targets adds a column ``probability_<target>`` for each.

    Raises:
        DataError: If the file cannot be read, none of its rows can, it already has one of the columns, or it is the file to
            be written; nothing is written then.
    """
    if source.exists() and target.exists() and source.samefile(target):
        raise DataError(f"expected another output file than {target}, which is read: it would be replaced")
    rows = bad = counted = untimed = 0
    with progress.stage("scoring", unit="rows") as bar, ScoredWriter(target) as writer:
        chunks = read_log(
            config.data,
            scorer.log_inputs,
            root,
            quarantine=quarantine,
            log=source,
            labelled=scorer.stream,
            counted=scorer.past is not None,
            originals=True,
        )
        for chunk in chunks:
            writer.write(_with_probabilities(chunk, scorer))
            rows += chunk.size
            bad += chunk.size - len(chunk.positions)
            counted += scorer.already_counted(chunk)
            untimed += scorer.untimed(chunk)
            bar.advance(chunk.size)
        if bad and bad == rows:
            examples = "; ".join(quarantine.examples)
            raise DataError(f"{source}: expected a row that can be read, got none in {rows:,}: {examples}")
        notes = scorer.notes(rows, counted=counted, untimed=untimed)
    return ScoredFile(rows, bad, notes)


def predict_log(
    config: TaskConfig,
    scorer: Scorer,
    root: Path,
    *,
    log: Path,
    output: str = PROBABILITY,
    quarantine: Quarantine,
    progress: Progress,
) -> PredictedLog:
    """Probabilities of every readable row of a labelled log.

    Args:
        config: What the log is and where its labels stand.
        scorer: Who is asked.
        root: Directory of the files that ``config`` names.
        log: The file.
        output: Which of the answers is that of the first target.
        quarantine: Takes the unreadable rows.
        progress: Told about every chunk.

    Raises:
        DataError: If the log cannot be used.
    """
    outputs = _outputs_of_targets(config, scorer)
    chunks: list[LogChunk] = []
    answers: dict[str, list[NDArray[np.float32]]] = {name: [] for name in (output, *outputs.values())}
    rows = counted = 0
    with progress.stage("scoring", unit="rows") as bar:
        for chunk in _labelled(config, scorer, root, log, quarantine):
            rows += chunk.size
            answer = scorer.answers(chunk)
            counted += scorer.already_counted(chunk)
            chunks.append(_without_features(chunk))
            for name, parts in answers.items():
                parts.append(answer[name])
            bar.advance(chunk.size)
        notes = scorer.notes(rows, counted=counted)
    quarantine.check(rows)
    if not any(len(chunk.positions) for chunk in chunks):
        raise DataError(f"{log}: expected impressions, got no readable row")
    time_ms = np.concatenate([chunk.time_ms for chunk in chunks])
    probabilities = {name: np.concatenate(parts).astype(np.float64) for name, parts in answers.items()}
    clicked = np.concatenate([chunk.clicked for chunk in chunks if chunk.clicked is not None])
    labels = [clicked, *np.concatenate([chunk.outcomes for chunk in chunks]).T]
    return PredictedLog(
        clicked=clicked,
        probabilities=probabilities[output],
        targets={
            name: PredictedTarget(happened, probabilities[output])
            # Without further targets there is a label, and no output but the first.
            for (name, output), happened in zip(outputs.items(), labels, strict=bool(outputs))
        },
        kept=pl.concat([chunk.kept for chunk in chunks]),
        first_ms=int(time_ms.min()) if config.data.time is not None else None,
        last_ms=int(time_ms.max()) if config.data.time is not None else None,
        bad_rows=rows - len(time_ms),
        notes=notes,
    )


def _labelled(
    config: TaskConfig, scorer: Scorer, root: Path, log: Path, quarantine: Quarantine
) -> Iterator[LogChunk]:
    return read_log(
        config.data,
        scorer.log_inputs,
        root,
        quarantine=quarantine,
        log=log,
        counted=scorer.past is not None,
        targets=config.targets,
        keep=kept_columns(config),
    )


def _outputs_of_targets(config: TaskConfig, scorer: Scorer) -> dict[str, str]:
    """The model's output for each target of a task with several; none for a task with one."""
    if not config.targets:
        return {}
    outputs = {target.name: f"{PROBABILITY_OF}{target.name}" for target in config.all_targets()}
    if lacking := sorted(set(outputs.values()) - set(scorer.columns)):
        raise DataError(
            f"expected a model that answers {lacking}, as the task file's targets say, got one that answers "
            f"{list(scorer.columns)}: train a version with these targets"
        )
    return outputs


def _without_features(chunk: LogChunk) -> LogChunk:
    """The chunk with its raw inputs let go: only labels and kept columns are needed at the end."""
    return replace(chunk, raw=chunk.raw.clear(), kept=chunk.kept.cast(pl.Categorical))


def _with_probabilities(chunk: LogChunk, scorer: Scorer) -> pl.DataFrame:
    if chunk.originals is None:
        raise ValueError("expected a chunk that was read with originals=True")
    for name in set(scorer.columns) & set(chunk.originals.columns):
        raise DataError(f"the file already has a column {name!r}: drop or rename it before scoring")
    columns = {name: np.full(chunk.size, np.nan, np.float32) for name in scorer.columns}
    if len(chunk.positions):
        for name, probabilities in scorer.answers(chunk).items():
            columns[name][chunk.positions] = probabilities
    return chunk.originals.with_columns(
        pl.Series(name, column).fill_nan(None) for name, column in columns.items()
    )
