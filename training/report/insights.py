"""What a report says beyond its figures, as small frozen models: who else was tried, what matters, who is known.

`training.report.study` makes them, `training.fitting.layer_watch` those of a check; `training.report.report` keeps them for the page and the JSON.
"""

from typing import Literal

from pydantic import Field

from features.document import FiniteDocument
from training.metrics import SliceMetrics


class LayerLook(FiniteDocument):
    """One layer on one batch of the validation slice; null where a measure says nothing about the layer."""

    dead: float | None = Field(default=None, ge=0, le=1, description="share of ReLU units never active")
    saturated: float | None = Field(
        default=None, ge=0, le=1, description="share of sigmoid or tanh activations near their ends"
    )
    gradient_norm: float | None = Field(
        default=None, ge=0, description="length of the log loss' gradient in the layer's weights"
    )


class Peer(FiniteDocument):
    """Another model on the same impressions, calibrated alike."""

    name: str
    metrics: SliceMetrics
    behind: float = Field(description="its log loss less the judged model's; below 0 it is ahead")
    standard_error: float | None = Field(
        default=None, ge=0, description="of `behind`, by pairs; null for fewer than two impressions"
    )
    seconds: float | None = Field(default=None, ge=0, description="to fit it; null where it came for free")
    parameters: int | None = Field(
        default=None, ge=0, description="numbers learned; null for what is no network"
    )
    remark: str = ""

    @property
    def is_clear(self) -> bool:
        """Whether the distance is more than chance: two standard errors."""
        return self.standard_error is not None and abs(self.behind) > 2.0 * self.standard_error


class FeatureImportance(FiniteDocument):
    """What it costs to permute the encoded columns of one feature among impressions."""

    feature: str
    columns: int = Field(ge=1, description="id and value columns that were permuted together")
    increase: float = Field(description="mean increase of the log loss")
    spread: float = Field(ge=0, description="standard deviation of the increase between permutations")
    alone: float | None = Field(
        default=None, ge=0, le=1, description="AUC of its values' click rates in training, without a model"
    )


class Importance(FiniteDocument):
    """Every feature, the most important first."""

    impressions: int = Field(ge=1, description="of the held-out slice, evenly spread over it")
    repeats: int = Field(ge=1, description="permutations of each feature")
    log_loss: float = Field(ge=0, description="of these impressions as they are")
    features: tuple[FeatureImportance, ...]


Known = Literal["seen", "unseen"]


class Familiarity(FiniteDocument):
    """The held-out impressions whose user and item the training slice has, or lacks; null where nobody names the key."""

    user: Known | None = None
    item: Known | None = None
    metrics: SliceMetrics
