"""From the bytes of a body to feedback: JSON comes in, events whose form is right go out.

`service.routes.feedback` calls it; `service.decisions.feedback_desk` judges them.
"""

from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from features.values import LARGEST_MS, shown
from journal.records import Feedback, FeedbackType
from service.errors import TooManyRowsError
from service.scoring.body import MAX_ID_LENGTH, checked, decode, id_text

Id = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH), BeforeValidator(id_text)]
"""As requests to rank and the catalog read one: 7 and "7" are one."""


class FeedbackEvent(BaseModel):
    """One thing that somebody did with one item."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event_id: Id = Field(description="yours; an event that is sent again has the same")
    type: FeedbackType = Field(description="what was done; impression says that the item was seen")
    item_id: Id = Field(description="as it was ranked")
    decision_id: Id | None = Field(default=None, description="of the answer that showed the item")
    user_id: Id | None = Field(default=None, description="who did it; needed without a decision_id")
    at_ms: int | None = Field(
        default=None,
        ge=0,
        le=LARGEST_MS,
        description="when, in milliseconds since the epoch, UTC; now by default",
    )

    @field_validator("at_ms", mode="before")
    @classmethod
    def _is_no_truth(cls, at_ms: object) -> object:
        if isinstance(at_ms, bool):
            raise ValueError(f"expected milliseconds since the epoch, got {shown(at_ms)}")  # noqa: TRY004  # pydantic's own
        return at_ms

    @model_validator(mode="after")
    def _belongs_to_somebody(self) -> Self:
        if self.decision_id is None and self.user_id is None:
            raise ValueError("expected a decision_id, or a user_id where the decision is not known")
        return self


class FeedbackRequest(BaseModel):
    """One or many events."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    events: list[FeedbackEvent] = Field(min_length=1)


def read_feedback(body: bytes, *, most: int, now_ms: int) -> list[Feedback]:
    """Decode the body of a feedback request.

    Args:
        body: As it came.
        most: Most events of one request.
        now_ms: When they came, milliseconds since the epoch.

    Raises:
        MalformedJsonError: If it is not JSON.
        NotFiniteError: If it holds NaN or an infinity.
        InvalidRequestError: If events are not what they should be.
        TooManyRowsError: If there are more than `most`.
    """
    document = decode(body)
    given = document.get("events") if isinstance(document, dict) else None
    if isinstance(given, list) and len(given) > most:
        raise TooManyRowsError.at(
            "/events", f"expected at most {most} events, got {len(given)}: split the request"
        )
    request = checked(FeedbackRequest, document)
    return [_feedback(event, now_ms) for event in request.events]


def _feedback(event: FeedbackEvent, now_ms: int) -> Feedback:
    return Feedback(
        event_id=event.event_id,
        type=event.type,
        at_ms=now_ms if event.at_ms is None else event.at_ms,
        item_id=event.item_id,
        decision_id=event.decision_id or "",
        user_id=event.user_id or "",
        received_ms=now_ms,
    )
