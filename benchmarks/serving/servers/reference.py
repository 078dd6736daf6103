"""What careful people write for the reference network: FastAPI, a Pydantic body, the SavedModel's concrete function in the thread pool."""

import gc
import os
from operator import itemgetter
from typing import Annotated, Any

import numpy as np
import orjson
import tensorflow as tf
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict

from benchmarks.serving.reference import FIELDS
from benchmarks.serving.servers.computing import few_threads, one_thread_per_call, read_body
from benchmarks.serving.servers.questions import MODEL

_fields: Any = dict.fromkeys(FIELDS, int)
Row: Any = TypedDict("Row", _fields)  # type: ignore[misc]  # as many fields as the network has
_values = itemgetter(*FIELDS)


class ScoreRequest(TypedDict):
    """Rows, each with a probability of its own."""

    rows: Annotated[list[Row], Field(min_length=1, max_length=5000)]


_body = TypeAdapter(ScoreRequest)

one_thread_per_call()
_model = tf.saved_model.load(os.environ[MODEL])
_call = _model.signatures["serving_default"]
# As in `network`: the collector need look neither at what TensorFlow has loaded nor at the objects of each request.
gc.collect()
gc.freeze()
gc.set_threshold(50_000, 10, 10)

app = FastAPI(lifespan=few_threads)


@app.get("/readyz")
async def ready() -> dict[str, str]:
    """Ready: the network is loaded when this file is imported."""
    return {"status": "ready"}


@app.post("/api/v1/score")
async def score(request: Request) -> Response:
    """One probability per row."""
    return await run_in_threadpool(_answered, await read_body(_body, request))


def _answered(asked: ScoreRequest) -> Response:
    tokens = np.array([_values(row) for row in asked["rows"]], np.int32)
    columns = {field: tf.constant(tokens[:, place]) for place, field in enumerate(FIELDS)}
    probabilities = _call(**columns)["probability"].numpy()[:, 0].tolist()
    return Response(orjson.dumps({"probabilities": probabilities}), media_type="application/json")
