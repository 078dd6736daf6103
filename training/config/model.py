"""Which network is trained."""

from typing import Literal

from pydantic import Field

from training.config.part import Part


class ModelConfig(Part):
    """Which network is trained."""

    family: str = Field(default="mlp", description="a name in training.models.FAMILIES")
    embedding_dim: int = Field(default=16, ge=1, le=1024)
    hidden: tuple[int, ...] = Field(default=(128, 64), description="units of each hidden layer")
    activation: str = Field(default="relu", description="linear, sigmoid, tanh, relu, or another of Keras")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="share of hidden units dropped")
    embedding_dropout: float = Field(
        default=0.0, ge=0, lt=1, description="share of embedding numbers dropped"
    )
    batch_norm: bool = False
    head: Literal["sigmoid", "softmax"] = "sigmoid"
