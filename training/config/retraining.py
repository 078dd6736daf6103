"""When a model is trained again, and what the newer log must look like."""

from typing import Literal

from pydantic import Field, field_validator

from features.document import Document
from features.spec import Duration, milliseconds


class ChecksConfig(Document):
    """What `axon retrain` asks of the impressions since the champion's; null asks for nothing."""

    same_columns: bool = Field(default=True, description="the columns and their kinds are the champion's")
    min_impressions: int = Field(
        default=1000,
        ge=1,
        description="with fewer new impressions nothing is compared, as chance would speak",
    )
    max_volume_factor: float | None = Field(
        default=5.0, gt=1, description="how many times more, or fewer, impressions a day than before"
    )
    max_click_rate_factor: float | None = Field(
        default=2.0, gt=1, description="how many times higher, or lower, than before the click rate may be"
    )
    max_psi: float | None = Field(
        default=0.25,
        gt=0,
        description="population stability index of every column against the champion's data",
    )
    psi: dict[str, float | None] = Field(
        default_factory=dict, description="the same for single columns, such as {price: 0.5}"
    )


class JoinConfig(Document):
    """What `axon retrain` adds to the log: the service's decisions, labelled with what people did."""

    decisions: str | None = Field(
        default=None,
        description="where the service keeps decisions and feedback, file:DIR or redis://HOST:PORT/NUMBER; null adds "
        "nothing; `--decisions` names another place",
    )
    window: str = Field(default="30m", description="how long after its impression a click counts")
    shown: Literal["impressions", "answered"] = Field(
        default="impressions",
        description="what was shown: items with an impression event, or all that were answered",
    )
    positions: int | None = Field(
        default=None, ge=1, description="with `answered`: only so many from the top were shown; null for all"
    )

    @field_validator("window")
    @classmethod
    def _is_a_duration(cls, duration: str) -> str:
        if milliseconds(duration) <= 0:
            raise ValueError(f"expected more than no time, such as 30m, got {duration!r}")
        return duration

    @property
    def window_ms(self) -> int:
        return milliseconds(self.window)


class RetrainConfig(Document):
    """How `axon retrain` gathers its log and comes back."""

    join: JoinConfig = JoinConfig()
    attribution: Duration = Field(
        default="0s",
        description="how long after its impression a click may come, such as 30m: younger impressions are left out, as "
        "they are not negatives yet",
    )
    backoff: Duration = Field(
        default="1m",
        description="wait after a failed run; twice as long after each further one, up to --every",
    )

    @property
    def attribution_ms(self) -> int:
        return milliseconds(self.attribution)

    @property
    def backoff_s(self) -> float:
        return milliseconds(self.backoff) / 1000
