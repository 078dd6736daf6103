"""(c) What careful people write: FastAPI, a Pydantic body, the SavedModel's concrete function in the thread pool."""

from typing import Annotated, Any, NotRequired

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from benchmarks.serving.servers.computing import few_threads, one_thread_per_call, read_body
from benchmarks.serving.servers.network import Network
from benchmarks.serving.servers.questions import answer
from features.spec import RawKind

_TYPES: dict[RawKind, Any] = {
    RawKind.TEXT: str | None,
    RawKind.NUMBER: float | None,
    RawKind.TIME: int | None,
    RawKind.TEXTS: list[str] | None,
}

one_thread_per_call()
network = Network.named()


def _object(name: str, **fields: Any) -> Any:
    """A JSON object of these fields and no others."""
    of_fields: Any = TypedDict(name, fields)  # type: ignore[misc]  # made from the model's spec
    return with_config(ConfigDict(extra="forbid"))(of_fields)


def _many(of: Any) -> Any:
    return Annotated[list[of], Field(min_length=1, max_length=5000)]


def _features(side: str) -> Any:
    """The features of a side, every one of its own type and none of them required."""
    of_side = [raw for raw in network.inputs if raw.side.value == side]
    return _object(side.title(), **{raw.column: NotRequired[_TYPES[raw.kind]] for raw in of_side})


_user, _item, _context = (_features(side) for side in ("user", "item", "context"))
_pair = _object("Row", user=NotRequired[_user], item=NotRequired[_item], context=NotRequired[_context])
_asker = _object("Asker", id=NotRequired[str | None], features=NotRequired[_user])
_candidate = _object("Candidate", id=str, features=_item)
_k = NotRequired[Annotated[int, Field(ge=1)] | None]

_score = TypeAdapter(_object("ScoreRequest", rows=_many(_pair)))
_rank = TypeAdapter(
    _object("RankRequest", user=_asker, context=NotRequired[_context], candidates=_many(_candidate), k=_k)
)
app = FastAPI(lifespan=few_threads)


@app.get("/readyz")
async def ready() -> dict[str, str]:
    """Ready: the network is loaded when this file is imported."""
    return {"status": "ready"}


@app.post("/api/v1/score")
async def score(request: Request) -> Response:
    """One probability per row."""
    return await run_in_threadpool(_answered, await read_body(_score, request))


@app.post("/api/v1/rank")
async def rank(request: Request) -> Response:
    """The likeliest candidates."""
    return await run_in_threadpool(_answered, await read_body(_rank, request))


def _answered(document: dict[str, Any]) -> Response:
    question = network.reader.read(document)
    answered = answer(question, network.probabilities(question.values))
    return Response(orjson.dumps(answered), media_type="application/json")
