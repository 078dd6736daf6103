"""How the service runs: environment variables with the prefix AXON_ come in, once, and `ServiceSettings` go out.

The command line may override them; `service.run` and `service.app` are built from them.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from history.stores.opening import SCHEMES
from registry.reference import ModelRef


class ServiceSettings(BaseSettings):
    """Everything about the service that is not the model's business."""

    model_config = SettingsConfigDict(env_prefix="AXON_", frozen=True, extra="forbid")

    registry: Path = Field(default=Path("models"), description="directory of published models")
    model: str | None = Field(
        default=None, description="NAME[:VERSION|@ALIAS]; by default the champion of the only model"
    )
    host: str = Field(default="127.0.0.1", description="address to listen on; this machine only by default")
    port: int = Field(default=8000, ge=0, le=65535)
    max_rows: int = Field(default=5000, ge=1, le=1_000_000, description="most rows of one request")
    max_body_bytes: int = Field(default=8 * 1024 * 1024, ge=1, description="most bytes of one request's body")
    history: str | None = Field(
        default=None,
        description="store of what happened before, kept up to date by somebody: redis://HOST:PORT/NUMBER or sqlite:PATH; "
        "by default what it was at the end of training, kept with the version",
    )
    threads: int | None = Field(
        default=None, ge=1, le=1024, description="cores used for scoring; all of them by default"
    )
    poll_s: float = Field(
        default=2.0, gt=0, le=3600, description="seconds between two looks into the registry"
    )
    drain_s: float = Field(
        default=1.0,
        ge=0,
        le=600,
        description="seconds between saying 'not ready' and closing the port, for balancers to notice",
    )
    stop_s: int = Field(default=20, ge=1, le=600, description="longest wait for open requests when stopping")
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("model")
    @classmethod
    def _model_is_a_reference(cls, model: str | None) -> str | None:
        if model is not None:
            ModelRef.parse(model)
        return model

    @field_validator("history")
    @classmethod
    def _history_is_an_address(cls, history: str | None) -> str | None:
        if history is not None and history.partition(":")[0] not in SCHEMES:
            raise ValueError(f"expected one of {', '.join(SCHEMES)} before the first colon, got {history!r}")
        return history

    @property
    def wanted(self) -> ModelRef | None:
        """The version to serve; None for the champion of the only model."""
        return None if self.model is None else ModelRef.parse(self.model)
