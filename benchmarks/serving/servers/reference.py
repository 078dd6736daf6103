"""What careful people write for the reference network: FastAPI, a Pydantic body, the SavedModel's concrete function in the thread pool."""

import gc
import os
from operator import attrgetter
from typing import Any

import numpy as np
import orjson
import tensorflow as tf
from fastapi import FastAPI, Response
from pydantic import BaseModel, Field, create_model

from benchmarks.serving.reference import FIELDS
from benchmarks.serving.servers.questions import MODEL

_fields: Any = dict.fromkeys(FIELDS, (int, ...))
Row: type[BaseModel] = create_model("Row", **_fields)
_values = attrgetter(*FIELDS)


class ScoreRequest(BaseModel):
    """Rows, each with a probability of its own."""

    rows: list[Row] = Field(min_length=1, max_length=5000)


_model = tf.saved_model.load(os.environ[MODEL])
_call = _model.signatures["serving_default"]
# As in `network`: the collector need look neither at what TensorFlow has loaded nor at the objects of each request.
gc.collect()
gc.freeze()
gc.set_threshold(50_000, 10, 10)

app = FastAPI()


@app.get("/readyz")
async def ready() -> dict[str, str]:
    """Ready: the network is loaded when this file is imported."""
    return {"status": "ready"}


@app.post("/api/v1/score")
def score(request: ScoreRequest) -> Response:
    """One probability per row."""
    tokens = np.array([_values(row) for row in request.rows], np.int32)
    columns = {field: tf.constant(tokens[:, place]) for place, field in enumerate(FIELDS)}
    probabilities = _call(**columns)["probability"].numpy()[:, 0].tolist()
    return Response(orjson.dumps({"probabilities": probabilities}), media_type="application/json")
