"""Seen and unseen users and items apart: the log and its cuts come in, metrics of the four combinations go out.

`training.report.study` calls it for the held-out slice.
"""

from collections.abc import Callable
from itertools import product

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.config import DataConfig
from training.log.ingest import Ingested
from training.log.split import Cuts, Slice
from training.metrics import SliceMetrics
from training.report.insights import Familiarity, Known

_NOBODY: tuple[Known | None, ...] = (None,)
_BOTH: tuple[Known | None, ...] = ("seen", "unseen")

Metrics = Callable[[NDArray[np.bool_]], SliceMetrics]
"""The metrics of those impressions of the held-out slice for which a mask ``(n,)`` is true."""


def familiarities(
    data: DataConfig, log: Ingested, cuts: Cuts, metrics_of: Metrics
) -> tuple[Familiarity, ...]:
    """One entry per combination of seen or unseen user and item; nothing where the task names neither key.

    Seen is who occurs in the training slice, whatever ``training.keep_rate`` left of it; an impression without a key
    is one of nobody, and unseen.
    """
    slices = cuts.slices(log.time_ms)
    keys = (data.user_column, data.item_column)
    if keys == (None, None):
        return ()
    seen = [None if key is None else _is_seen(log, key, slices, cuts.held_out) for key in keys]
    return tuple(
        Familiarity(
            user=user, item=item, metrics=metrics_of(_both(_side(seen[0], user), _side(seen[1], item)))
        )
        for user, item in product(*(_NOBODY if side is None else _BOTH for side in seen))
    )


def _is_seen(log: Ingested, key: str, slices: NDArray[np.int8], held_out: Slice) -> NDArray[np.bool_]:
    """Which held-out impressions, ``(n,)``, have a key that the training slice has."""
    # Hashes instead of texts, so that many distinct ids stay small; two ids of one hash are rarer than bad rows.
    known: list[pl.Series] = []
    asked: list[pl.Series] = []
    start = 0
    for texts in log.kept(key):
        part = pl.Series(slices[start : start + len(texts)])
        start += len(texts)
        hashes = texts.replace("", None).hash().set(texts.fill_null("") == "", None)
        known.append(hashes.filter(part == Slice.TRAIN).unique())
        asked.append(hashes.filter(part == held_out))
    seen = pl.concat(asked).is_in(pl.concat(known).drop_nulls().unique().implode())
    return seen.fill_null(value=False).to_numpy()


def _side(seen: NDArray[np.bool_] | None, wanted: Known | None) -> NDArray[np.bool_] | None:
    return seen if seen is None or wanted == "seen" else ~seen


def _both(user: NDArray[np.bool_] | None, item: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    masks = [mask for mask in (user, item) if mask is not None]
    both: NDArray[np.bool_] = np.logical_and.reduce(masks)
    return both
