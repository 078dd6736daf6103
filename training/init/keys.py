"""Who saw what: the columns that identify users and items, and the columns that belong to either of them.

Columns come in; keys and sides go out to `training.init.plan`.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from features.spec import Side
from training.init.column import Column
from training.init.signal import value_codes

_USERS = ("user", "uid", "member", "customer", "client", "visitor", "viewer", "reader", "buyer", "account", "person",
          "subscriber", "player", "listener", "device", "cookie", "uuid", "msno")  # fmt: skip
_ITEMS = ("item", "iid", "ad", "video", "movie", "product", "article", "news", "song", "track", "creative", "banner",
          "content", "document", "doc", "post", "book", "show", "goods", "sku", "asin", "listing", "offer", "game",
          "recipe", "photo", "image")  # fmt: skip
_ID_WORDS = frozenset({"id", "key", "no", "number", "code", "hash", "idx", "index"})
_FEWEST_VALUES = 10
_DETERMINED = 0.999
_LEFT_OVER = 0.05
_FEWEST_REPEATS = 200


def guess_key(columns: Sequence[Column], side: Side, rows: int) -> Column | None:
    """The column of the log that identifies users or items; None where no name says so.

    Args:
        columns: Of the log.
        side: User or item.
        rows: Of the whole log.
    """
    nouns = _USERS if side is Side.USER else _ITEMS
    found = [(place, column) for column in columns if (place := _place(column, nouns)) is not None]
    usable = [
        (place, column)
        for place, column in found
        if _FEWEST_VALUES <= column.distinct < 0.95 * rows and not column.lists and column.present.any()
    ]
    return min(usable, key=lambda pair: pair[0])[1] if usable else None


def _place(column: Column, nouns: Sequence[str]) -> int | None:
    words = column.words
    # Names such as userid are one word.
    stems = {word[:-2] if word.endswith("id") and word[:-2] in nouns else word for word in words} - _ID_WORDS
    if len(stems) != 1:
        return None
    stem = stems.pop()
    is_id = (
        bool(words & _ID_WORDS) or stem not in words or stem in {"uid", "iid", "uuid", "sku", "asin", "msno"}
    )
    return nouns.index(stem) if stem in nouns and (is_id or column.distinct >= 5 * _FEWEST_VALUES) else None


def side_of(column: Column, keys: Mapping[Side, Column]) -> Side:
    """The side of a column: of a key that alone determines it, else the context."""
    if column.side is not None:
        return column.side
    for side, key in keys.items():
        if column.name == key.name:
            return side
    owners = [side for side, key in keys.items() if determines(key, column)]
    return owners[0] if len(owners) == 1 else Side.CONTEXT


def determines(key: Column, column: Column) -> bool:
    """Whether impressions with the same key have the same value, in a way that chance does not explain."""
    pairs = pl.DataFrame({"key": value_codes(key), "value": value_codes(column)})
    counts = pairs.group_by("key", "value").len()
    by_key = counts.group_by("key").agg(total=pl.col("len").sum(), most=pl.col("len").max())
    repeated = by_key.filter(pl.col("total") > 1)
    total = int(repeated["total"].sum())
    if total < _FEWEST_REPEATS:
        return False
    # Of keys that come twice, half of the rows agree with themselves: only what is beyond the first row counts.
    agreeing = int((repeated["most"] - 1).sum()) / int((repeated["total"] - 1).sum())
    usual = float(np.bincount(pairs["value"].to_numpy()).max() / len(pairs))
    return agreeing >= _DETERMINED and (1 - agreeing) <= _LEFT_OVER * (1 - usual) and usual < 1
