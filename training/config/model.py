"""Which network is trained."""

from typing import Annotated, Literal

from pydantic import Field

from features.document import Document

MOST_UNITS = 65_536
"""Of a layer: more is a slip of the pen, and would only be noticed once the log was read."""

Units = Annotated[int, Field(ge=1, le=MOST_UNITS)]


class ModelConfig(Document):
    """Which network is trained."""

    family: str = Field(default="mlp", description="a name of the table in docs/models.md")
    embedding_dim: int = Field(default=16, ge=1, le=1024, description="numbers of an embedding")
    hidden: tuple[Units, ...] = Field(default=(128, 64), description="units of each hidden layer")
    activation: str = Field(default="relu", description="linear, sigmoid, tanh, relu, or another of Keras")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="share of hidden units dropped")
    embedding_dropout: float = Field(
        default=0.0, ge=0, lt=1, description="share of embedding numbers dropped"
    )
    batch_norm: bool = False
    ensemble: int = Field(
        default=1, ge=1, le=32, description="networks whose logits are averaged, of seeds seed, seed + 1, ..."
    )
    linear_member: bool = Field(
        default=False,
        description="mix a linear model into the logits, with the share that the validation slice asks for in the first target",
    )
    head: Literal["sigmoid", "softmax"] = "sigmoid"
    sharing: Literal["shared_bottom", "mmoe"] = Field(
        default="shared_bottom",
        description="what several targets share: every layer but the last, or expert towers that a gate of each target mixes",
    )
    experts: int = Field(default=4, ge=2, le=64, description="of mmoe: towers, each as `hidden` says")
    attention_units: tuple[Units, ...] = Field(
        default=(32,), description="hidden units of what weighs the tokens of an attending sequence"
    )
    attention_softmax: bool = Field(
        default=False, description="the weights of an attending sequence sum to 1"
    )
    cross_layers: int = Field(default=3, ge=1, le=10, description="of dcn_v2")
    cross_rank: int | None = Field(
        default=None,
        ge=1,
        le=MOST_UNITS,
        description="of dcn_v2: rank of each cross layer's matrix; null for full rank",
    )
    cross_structure: Literal["parallel", "stacked"] = Field(
        default="parallel", description="of dcn_v2: hidden layers beside the cross layers, or behind them"
    )
    heads: int = Field(
        default=4, ge=1, le=MOST_UNITS, description="of final_mlp: heads of the bilinear fusion"
    )
    gate_units: int = Field(
        default=64, ge=0, le=MOST_UNITS, description="of final_mlp: hidden units of a gate; 0 for no gates"
    )
    conv_channels: tuple[Units, ...] = Field(
        default=(4, 4), min_length=1, description="of ccpm: channels of each convolution"
    )
    conv_height: int = Field(
        default=5, ge=1, le=1024, description="of ccpm: neighbouring fields that a convolution sees"
    )


LINEAR = ModelConfig(family="logistic")
"""The baseline of every report, and the linear model that may be mixed into networks."""
