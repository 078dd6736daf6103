"""(c) What careful people write: FastAPI, a Pydantic body, the SavedModel's concrete function in the thread pool."""

from typing import Any

import orjson
from fastapi import FastAPI, Response
from pydantic import BaseModel, ConfigDict, Field, create_model

from benchmarks.serving.servers.network import Network
from benchmarks.serving.servers.questions import answer
from features.spec import RawKind

_TYPES: dict[RawKind, Any] = {
    RawKind.TEXT: str | None,
    RawKind.NUMBER: float | None,
    RawKind.TIME: int | None,
    RawKind.TEXTS: list[str] | None,
}
_STRICT = ConfigDict(extra="forbid")

network = Network.named()


def _features(side: str) -> type[BaseModel]:
    """The features of a side as a model, every one of its own type and none of them required."""
    fields: Any = {raw.column: (_TYPES[raw.kind], None) for raw in network.inputs if raw.side.value == side}
    model: type[BaseModel] = create_model(side.title(), __config__=_STRICT, **fields)
    return model


User, Item, Context = (_features(side) for side in ("user", "item", "context"))


class Row(BaseModel):
    """One pair of a score request."""

    model_config = _STRICT

    user: User = Field(default_factory=User)  # type: ignore[valid-type]  # made from the model's spec
    item: Item = Field(default_factory=Item)  # type: ignore[valid-type]
    context: Context = Field(default_factory=Context)  # type: ignore[valid-type]


class ScoreRequest(BaseModel):
    """Rows, each with a probability of its own."""

    model_config = _STRICT

    rows: list[Row] = Field(min_length=1, max_length=5000)


class Asker(BaseModel):
    """Who asks."""

    model_config = _STRICT

    id: str | None = None
    features: User = Field(default_factory=User)  # type: ignore[valid-type]


class Candidate(BaseModel):
    """An item with its features."""

    model_config = _STRICT

    id: str
    features: Item = Field(default_factory=Item)  # type: ignore[valid-type]


class RankRequest(BaseModel):
    """A user, a moment and candidates."""

    model_config = _STRICT

    user: Asker
    context: Context = Field(default_factory=Context)  # type: ignore[valid-type]
    candidates: list[Candidate] = Field(min_length=1, max_length=5000)
    k: int | None = Field(default=None, ge=1)


app = FastAPI()


@app.get("/readyz")
async def ready() -> dict[str, str]:
    """Ready: the network is loaded when this file is imported."""
    return {"status": "ready"}


@app.post("/api/v1/score")
def score(request: ScoreRequest) -> Response:
    """One probability per row."""
    rows = [
        {"user": vars(row.user), "item": vars(row.item), "context": vars(row.context)} for row in request.rows
    ]
    return _answered({"rows": rows})


@app.post("/api/v1/rank")
def rank(request: RankRequest) -> Response:
    """The likeliest candidates."""
    user = {"id": request.user.id, "features": vars(request.user.features)}
    candidates = [{"id": one.id, "features": vars(one.features)} for one in request.candidates]
    return _answered(
        {"user": user, "context": vars(request.context), "candidates": candidates, "k": request.k}
    )


def _answered(document: dict[str, Any]) -> Response:
    question = network.reader.read(document)
    answered = answer(question, network.probabilities(question.values))
    return Response(orjson.dumps(answered), media_type="application/json")
