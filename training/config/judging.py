"""What judges a model: the cuts in time, the gate and what the report shows."""

from datetime import datetime
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from features.document import Document


class SplitConfig(Document):
    """Past trains, future judges: cuts in time, as moments or as shares of the impressions.

    Impressions before ``validation_from`` train, those before ``test_from`` choose, the rest judge. Where
    ``test_from`` is null there is no test slice and the report is about the validation slice.
    """

    validation_from: datetime | float = Field(
        default=0.8, description="a moment with its zone, or a share in (0, 1)"
    )
    test_from: datetime | float | None = Field(
        default=0.9, description="like validation_from; null for no test slice"
    )

    @field_validator("validation_from", "test_from")
    @classmethod
    def _is_usable(cls, cut: datetime | float | None) -> datetime | float | None:
        if isinstance(cut, datetime) and cut.tzinfo is None:
            raise ValueError(
                f"expected a moment with its time zone such as 2022-05-05T00:00:00+08:00, got {cut}"
            )
        if isinstance(cut, float) and not 0 < cut < 1:
            raise ValueError(f"expected a share between 0 and 1, got {cut}")
        return cut

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        early, late = self.validation_from, self.test_from
        if late is None:
            return self
        if type(early) is not type(late):
            raise ValueError("expected two moments or two shares, got one of each")
        if not early < late:  # type: ignore[operator]  # same type on both sides
            raise ValueError(f"expected validation_from before test_from, got {early} and {late}")
        return self


class ChampionGateConfig(Document):
    """What a challenger may lose against the champion on the same held-out slice; null asks for nothing.

    Both answer as they were exported. Users are redrawn to tell a loss from chance.
    """

    max_log_loss_increase: float | None = Field(
        default=0.01,
        ge=0,
        description="as a share of the champion's log loss; the whole interval must stay below it",
    )
    max_gauc_drop: float | None = Field(
        default=0.02, ge=0, description="in GAUC; the whole interval must stay below it"
    )
    max_segment_increase: float | None = Field(
        default=0.02,
        ge=0,
        description="as a share of the champion's log loss on any value of report.segments; refused where the whole "
        "interval lies above it, widened as there are many segments",
    )
    confidence: float = Field(
        default=0.95, gt=0.5, lt=1, description="how sure an end of an interval is, each by itself"
    )
    resamples: int = Field(default=1000, ge=100, le=100_000, description="how often the users are redrawn")
    incomparable: Literal["refuse", "baselines"] = Field(
        default="refuse",
        description="what to do where the champion cannot answer for this log: refuse, or ask `beat` and the bounds alone",
    )


class GateConfig(Document):
    """What a model must reach on the held-out slice before it is published; null asks for nothing."""

    beat: tuple[Literal["prior", "logistic"], ...] = Field(
        default=("prior",),
        description="lower log loss than these; a note says so where the model is a logistic itself, and is not compared with one",
    )
    min_auc: float | None = Field(default=None, ge=0, le=1)
    max_log_loss: float | None = Field(default=None, gt=0)
    max_ece: float | None = Field(default=None, gt=0, le=1)
    max_calibration_error: float | None = Field(
        default=0.5, gt=0, description="largest distance of predicted over observed clicks from 1"
    )
    max_megabytes: float | None = Field(default=None, gt=0, description="largest size of the export on disc")
    max_latency_ms: float | None = Field(
        default=None,
        gt=0,
        description="longest that the export may take for 100 impressions, the median of 30 calls",
    )
    champion: ChampionGateConfig = ChampionGateConfig()


class ReportConfig(Document):
    """What the report shows beside the whole slice."""

    segments: tuple[str, ...] = Field(
        default=(), description="columns by whose values the metrics are repeated"
    )
    max_values: int = Field(
        default=10, ge=1, le=100, description="most frequent values of a segment column shown"
    )
    compare: tuple[str, ...] = Field(
        default=(),
        description="models trained beside it and judged on the same impressions: names of families, lightgbm, or all "
        "for each of them and depth; prior and logistic always are",
    )
    depth: bool = Field(
        default=False, description="whether to train the same with one hidden layer more, and with one less"
    )
    importance: bool = Field(
        default=True, description="whether to permute every feature on the held-out slice"
    )
