"""``POST /api/v1/feedback``: what people did about answers; an event that was acknowledged is on the disc."""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from journal.records import Feedback
from service.decisions.events import FeedbackEvent, read_feedback
from service.decisions.feedback_desk import Verdict
from service.decisions.opening import Decisions
from service.errors import FeedbackOffError
from service.openapi import FEEDBACK_PATH, json_body, problem_responses
from service.past.past import clock_ms
from service.routes.body import read_body
from service.state import service_of

router = APIRouter(tags=["feedback"])

_DETAILS = {
    Verdict.DUPLICATE: "an event of this id is kept already: nothing is lost, and nothing counts twice",
    Verdict.LATE: "kept, but it came later than AXON_FEEDBACK_WINDOW_S after it happened: its label may have been settled",
    Verdict.UNKNOWN: "kept, but no decision of this id was found: it may be too old, not noted (AXON_DECISION_RATE_RANK), or so new that another process is writing it",
    Verdict.FUTURE: "not kept: it lies further ahead than AXON_FEEDBACK_FUTURE_S; set the clock, or send milliseconds in UTC",
}


class JudgedEvent(BaseModel):
    """An event about which there is something to say."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event_id: str
    verdict: Verdict
    detail: str


class FeedbackResponse(BaseModel):
    """What became of the events; their numbers add up to those of the request."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    accepted: int = Field(description="kept, and nothing more to say")
    duplicate: int = Field(description="kept already, and not again")
    late: int = Field(description="kept, long after they happened")
    unknown: int = Field(description="kept, of a decision that nobody here remembers")
    future: int = Field(description="not kept: they have not happened yet")
    events: list[JudgedEvent] = Field(description="all but the accepted ones, in the order of the request")


def _description() -> dict[str, Any]:
    event = FeedbackEvent.model_json_schema()
    event["anyOf"] = [{"required": ["decision_id"]}, {"required": ["user_id"]}]
    schema = {
        "type": "object",
        "title": "FeedbackRequest",
        "required": ["events"],
        "additionalProperties": False,
        "properties": {"events": {"type": "array", "minItems": 1, "items": event}},
    }
    example = {
        "events": [
            {"event_id": "e1", "type": "impression", "user_id": "u1", "item_id": "a1"},
            {"event_id": "e2", "type": "click", "user_id": "u1", "item_id": "a1"},
        ]
    }
    return json_body(schema, example)


@router.post(
    FEEDBACK_PATH,
    response_model=FeedbackResponse,
    responses=problem_responses(feedback=True),
    openapi_extra=_description(),
)
async def take_feedback(request: Request) -> FeedbackResponse:
    """What did people do with what they were shown?

    Every event has an id of its own, and may be sent again until it is acknowledged: it counts once.
    """
    service = service_of(request)
    body = await read_body(request, service)
    if service.decisions is None:
        raise FeedbackOffError(
            "this service keeps no decisions and so no feedback: set AXON_DECISIONS=file:DIR"
        )
    return await run_in_threadpool(_take, service.decisions, body, service.settings.max_rows)


def _take(decisions: Decisions, body: bytes, most: int) -> FeedbackResponse:
    events = read_feedback(body, most=most, now_ms=clock_ms())
    verdicts = decisions.desk.take(events)
    decisions.metrics.judged(verdicts)
    return _response(events, verdicts)


def _response(events: list[Feedback], verdicts: list[Verdict]) -> FeedbackResponse:
    return FeedbackResponse(
        **{verdict.value: verdicts.count(verdict) for verdict in Verdict},
        events=[
            JudgedEvent(event_id=event.event_id, verdict=verdict, detail=_DETAILS[verdict])
            for event, verdict in zip(events, verdicts, strict=True)
            if verdict is not Verdict.ACCEPTED
        ],
    )
