"""Counts what values the columns of a log have: chunk files come in, a `DataProfile` goes out.

`training.pipeline` stores the one of the training slice with the version; `training.retraining.drift` counts a newer log the same way.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.profile import ColumnProfile, DataProfile
from features.raw import MISSING_TEXT
from features.spec import RawInput, RawKind
from registry.manifest import PROFILE
from training.log.columns import is_missing
from training.log.ingest import Ingested

SAMPLE = 100_000
"""Impressions that are looked at; shares of a tenth are then known within about 0.3 %."""

TOKENS = 30
BINS = 10


@dataclass(frozen=True)
class Sample:
    """Every so many-th impression of a period, and how many there were in all."""

    raw: pl.DataFrame
    clicked: NDArray[np.int8]
    impressions: int
    first_ms: int | None
    last_ms: int | None


def draw(log: Ingested, inside: NDArray[np.bool_]) -> Sample:
    """A sample of those impressions of a log for which the mask ``(rows,)`` is true, at least one."""
    places = np.flatnonzero(inside)
    drawn = np.zeros(log.rows, bool)
    drawn[places[:: -(-len(places) // SAMPLE)]] = True
    raw, clicked, start = [], [], 0
    for chunk in log.chunks():
        here = drawn[start : start + len(chunk.time_ms)]
        start += len(chunk.time_ms)
        if here.any():
            raw.append(chunk.raw.filter(here))
            clicked.append(chunk.clicked[here])
    times = log.time_ms[inside]
    return Sample(
        pl.concat(raw),
        np.concatenate(clicked),
        len(places),
        int(times.min()) if log.dated else None,
        int(times.max()) if log.dated else None,
    )


def profile_of(sample: Sample, inputs: tuple[RawInput, ...], like: DataProfile | None = None) -> DataProfile:
    """The histograms of a sample.

    Args:
        sample: The impressions.
        inputs: Its columns.
        like: Whose bins are counted, column by column; by default the sample's own deciles and most frequent tokens.
    """
    known = like.columns if like else {}
    return DataProfile(
        impressions=sample.impressions,
        click_rate=float(sample.clicked.mean()),
        first_ms=sample.first_ms,
        last_ms=sample.last_ms,
        columns={raw.column: _column(raw, sample.raw[raw.column], known.get(raw.column)) for raw in inputs},
    )


def read_profile(directory: Path) -> DataProfile | None:
    """The profile that a version was published with; None for versions of before there were any.

    Raises:
        pydantic.ValidationError: If it is there and unreadable.
    """
    path = directory / PROFILE
    return DataProfile.model_validate_json(path.read_bytes()) if path.exists() else None


def _column(raw: RawInput, column: pl.Series, like: ColumnProfile | None) -> ColumnProfile:
    same = like if like is not None and like.kind is raw.kind else None
    missing = int(is_missing(raw.kind, column).sum())
    match raw.kind:
        case RawKind.NUMBER:
            return _numbers(column.to_numpy(), missing, same)
        case RawKind.TEXT:
            return _tokens(raw.kind, column, missing, same)
        case RawKind.TEXTS:
            return _tokens(raw.kind, column.explode().drop_nulls(), missing, same)
        case RawKind.TIME:
            return ColumnProfile(kind=raw.kind, missing=missing)


def _numbers(column: NDArray[np.float32], missing: int, like: ColumnProfile | None) -> ColumnProfile:
    present = column[~np.isnan(column)]
    edges = like.edges if like else _edges(present)
    counts = np.bincount(np.searchsorted(edges, present, side="right"), minlength=len(edges) + 1)
    return ColumnProfile(kind=RawKind.NUMBER, edges=edges, counts=tuple(counts.tolist()), missing=missing)


def _edges(present: NDArray[np.float32]) -> tuple[float, ...]:
    if not len(present):
        return ()
    inner = np.quantile(present, np.arange(1, BINS) / BINS, method="higher")
    return tuple(float(edge) for edge in np.unique(inner))


def _tokens(kind: RawKind, column: pl.Series, missing: int, like: ColumnProfile | None) -> ColumnProfile:
    counted = column.filter(column != MISSING_TEXT).value_counts(name="count")
    # Ties by token, so that the same log always has the same profile.
    counted = counted.sort(["count", column.name], descending=[True, False])
    of = dict(zip(counted[column.name].to_list(), counted["count"].to_list(), strict=True))
    tokens = like.tokens if like else tuple(of)[:TOKENS]
    named = [of.get(token, 0) for token in tokens]
    return ColumnProfile(
        kind=kind, tokens=tokens, counts=(*named, sum(of.values()) - sum(named)), missing=missing
    )
