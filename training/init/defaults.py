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

BUCKETS = 24
"""Quantile buckets beside every number."""

LARGEST_SEGMENT = 12
"""A column by whose values the report repeats its figures has at most so many."""


@dataclass(frozen=True)
class Defaults:
    """What a log of some size gets. Lists go into the task file as they are."""

    up_to: float
    min_count: int
    batch_size: int
    epochs: int
    embedding_dim: int
    hidden: tuple[int, ...]


BY_ROWS = (
    Defaults(up_to=5_000, min_count=2, batch_size=64, epochs=20, embedding_dim=8, hidden=(32,)),
    Defaults(up_to=20_000, min_count=2, batch_size=256, epochs=12, embedding_dim=8, hidden=(64,)),
    Defaults(up_to=100_000, min_count=2, batch_size=512, epochs=10, embedding_dim=16, hidden=(64,)),
    Defaults(up_to=500_000, min_count=3, batch_size=1024, epochs=8, embedding_dim=16, hidden=(128, 64)),
    Defaults(up_to=3_000_000, min_count=5, batch_size=2048, epochs=5, embedding_dim=16, hidden=(128, 64)),
    Defaults(
        up_to=float("inf"), min_count=10, batch_size=8192, epochs=3, embedding_dim=16, hidden=(256, 128)
    ),
)
"""By the number of impressions."""


def defaults_for(rows: int) -> Defaults:
    """What a log of so many impressions gets."""
    return next(defaults for defaults in BY_ROWS if rows <= defaults.up_to)


def model_for(rows: int) -> dict[str, Any]:
    """The part ``model`` of the task file."""
    size = defaults_for(rows)
    return {
        "family": "mlp",
        "embedding_dim": size.embedding_dim,
        "hidden": list(size.hidden),
        "dropout": 0.1,
        "embedding_dropout": 0.1,
    }


def training_for(rows: int, ids: int) -> dict[str, Any]:
    """The part ``training`` of the task file.

    Args:
        rows: Impressions of the log.
        ids: The largest number of distinct values that a categorical column has.
    """
    size = defaults_for(rows)
    # Tables with few impressions per id are learned by heart unless strong decay keeps rare ids small.
    sparse = ids * 50 > rows
    return {
        "epochs": size.epochs,
        "batch_size": size.batch_size,
        "optimizer": {"name": "adamw", "learning_rate": 0.001, "weight_decay": 2.0 if sparse else 0.1},
        "id_dropout": 0.05 if sparse else 0.01,
        "early_stopping": {"patience": 4, "checks_per_epoch": 4 if sparse else 2},
    }
