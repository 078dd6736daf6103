"""A feature has one value and an impression one probability, whichever way they are asked for."""

import json

import numpy as np
import polars as pl
import pytest

from features.encoder import Encoder
from features.fitted import FittedEdges
from registry.local import LocalRegistry
from registry.reference import ModelRef
from tests.e2e.conftest import Shop, axon, served
from training.config import load_config
from training.encoding.encode import compiled, raw_tensors
from training.errors import SkewError
from training.export.loaded import LoadedModel
from training.export.parity import Answers, answers_of_fresh_process, check_parity
from training.log.log_reader import read_log
from training.log.quarantine import Quarantine

HELD_OUT = 10_000


@pytest.fixture(scope="module")
def version(shop: Shop):
    return LocalRegistry(shop.registry).resolve(ModelRef.parse("shop"))


@pytest.fixture(scope="module")
def held_out(shop: Shop, version, tmp_path_factory) -> pl.DataFrame:
    """The last 10,000 impressions, typed and joined."""
    task = load_config(shop.config)
    with Quarantine(tmp_path_factory.mktemp("bad") / "rows.jsonl", 0.0) as quarantine:
        chunks = read_log(task.data, task.features.raw_inputs(), shop.data, quarantine=quarantine)
        return pl.concat([chunk.raw for chunk in chunks])[-HELD_OUT:]


@pytest.fixture(scope="module")
def scored(shop: Shop, tmp_path_factory) -> pl.DataFrame:
    """What `axon score` says of the whole log."""
    target = tmp_path_factory.mktemp("scored") / "scored.parquet"
    axon("score", shop.config, shop.data / "log.csv", target, cwd=shop.directory)
    return pl.read_parquet(target)


def test_score_keeps_the_columns_and_the_order_of_the_log(shop: Shop, scored):
    log = pl.read_csv(shop.data / "log.csv", infer_schema=False)
    assert scored.columns == [*log.columns, "probability"]
    assert scored.drop("probability").equals(log)


def test_the_reloaded_savedmodel_answers_what_score_wrote(version, held_out, scored):
    probabilities = LoadedModel.open(version.directory).probabilities(held_out)
    np.testing.assert_allclose(probabilities, scored["probability"].to_numpy()[-HELD_OUT:], rtol=0, atol=1e-6)


def test_http_answers_what_score_wrote(shop: Shop, version, held_out, scored):
    inputs = version.fitted_spec().spec.raw_inputs()
    rows = []
    for values in held_out.iter_rows(named=True):
        row: dict = {"user": {}, "item": {}, "context": {}}
        for raw in inputs:
            row[raw.side][raw.column] = values[raw.column]
        rows.append(row)
    answered: list[float] = []
    with served(shop.registry, shop.directory) as client:
        for start in range(0, HELD_OUT, 1_000):
            response = client.post("/api/v1/score", json={"rows": rows[start : start + 1_000]})
            assert response.status_code == 200, response.text
            answered += response.json()["probabilities"]
    np.testing.assert_allclose(answered, scored["probability"].to_numpy()[-HELD_OUT:], rtol=0, atol=1e-6)


def test_evaluate_judges_the_probabilities_that_score_wrote(shop: Shop, scored):
    from training.metrics import auc, log_loss

    done = axon("evaluate", shop.config, shop.data / "log.csv", "--json", cwd=shop.directory)
    metrics = json.loads(done.stdout)["report"]["metrics"]
    clicked = scored["clicked"].cast(pl.Int8).to_numpy()
    probabilities = scored["probability"].cast(pl.Float64).to_numpy()
    assert metrics["log_loss"] == pytest.approx(log_loss(clicked, probabilities), abs=1e-6)
    assert metrics["auc"] == pytest.approx(auc(clicked, probabilities), abs=1e-6)


def test_a_fresh_process_encodes_what_training_encodes_to_the_last_bit(version, held_out, tmp_path):
    fitted = version.fitted_spec()
    encoded = compiled(Encoder(fitted, tmp_path))(raw_tensors(held_out, fitted.spec.raw_inputs()))
    fresh = answers_of_fresh_process(version.directory, held_out, tmp_path)
    assert np.array_equal(encoded.ids.numpy(), fresh.ids)
    assert np.array_equal(encoded.values.numpy().view(np.int32), fresh.values.view(np.int32))


def test_one_moved_bucket_edge_is_found_and_named(version, held_out, tmp_path):
    fitted = version.fitted_spec()
    edges = list(fitted.fitted["price_bucket"].edges)
    edges[5] = float(np.float32(edges[5] * 1.02))
    moved = fitted.model_copy(
        update={"fitted": {**fitted.fitted, "price_bucket": FittedEdges(edges=tuple(edges))}}
    )
    encoded = compiled(Encoder(moved, tmp_path))(raw_tensors(held_out, fitted.spec.raw_inputs()))
    fresh = answers_of_fresh_process(version.directory, held_out, tmp_path)
    trained = Answers(encoded.ids.numpy(), encoded.values.numpy(), fresh.probabilities)
    with pytest.raises(SkewError, match="price_bucket"):
        check_parity(version.directory, held_out, trained, tmp_path)
