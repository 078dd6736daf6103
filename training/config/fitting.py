"""How the network is fitted: optimiser, schedule, stopping, regularisation."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from features.document import Document
from training.config.calibration import CalibrationConfig


class OptimizerConfig(Document):
    """How the weights follow the gradient."""

    name: Literal["sgd", "momentum", "adam", "adamw", "adagrad", "rmsprop", "ftrl", "lamb"] = "adam"
    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(
        default=0.0,
        ge=0,
        description="share of every weight, times the rate, taken off at each step (decoupled)",
    )
    clip_norm: float | None = Field(default=None, gt=0, description="largest global norm of the gradient")


DENSE = OptimizerConfig(name="adamw", learning_rate=0.002, weight_decay=0.1)
EMBEDDINGS = OptimizerConfig(name="adamw", learning_rate=0.004, weight_decay=0.1)
"""Of a task file that names no optimiser; like the other defaults of the training from docs/benchmarks/unknown-logs.md."""


class ScheduleConfig(Document):
    """How the learning rate changes over the run; steps are counted over all epochs."""

    name: Literal["constant", "exponential", "cosine", "restarts", "plateau"] = "constant"
    warmup: float = Field(
        default=0.0, ge=0, lt=1, description="share of all steps in which the rate rises to full"
    )
    decay: float = Field(default=0.5, gt=0, le=1, description="factor per epoch (exponential) or per plateau")
    floor: float = Field(default=0.01, ge=0, le=1, description="lowest rate as a share of the full one")


class EarlyStoppingConfig(Document):
    """When to stop: the best weights on validation log loss are restored."""

    patience: int = Field(default=4, ge=1, description="validations without an improvement before stopping")
    min_delta: float = Field(default=0.0, ge=0, description="what counts as an improvement of log loss")
    checks_per_epoch: int = Field(default=2, ge=1, le=1000, description="validations within one epoch")


class BaselineConfig(Document):
    """How `logistic` is fitted when it stands beside another family: one weight per id wants larger steps."""

    epochs: int = Field(default=12, ge=1)
    learning_rate: float = Field(default=0.01, gt=0)
    weight_decay: float = Field(default=0.0, ge=0)


class TrainingConfig(Document):
    """How the network is fitted."""

    epochs: int = Field(default=20, ge=1, description="at most: early stopping decides")
    batch_size: int = Field(default=1024, ge=1, description="impressions per step")
    loss: Literal["binary_crossentropy", "absolute_error", "squared_error"] = "binary_crossentropy"
    label_smoothing: float = Field(
        default=0.0, ge=0, lt=1, description="share of a label replaced by the training slice's click rate"
    )
    ranking_weight: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="share of the loss that ranks the impressions of a context; the rest is `loss`",
    )
    ranking_key: str | None = Field(
        default=None,
        description="single-valued id feature whose values are the contexts; null: the batch is one context",
    )
    optimizer: OptimizerConfig = Field(
        default=DENSE, description="of the dense weights; one that is given has the defaults below"
    )
    embedding_optimizer: OptimizerConfig | None = Field(
        default=EMBEDDINGS,
        description="of the embeddings; null, as where `optimizer` alone is given: one optimizer for all weights",
    )
    schedule: ScheduleConfig = ScheduleConfig()
    early_stopping: EarlyStoppingConfig = EarlyStoppingConfig()
    l2: float = Field(default=0.0, ge=0, description="weight of the squared dense weights in the loss")
    l2_embedding: float = Field(
        default=0.0, ge=0, description="weight of a batch's squared embeddings in the loss"
    )
    l2_rare: float | None = Field(
        default=None,
        ge=0,
        description="like l2_embedding, each divided by how often its id occurs: a Gaussian prior on every id, "
        "1 / (2 * variance); null: 50, or 1 for the single weights of logistic",
    )
    ema: float | None = Field(
        default=0.99,
        gt=0,
        lt=1,
        description="decay per step of the averaged weights that are validated and exported; null: the last weights",
    )
    id_dropout: float = Field(
        default=0.2,
        ge=0,
        lt=1,
        description="share of a rare id's impressions that train as OOV; half of it for an id of 1,000 impressions; of "
        "categorical features: a new value of a hashed one shares a row with others, which l2_rare keeps small",
    )
    keep_rate: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="share of non-clicks kept for training; at least 20 must be left",
    )
    distill: bool = Field(
        default=False, description="train one network on the ensemble's answers and export it instead"
    )
    distill_weight: float = Field(
        default=0.5, gt=0, le=1, description="share of the ensemble's answer in the student's label"
    )
    refit: bool = Field(
        default=False,
        description="when everything is chosen and judged, train once more on all of the log, validation and test slice "
        "included, for as many epochs, and export that",
    )
    baseline: BaselineConfig = BaselineConfig()
    calibration: CalibrationConfig = CalibrationConfig()
    warm_start: bool = Field(
        default=False,
        description="start from the champion's weights: known ids keep their embeddings, new ones start fresh",
    )
    seed: int = Field(default=2026, ge=0, lt=2**32)

    @model_validator(mode="before")
    @classmethod
    def _one_optimizer_is_for_all_weights(cls, given: Any) -> Any:
        if isinstance(given, dict) and "optimizer" in given and "embedding_optimizer" not in given:
            return {**given, "embedding_optimizer": None}
        return given

    def for_linear(self) -> Self:
        """How a linear model is fitted that is mixed into the networks: averaged, and with a prior on the weight of every id."""
        baseline = self.baseline
        return self.model_copy(
            update={
                "epochs": baseline.epochs,
                "optimizer": OptimizerConfig(
                    name="adamw", learning_rate=baseline.learning_rate, weight_decay=baseline.weight_decay
                ),
                "embedding_optimizer": None,
                "schedule": ScheduleConfig(),
                "l2": 0.0,
                "l2_embedding": 0.0,
                "l2_rare": 1.0,
                "ema": 0.99,
                "id_dropout": 0.0,
            }
        )
