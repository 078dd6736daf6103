"""How probabilities are calibrated on the validation slice."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from features.document import Document

Kind = Literal["none", "temperature", "platt", "beta", "isotonic"]


class CalibrationConfig(Document):
    """How probabilities are calibrated on the validation slice; the kind alone may stand for the whole part."""

    kind: Literal["auto", Kind] = Field(
        default="auto",
        description="auto is the simplest that later impressions of the validation slice do not refute",
    )
    segment: str | None = Field(
        default=None,
        description="single-valued id feature whose values may have curves of their own; null: one for all",
    )
    min_clicks: int = Field(
        default=200, ge=20, description="clicks, and non-clicks, that a value needs for its own curve"
    )

    prior: float | None = Field(
        default=None,
        gt=0,
        description="spread of a prior that holds slope and shift near 1 and 0 unless the validation clicks insist, such as "
        "0.02; where neighbouring clicks are alike, they count as fewer; isotonic cannot be held, so auto does not try it then; "
        "null: none",
    )

    @model_validator(mode="before")
    @classmethod
    def _from_its_kind(cls, value: Any) -> Any:
        return {"kind": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _has_a_curve_to_divide(self) -> Self:
        if self.kind == "none" and self.segment is not None:
            raise ValueError(
                f"expected a kind beside segment: {self.segment!r}, got none; take auto or drop segment"
            )
        return self

    @model_validator(mode="after")
    def _has_a_slope_to_hold(self) -> Self:
        if self.kind in {"none", "isotonic"} and self.prior is not None:
            raise ValueError(
                f"expected a kind with slope and shift beside prior: {self.prior}, got {self.kind}, which has neither; take "
                "another kind, or null as prior"
            )
        return self
