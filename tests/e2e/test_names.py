"""A log whose columns are called as Python and TensorFlow call their own: trained, published, scored with and served."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from tests.e2e.conftest import axon, served

SIDES = {
    "user": {"self": "numeric", "class": "categorical", "Country": "categorical", "1st": "categorical"},
    "item": {"lambda": "categorical", "country": "categorical", "a.b": "categorical", "a_b": "numeric"},
    "context": {"None": "categorical", "arg_1st": "categorical", "long" * 75: "categorical"},
}
TASK = {
    "name": "odd",
    "data": {"log": "log.csv", "label": "clicked", "time": None},
    "features": {
        side: [{"kind": kind, "name": name} for name, kind in kinds.items()] for side, kinds in SIDES.items()
    },
    "model": {"family": "mlp", "embedding_dim": 2, "hidden": [4]},
    "training": {"epochs": 1},
    "gate": {"beat": []},
}
ROWS = 600


@pytest.fixture(scope="module")
def directory(tmp_path_factory) -> Path:
    """Of the log, a version, and what `axon score` made of the log."""
    directory = tmp_path_factory.mktemp("odd")
    random = np.random.default_rng(0)
    kinds = {name: kind for side in SIDES.values() for name, kind in side.items()}
    cells = {
        name: random.integers(0, 4, ROWS) if kind == "numeric" else random.choice(["x", "y", "z"], ROWS)
        for name, kind in kinds.items()
    }
    pl.DataFrame({**cells, "clicked": random.integers(0, 2, ROWS)}).write_csv(directory / "log.csv")
    (directory / "axon.yaml").write_text(yaml.safe_dump(TASK))
    axon("train", "axon.yaml", cwd=directory)
    axon("score", "axon.yaml", "log.csv", "scored.parquet", cwd=directory)
    return directory


@pytest.mark.parametrize("runtime", ["onnx", "tensorflow"])
def test_columns_may_be_called_as_python_and_tensorflow_call_their_own(directory, runtime):
    scored = pl.read_parquet(directory / "scored.parquet").head(20).cast({"self": pl.Int64, "a_b": pl.Int64})
    rows = [
        {side: {name: row[name] for name in kinds} for side, kinds in SIDES.items()}
        for row in scored.iter_rows(named=True)
    ]
    first = rows[0]
    question = {
        "user": {"features": first["user"]},
        "context": first["context"],
        "candidates": [{"id": str(place), "features": row["item"]} for place, row in enumerate(rows)],
    }
    with served(directory / "models", directory, runtime=runtime) as client:
        answer = client.post("/api/v1/score", json={"rows": rows}).json()
        pairs = [{**first, "item": row["item"]} for row in rows]
        alike = client.post("/api/v1/score", json={"rows": pairs}).json()
        ranked = client.post("/api/v1/rank", json=question).json()
    assert answer["probabilities"] == pytest.approx(scored["probability"].to_list(), abs=1e-6)
    by_id = {item["id"]: item["probability"] for item in ranked["items"]}
    assert [by_id[str(place)] for place in range(20)] == pytest.approx(alike["probabilities"], abs=1e-6)
