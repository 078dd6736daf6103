"""Every number that `axon init` writes or decides by, in one place, to be tuned on benchmarks and nowhere else.

`training.init.kinds` takes the policies of the features from here, `training.init.document` those of the model and of
its training. Bounds of sizes are in impressions or distinct values of the whole log.
"""

from dataclasses import dataclass
from typing import Any

SHARES: tuple[tuple[float, float | None], ...] = (
    (0.8, 0.9),
    (0.7, 0.85),
    (0.6, 0.8),
    (0.5, 0.75),
    (0.7, None),
)
"""Cuts in time (validation_from, test_from), the first that leaves `FEWEST_CLICKS` in every slice is taken."""

FEWEST_TO_JUDGE = 100
"""With fewer clicks in the held-out slice whether the log loss is below that of the click rate is mostly chance: no gate asks for it."""

FEWEST_CLICKS = 5
"""Clicks, and non-clicks, that a slice should have."""

HASHED_ABOVE = 300_000
"""A column with more distinct values is hashed: a vocabulary of it would be kept in memory and exported."""

HASH_BUCKETS = 200_000
"""Rows of the table that such a column gets."""

INTEGERS_AS_CATEGORIES = 12
"""A number with at most so many distinct values, all integers, is a category."""

LONGEST_LIST = 32
"""Tokens of a multi-valued column that are kept, at most."""

MOST_BUCKETS = 64
"""Quantile buckets beside a number, at most."""

FEWEST_BUCKETS = 16
"""The same at least, for the values beside the most frequent one: a column that is mostly 0 would leave them next to none."""

CLICKS_PER_BUCKET = 64
"""Clicks, or non-clicks where these are fewer, that a bucket should have: with fewer it tells of chance."""

LARGEST_SEGMENT = 12
"""A column by whose values the report repeats its figures has at most so many."""

FEWEST_VALUES_TO_COUNT = 30
"""A column with at least so many distinct values has its impressions and clicks counted; fewer are learned as they are."""

CLEAR_FREQUENCY = 4.0
"""Standard errors by which frequent values must be clicked more, or less, than rare ones for their counts to be shown to the network."""

FEWEST_TO_COUNT = 1.5
"""Impressions per distinct value that such a column should have."""

MOST_VALUES_TO_COUNT = 1_000_000
"""A column with more distinct values is not counted: the state travels with the version."""

MOST_ROWS_FOR_PAIRS = 300_000
"""In a longer log no pairs are counted: nearly every impression brings a new one to remember."""

MOST_COUNTED = 30
"""Columns that are counted, at most: each is a replay of the log."""

MOST_PAIRS = 6
"""Pairs of the user with another column that are counted, at most."""


@dataclass(frozen=True)
class Defaults:
    """What a log of some size gets. ``epochs`` are upper bounds, early stopping decides."""

    up_to: float
    min_count: int
    batch_size: int
    epochs: int
    ensemble: int


BY_ROWS = (
    Defaults(up_to=5_000, min_count=2, batch_size=64, epochs=40, ensemble=3),
    Defaults(up_to=20_000, min_count=2, batch_size=256, epochs=30, ensemble=3),
    Defaults(up_to=100_000, min_count=2, batch_size=512, epochs=30, ensemble=3),
    Defaults(up_to=500_000, min_count=3, batch_size=1024, epochs=16, ensemble=2),
    Defaults(up_to=3_000_000, min_count=5, batch_size=4096, epochs=6, ensemble=1),
    Defaults(up_to=float("inf"), min_count=10, batch_size=8192, epochs=3, ensemble=1),
)
"""By the number of impressions."""

FEW_IMPRESSIONS_PER_ID = 50
"""With fewer impressions per value of the widest column, a log is one of identifiers and its networks are held tight."""

FEW_CLICKS = 300
"""With fewer clicks no value of any column is known well: decay holds all embeddings alike, however often they occur."""

FEWEST_CLICKS_TO_COUNT = 1_000
"""With fewer clicks nothing of the past is counted: what was counted is mostly chance, which networks take for rates."""

PRIOR_ON_EMBEDDINGS = 50
"""``l2_rare`` elsewhere."""

ID_DROPOUT = 0.2
"""``id_dropout``."""


def defaults_for(rows: int) -> Defaults:
    """What a log of so many impressions gets."""
    return next(defaults for defaults in BY_ROWS if rows <= defaults.up_to)


def buckets_for(rows: int, clicks: int, most_frequent: float) -> int:
    """How many quantile buckets stand beside a number.

    Args:
        rows: Impressions of the log.
        clicks: Those that were clicked.
        most_frequent: Share of the column's values that are the most frequent one, in [0, 1].
    """
    enough = min(MOST_BUCKETS, max(FEWEST_BUCKETS, min(clicks, rows - clicks) // CLICKS_PER_BUCKET))
    return round(enough / max(1.0 - most_frequent, enough / MOST_BUCKETS))


def model_for(rows: int, ids: int) -> dict[str, Any]:
    """The part ``model`` of the task file.

    Args:
        rows: Impressions of the log.
        ids: The largest number of distinct values that a column of ids has.
    """
    return {
        "family": "mlp",
        "embedding_dim": 16,
        **(
            {"hidden": [128], "dropout": 0.2, "embedding_dropout": 0.3}
            if _is_sparse(rows, ids)
            else {"hidden": [256, 128], "dropout": 0.05, "embedding_dropout": 0.0}
        ),
        "ensemble": defaults_for(rows).ensemble,
        "linear_member": True,
    }


def training_for(rows: int, ids: int, clicks: int) -> dict[str, Any]:
    """The part ``training`` of the task file; its arguments are those of `model_for` and the log's clicks.

    A log that is mostly clicks has as few of the other kind; those count then.
    """
    size = defaults_for(rows)
    sparse = _is_sparse(rows, ids)
    rate = 0.002 if sparse else 0.004
    return {
        "epochs": min(size.epochs, 12) if sparse else size.epochs,
        "batch_size": size.batch_size,
        "optimizer": {"name": "adamw", "learning_rate": 0.001 if sparse else 0.002, "weight_decay": 0.1},
        **_against_learning_by_heart(rate, sparse=sparse, few=are_few(clicks, rows)),
        "ema": 0.99,
        "early_stopping": {"patience": 4, "checks_per_epoch": 4 if sparse else 2},
        "calibration": {"kind": "platt", "prior": 0.02},
    }


def are_few(clicks: int, rows: int, enough: int = FEW_CLICKS) -> bool:
    """Whether so many clicks, or non-clicks where these are fewer, say next to nothing of a single value."""
    return min(clicks, rows - clicks) < enough


def _against_learning_by_heart(rate: float, *, sparse: bool, few: bool) -> dict[str, Any]:
    """What keeps the embeddings of ids small: a prior that the data outweigh, or decay that nothing outweighs."""
    if few:
        decay, prior = (4.0 if sparse else 6.0), 0
    else:
        decay, prior = (1.0 if sparse else 0.1), PRIOR_ON_EMBEDDINGS
    return {
        "embedding_optimizer": {"name": "adamw", "learning_rate": rate, "weight_decay": decay},
        "l2_rare": prior,
        "id_dropout": ID_DROPOUT,
    }


def _is_sparse(rows: int, ids: int) -> bool:
    return ids * FEW_IMPRESSIONS_PER_ID > rows
