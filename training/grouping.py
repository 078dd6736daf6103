"""Which impressions share a value: a column comes in, small integer codes and their values go out.

`training.metrics` groups by user with it, `training.report.report` and `training.gate.duel` by the values of a segment column.
"""

from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray


class Groups(NamedTuple):
    """Impressions by value.

    Attributes:
        codes: The group of each impression, shape ``(n,)``, each an index into ``values``.
        values: The distinct values as text, in the order of the texts or numbers that they were; a missing value is
            the empty string and comes first.
    """

    codes: NDArray[np.int64]
    values: tuple[str, ...]


def group(column: NDArray[Any]) -> Groups:
    """Number the values of a column of texts or numbers, shape ``(n,)``; None and NaN are missing."""
    series = pl.Series("value", column.tolist() if column.dtype.kind == "O" else column, strict=False)
    if series.dtype.is_float():
        series = series.fill_nan(None)
    if series.dtype == pl.String:
        series = series.fill_null("")
    # A join numbers by hashing: sorting a million texts as np.unique does takes several times as long.
    distinct = series.unique().sort().to_frame().with_row_index("code")
    codes = series.to_frame().join(distinct, on="value", how="left", nulls_equal=True, maintain_order="left")[
        "code"
    ]
    return Groups(codes.cast(pl.Int64).to_numpy(), tuple(distinct["value"].cast(pl.String).fill_null("")))


def most_frequent(column: NDArray[Any], most: int) -> list[tuple[str, NDArray[np.int64]]]:
    """Up to so many values of a column ``(n,)``, the most frequent first and ties by value, with the places of each, rising."""
    codes, values = group(column)
    counts = np.bincount(codes, minlength=len(values))
    by_code = np.split(np.argsort(codes, kind="stable"), np.cumsum(counts)[:-1])
    frequent = np.argsort(-counts, kind="stable")[:most].tolist()
    return [(values[code], by_code[code]) for code in frequent]
