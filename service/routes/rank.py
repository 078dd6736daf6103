"""``POST /api/v1/rank``, as ``/openapi.json`` describes it; `service.transport.hot` and `service.ranking.rank` answer it."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from service.openapi import RANK_PATH
from service.routes.score import TARGET_FIELD

router = APIRouter(tags=["rank"])


class RankedItem(BaseModel):
    """One candidate; a model of several targets adds a probability of each."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"patternProperties": {TARGET_FIELD: {"type": "number"}}},
    )

    id: str = Field(description="as it was asked about, or as the catalog has it")
    rank: int = Field(description="1 for the best")
    probability: float = Field(description="of a click, from 0 to 1")


class RankResponse(BaseModel):
    """The best candidates, the likeliest first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    decision_id: str = Field(description="of this answer, for the log")
    model: str = Field(description="name of the model that answered")
    version: int = Field(description="its version")
    items: list[RankedItem]
    unknown: list[str] = Field(description="ids that the catalog lacks, if the request asked to list them")


@router.post(RANK_PATH, response_model=RankResponse)
async def rank_candidates() -> RankResponse:
    """Which of these items is this user likeliest to click, here and now?

    Candidates are ids of the catalog, ids with features, or all items that a filter finds. Features that come with the
    request override those of the catalog.
    """
    raise NotImplementedError("service.transport.hot answers before the framework does")
