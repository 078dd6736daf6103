"""The field's reference network, which shows whether a run is valid: a directory comes in, a SavedModel and bodies go out.

Ten categorical fields of integers, embedding 16, 400-400-400, sigmoid: what the shares of `ratios.MEASURED` were measured with.
Untrained, for only its time counts. Nothing of Axon is in it.
"""

import shutil
from pathlib import Path

import numpy as np
import orjson

from benchmarks.serving.bodies import SEED, Shape

FIELDS = tuple(f"f{place}" for place in range(10))
VOCABULARY = 2_000
EMBEDDING_DIM = 16
HIDDEN = (400, 400, 400)


def network(work: Path) -> Path:
    """The directory of the SavedModel, made if need be; each field comes in as integers of shape ``(rows,)``."""
    directory = work / "reference-network"
    if directory.is_dir():
        return directory
    import keras  # heavy, and needed once

    inputs = {field: keras.Input((), dtype="int32", name=field) for field in FIELDS}
    hidden = keras.layers.Concatenate()(
        [keras.layers.Embedding(VOCABULARY, EMBEDDING_DIM)(field) for field in inputs.values()]
    )
    for width in HIDDEN:
        hidden = keras.layers.Dense(width, activation="relu")(hidden)
    probability = keras.layers.Dense(1, activation="sigmoid")(hidden)
    beside = work / "reference-network.making"
    shutil.rmtree(beside, ignore_errors=True)
    keras.Model(inputs, {"probability": probability}).export(beside, format="tf_saved_model", verbose=False)
    return beside.rename(directory)


def write_bodies(shape: Shape, directory: Path) -> Path:
    """The file of a shape: score requests with a row per candidate."""
    directory.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([SEED, shape.candidates])
    tokens = rng.integers(0, VOCABULARY, (shape.bodies, shape.candidates, len(FIELDS))).tolist()
    path = directory / f"reference-{shape.name}.jsonl"
    path.write_bytes(
        b"\n".join(
            orjson.dumps({"rows": [dict(zip(FIELDS, row, strict=True)) for row in rows]}) for rows in tokens
        )
    )
    return path
