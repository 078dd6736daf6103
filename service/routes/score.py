"""``POST /api/v1/score``: a body comes in, one probability per row goes out."""

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from starlette.concurrency import run_in_threadpool

from service.body import read_score_request
from service.errors import BodyTooLargeError, MediaTypeError
from service.middleware import SERVED_BY
from service.openapi import SCORE_PATH
from service.scorer import score
from service.state import Service, service_of

TARGET_FIELD = "^probability_[a-z][a-z0-9_]*$"
TARGET_SCHEMA: dict[str, JsonValue] = {
    "type": "array",
    "items": {"type": "number"},
    "description": "of a target such as a purchase, one per row, each from 0 to 1",
}

router = APIRouter(tags=["score"])


class ScoreResponse(BaseModel):
    """One probability per row, in the order of the rows; a model of several targets has such a list for each."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"patternProperties": {TARGET_FIELD: TARGET_SCHEMA}},
    )

    model: str = Field(description="name of the model that answered")
    version: int = Field(description="its version")
    probabilities: list[float] = Field(description="of a click, one per row, each from 0 to 1")


@router.post(SCORE_PATH, response_model=ScoreResponse)
async def score_rows(request: Request) -> Response:
    """How likely each user is to click each item.

    A feature that is absent or null is a missing value; a feature that the model does not know is refused.
    """
    service = service_of(request)
    _check_media_type(request)
    body = await _read_body(request, service.settings.max_body_bytes)
    # Decoding and scoring hold the processor: they must not hold the event loop.
    return await run_in_threadpool(_answer, service, request, body)


def _answer(service: Service, request: Request, body: bytes) -> Response:
    asked = read_score_request(body, max_rows=service.settings.max_rows)
    live = service.holder.pick(asked.model)
    request.scope[SERVED_BY] = live
    scored = score(asked.rows, live)
    service.metrics.scored(live, scored)
    answer = {
        "model": live.name,
        "version": live.version,
        "probabilities": scored.probabilities,
        **scored.targets,
    }
    return Response(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")


def _check_media_type(request: Request) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise MediaTypeError(f"expected Content-Type application/json, got {media_type[:100] or 'none'!r}")
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise MediaTypeError(f"expected a body without Content-Encoding, got {encoding[:100]!r}")


async def _read_body(request: Request, limit: int) -> bytes:
    """The body, counted while it comes, whatever its Content-Length says.

    Raises:
        BodyTooLargeError: As soon as it has more than `limit` bytes.
    """
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > limit:
        raise BodyTooLargeError(f"expected at most {limit} bytes, got {announced}: split the request")
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise BodyTooLargeError(f"expected at most {limit} bytes, got more: split the request")
        chunks.append(chunk)
    return b"".join(chunks)
