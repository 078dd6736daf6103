"""``POST /api/v1/score``, as ``/openapi.json`` describes it; `service.transport.hot` and `service.scoring.score` answer it."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from service.openapi import SCORE_PATH

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
async def score_rows() -> ScoreResponse:
    """How likely each user is to click each item.

    A feature that is absent or null is a missing value; a feature that the model does not know is refused.
    """
    raise NotImplementedError("service.transport.hot answers before the framework does")
