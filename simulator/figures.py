"""What can be known of a shop: its files come in, click rate and the best possible figures go out."""

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from simulator.chance import Float64Array, Int64Array
from simulator.errors import MismatchedTruthError
from simulator.shop import ShopFiles

# Who is first seen after this share of the log counts as cold in what follows.
_KNOWN_SHARE = 0.8


class WorldFigures(BaseModel):
    """Figures of a log and of the truth behind it; no model can do better than the truth."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    impressions: int
    click_rate: float = Field(description="clicks per impression")
    mean_probability: float = Field(description="mean of the true probabilities")
    auc: float | None = Field(description="of the true probabilities; null if all or none clicked")
    log_loss: float = Field(description="of the true probabilities, in nats per impression")
    constant_log_loss: float = Field(description="of the click rate predicted for every impression")
    cold_users: float | None = Field(
        description="share of the last fifth's impressions whose user is not in the first four fifths"
    )
    cold_items: float | None = Field(description="likewise of items")


def measure(files: ShopFiles) -> WorldFigures:
    """Measure a written shop; takes some 100 bytes of memory per impression.

    Raises:
        MismatchedTruthError: If the truth has not one probability per impression of the log.
    """
    read = pl.read_parquet if files.log.suffix == ".parquet" else pl.read_csv
    log, truth = read(files.log), read(files.truth)
    if len(log) != len(truth):
        raise MismatchedTruthError(
            f"expected one true probability per impression, got {len(truth)} in {files.truth.name} for "
            f"{len(log)} in {files.log.name}; write the shop again"
        )
    clicked = log["clicked"].to_numpy().astype(np.int64)
    probabilities = truth["probability"].to_numpy()
    return WorldFigures(
        impressions=len(log),
        click_rate=float(clicked.mean()),
        mean_probability=float(probabilities.mean()),
        auc=_auc(probabilities, clicked),
        log_loss=_log_loss(probabilities, clicked),
        constant_log_loss=_log_loss(np.full(len(clicked), clicked.mean()), clicked),
        cold_users=_cold_share(log["user_id"]),
        cold_items=_cold_share(log["item_id"]),
    )


def _auc(probabilities: Float64Array, clicked: Int64Array) -> float | None:
    """Chance that a click has a higher probability than a non-click; a tie counts half."""
    clicks = int(clicked.sum())
    others = len(clicked) - clicks
    if clicks == 0 or others == 0:
        return None
    ranks = pl.Series(probabilities).rank("average").to_numpy()
    return float((ranks[clicked == 1].sum() - clicks * (clicks + 1) / 2) / (clicks * others))


def _log_loss(probabilities: Float64Array, clicked: Int64Array) -> float:
    told = np.where(clicked == 1, probabilities, 1.0 - probabilities)
    return abs(float(np.log(told).mean()))


def _cold_share(ids: pl.Series) -> float | None:
    known = round(len(ids) * _KNOWN_SHARE)
    if known == len(ids):
        return None
    unknown = ~ids[known:].is_in(ids[:known].unique().implode())
    return int(unknown.sum()) / len(unknown)
