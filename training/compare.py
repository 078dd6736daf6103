"""Versions that answered side by side, judged by what people did: a joined log comes in, their figures go out.

``axon compare`` calls it. Every figure comes with an interval: users are redrawn, because what one user does hangs together.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from features.document import Document
from training.errors import DataError
from training.gate.bootstrap import Resampling, redrawn_sums, units_of
from training.gate.duel import Interval
from training.join import shadows
from training.join.labelling import LABELS, PROBABILITY
from training.metrics import Float64Array, aucs_by_user, log_losses

Figures = dict[str, Interval | None]
"""By name; None where it is undefined, or where redrawing users cannot tell how sure it is."""

FIGURES = ("click_rate", "log_loss", "calibration_ratio", "gauc")
_CLICKED, _VERSION = LABELS["click"], "version"
_READERS: dict[str, Callable[[Path], pl.LazyFrame]] = {
    ".parquet": pl.scan_parquet,
    # Whole, as the first rows do not show that ids are not all numbers, or that shadows answer later on.
    ".csv": partial(pl.scan_csv, infer_schema_length=None),
    ".jsonl": partial(pl.scan_ndjson, infer_schema_length=None),
}


class Contender(Document):
    """One version, on the impressions that it answered; a shadow on those that others answered and it did in secret."""

    version: int = Field(ge=1)
    shadow: bool
    impressions: int = Field(ge=0)
    clicks: int = Field(ge=0)
    figures: Figures
    differences: Figures = Field(
        description="its figures less those of the version that all are held against; a shadow's less those of the answers "
        "that were given to the same impressions; empty for that version itself"
    )


class Comparison(Document):
    """All versions of a log, the one that the others are held against first."""

    against: int = Field(ge=1)
    confidence: float = Field(description="with which an interval holds its figure")
    contenders: tuple[Contender, ...]


def compare(log: Path, *, user: str, against: int | None = None, how: Resampling | None = None) -> Comparison:
    """Judge the versions of a log that ``axon join`` has written.

    Args:
        log: Ends in .parquet, .csv or .jsonl.
        user: Column that tells users apart; an impression of a missing one is redrawn by itself.
        against: Version that the others are held against; the one with most impressions by default.
        how: How chance is measured.

    Raises:
        DataError: If the log is none of `axon join`'s, or has no such version or column.
    """
    how = how or Resampling()
    read = _read(log, user)
    versions = read[_VERSION].value_counts(sort=True)[_VERSION].to_list()
    against = versions[0] if against is None else against
    if against not in versions:
        raise DataError(f"expected one of the versions {sorted(versions)} of {log}, got {against}")
    base = _sums(read.filter(pl.col(_VERSION) == against), PROBABILITY, user)
    told = [_contender(against, base, None, how)]
    for version in sorted(set(versions) - {against}):
        own = _sums(read.filter(pl.col(_VERSION) == version), PROBABILITY, user)
        told.append(_contender(version, own, base, how))
    told += _shadows(read, user, how)
    return Comparison(against=against, confidence=how.confidence, contenders=tuple(told))


def _read(log: Path, user: str) -> pl.DataFrame:
    if log.suffix not in _READERS:
        raise DataError(f"expected a log that ends in {', '.join(_READERS)}, got {log}")
    try:
        read = _columns(log, user)
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"expected a log that axon join has written, {log} cannot be read as one: "
            f"{str(error).splitlines()[0]}; join it again"
        ) from error
    if read.is_empty():
        raise DataError(f"expected impressions in {log}, found none")
    judged = (
        pl.col(_VERSION).is_not_null() & pl.col(_CLICKED).is_in([0, 1]) & pl.col(PROBABILITY).is_between(0, 1)
    )
    if wrong := len(read) - len(read.filter(judged)):
        raise DataError(
            f"expected a version, a click and a probability in every row of {log}, {wrong:,} rows lack one; join it again"
        )
    return read


def _columns(log: Path, user: str) -> pl.DataFrame:
    lazy = _READERS[log.suffix](log)
    known = lazy.collect_schema().names()
    if missing := [name for name in (_VERSION, _CLICKED, PROBABILITY) if name not in known]:
        raise DataError(
            f"expected a log that axon join has written, {log} has no column {', '.join(missing)}; join it again"
        )
    if user not in known:
        raise DataError(
            f"expected a column {user!r} that tells users apart in {log}, got {', '.join(known)}; name it with --user"
        )
    wanted = [_VERSION, _CLICKED, PROBABILITY, user, shadows.VERSION, shadows.PROBABILITY]
    read = lazy.select(name for name in wanted if name in known)
    return read.cast({_VERSION: pl.Int64, _CLICKED: pl.Int8, PROBABILITY: pl.Float64}).collect()


def _shadows(read: pl.DataFrame, user: str, how: Resampling) -> list[Contender]:
    """Every version that answered in secret, held against the given answers on the same impressions."""
    if shadows.PROBABILITY not in read.columns:
        return []
    found = []
    for (version,), part in read.drop_nulls(shadows.PROBABILITY).group_by(
        shadows.VERSION, maintain_order=True
    ):
        own, given = (_sums(part, column, user) for column in (shadows.PROBABILITY, PROBABILITY))
        # Side by side, so that both are redrawn with the same users.
        redrawn = _redrawn(np.hstack([own, given]), how)
        width = own.shape[1]
        drawn = _figures(redrawn[:, :width]), _figures(redrawn[:, width:])
        whole = _whole(own), _whole(given)
        found.append(
            Contender(
                version=version,
                shadow=True,
                **_counts(own),
                figures=_intervals(whole[0], drawn[0], how),
                differences=_intervals(whole[0] - whole[1], drawn[0] - drawn[1], how),
            )
        )
    return sorted(found, key=lambda contender: contender.version)


def _contender(version: int, own: Float64Array, base: Float64Array | None, how: Resampling) -> Contender:
    whole, drawn = _whole(own), _figures(_redrawn(own, how))
    differences: Figures = {}
    if base is not None:
        # Different users, so each crowd is redrawn by itself.
        other = _figures(_redrawn(base, how, stream=1))
        differences = _intervals(whole - _whole(base), drawn - other, how)
    figures = _intervals(whole, drawn, how)
    return Contender(version=version, shadow=False, **_counts(own), figures=figures, differences=differences)


def _sums(part: pl.DataFrame, column: str, user: str) -> Float64Array:
    """What each user adds: impressions, clicks, log loss, promised clicks, impressions that GAUC counts, their AUC; (units, 6)."""
    clicked = part[_CLICKED].to_numpy().astype(np.int8)
    probabilities = part[column].to_numpy().astype(np.float64)
    users = part[user].cast(pl.String).fill_null("").to_numpy()
    units = units_of(users, len(clicked))
    sums = np.zeros((int(units.max()) + 1, 6))
    added: list[NDArray[Any]] = [
        np.ones(len(units)),
        clicked,
        log_losses(clicked, probabilities),
        probabilities,
    ]
    for place, numbers in enumerate(added):
        sums[:, place] = np.bincount(units, weights=numbers)
    aucs = aucs_by_user(clicked, probabilities, users)
    own = units[aucs.first_impressions]
    sums[own, 4], sums[own, 5] = aucs.impressions, aucs.impressions * aucs.aucs
    return sums


def _redrawn(sums: Float64Array, how: Resampling, *, stream: int = 0) -> Float64Array:
    return redrawn_sums(sums, how.resamples, np.random.default_rng([how.seed, stream]))


def _whole(sums: Float64Array) -> Float64Array:
    """`FIGURES` of all users; NaN where every redrawn crowd would be the same, and so sure of what was chance."""
    figures = _figures(sums.sum(axis=0))
    impressions, clicks = sums[:, :2].sum(axis=0)
    if len(sums) == 1 or clicks in {0, impressions}:
        figures[:] = np.nan
    if np.count_nonzero(sums[:, 4]) == 1:
        figures[FIGURES.index("gauc")] = np.nan
    return figures


def _figures(sums: Float64Array) -> Float64Array:
    """`FIGURES` of sums as `_sums` has them along the last axis; NaN where one is undefined."""
    over, under = sums[..., [1, 2, 3, 5]], sums[..., [0, 0, 1, 4]]
    figures: Float64Array = np.divide(over, under, out=np.full(over.shape, np.nan), where=under > 0)
    return figures


def _intervals(whole: Float64Array, drawn: Float64Array, how: Resampling) -> Figures:
    """Each figure with the interval that holds it, half of the doubt on either side."""
    tail = (1 - how.confidence) / 2
    told: Figures = {}
    for place, name in enumerate(FIGURES):
        defined = drawn[~np.isnan(drawn[:, place]), place]
        # A crowd without a click has a ratio beyond any number: leaving it out would cut the interval short.
        if np.isnan(whole[place]) or len(defined) < (1 - tail) * len(drawn):
            told[name] = None
            continue
        low, high = np.quantile(defined, [tail, 1 - tail])
        told[name] = Interval(estimate=float(whole[place]), low=float(low), high=float(high))
    return told


def _counts(sums: Float64Array) -> Mapping[str, int]:
    impressions, clicks = sums[:, :2].sum(axis=0)
    return {"impressions": int(impressions), "clicks": int(clicks)}


def rows_of(comparison: Comparison) -> Sequence[Sequence[str]]:
    """A table for people: a row per version, and under it how it differs; a star marks what is more than chance."""
    rows = [["version", "impressions", "clicks", *(name.replace("_", " ") for name in FIGURES)]]
    for one in comparison.contenders:
        name = f"{one.version} (shadow)" if one.shadow else str(one.version)
        rows.append([name, f"{one.impressions:,}", f"{one.clicks:,}", *map(_shown, one.figures.values())])
        if one.differences:
            rows.append(["  difference", "", "", *map(_difference, one.differences.values())])
    return rows


def _shown(figure: Interval | None) -> str:
    return "" if figure is None else f"{figure.estimate:.4f} [{figure.low:.4f}, {figure.high:.4f}]"


def _difference(figure: Interval | None) -> str:
    if figure is None:
        return ""
    star = "" if figure.low <= 0 <= figure.high else " *"
    return f"{figure.estimate:+.4f} [{figure.low:+.4f}, {figure.high:+.4f}]{star}"
