"""(b) FastAPI, the body decoded by orjson, a constant answer of the right length: the floor of the framework."""

import orjson
from fastapi import FastAPI, Request, Response

app = FastAPI()


@app.get("/readyz")
async def ready() -> dict[str, str]:
    """Ready as soon as it runs."""
    return {"status": "ready"}


@app.post("/api/v1/score")
async def score(request: Request) -> Response:
    """One half for every row."""
    document = orjson.loads(await request.body())
    return _json({"probabilities": [0.5] * len(document["rows"])})


@app.post("/api/v1/rank")
async def rank(request: Request) -> Response:
    """The first candidates, as they came."""
    document = orjson.loads(await request.body())
    best = document["candidates"][: document.get("k")]
    items = [
        {"id": candidate["id"], "rank": place, "probability": 0.5}
        for place, candidate in enumerate(best, start=1)
    ]
    return _json({"items": items})


def _json(answer: dict[str, object]) -> Response:
    return Response(orjson.dumps(answer), media_type="application/json")
