"""What the report of a real training says beyond its figures."""

import json
import re
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.e2e.conftest import Shop, axon


@pytest.fixture(scope="module")
def compared(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """The report of a run that compares with everything that is quick, and what the terminal was told."""
    directory = tmp_path_factory.mktemp("compared")
    document = shop.document(
        data={"root": str(shop.data)},
        model={"hidden": [6]},
        training={"epochs": 1},
        report={"compare": ["final_mlp"], "depth": True, "segments": []},
    )
    config = shop.write(directory / "axon.yaml", document)
    done = axon("train", config, "--no-publish", "--compare", "lightgbm", cwd=directory)
    (report,) = directory.glob("runs/*/report.json")
    return json.loads(report.read_text()), done.stdout


def test_lightgbm_is_judged_on_the_same_impressions(compared):
    report, _ = compared
    (trees,) = (peer for peer in report["peers"] if peer["name"] == "lightgbm")
    assert trees["metrics"]["impressions"] == report["metrics"]["impressions"]
    assert trees["metrics"]["log_loss"] < report["baselines"]["prior"]["log_loss"]


def test_a_distance_is_the_difference_of_the_log_losses(compared):
    report, _ = compared
    for peer in [*report["peers"], *report["depths"]]:
        expected = peer["metrics"]["log_loss"] - report["metrics"]["log_loss"]
        assert peer["behind"] == pytest.approx(expected, abs=1e-9)


def test_the_same_network_is_tried_with_a_hidden_layer_more_and_one_less(compared):
    report, _ = compared
    assert {peer["name"] for peer in report["depths"]} == {"mlp 6-6", "mlp without hidden layers"}


def test_a_family_that_the_settings_do_not_suit_is_left_out_and_the_run_goes_on(compared):
    report, _ = compared
    assert "model.hidden" in report["left_out"]["final_mlp"]


def test_the_terminal_names_the_next_best_model_and_three_features(compared):
    report, told = compared
    assert f"next best {report['peers'][0]['name']}" in told
    top = [found["feature"] for found in report["importance"]["features"][:3]]
    assert f"matters   {', '.join(top)}" in told


def test_every_feature_of_the_task_has_its_importance(shop: Shop):
    features = shop.document()["features"]
    named = {feature["name"] for side in ("user", "item", "context") for feature in features[side]}
    assert {found["feature"] for found in shop.answer["report"]["importance"]["features"]} == named


def test_unseen_users_and_items_are_those_that_the_training_slice_lacks(shop: Shop):
    report = shop.answer["report"]
    log = pl.read_csv(shop.data / "log.csv").sort("time_ms", maintain_order=True)
    train = report["data"]["slices"]["train"]["impressions"]
    test = log.tail(report["data"]["slices"]["test"]["impressions"])
    seen = {key: test[key].is_in(log.head(train)[key].unique().implode()) for key in ("user_id", "item_id")}
    for found in report["familiarity"]:
        mask = (seen["user_id"] == (found["user"] == "seen")) & (seen["item_id"] == (found["item"] == "seen"))
        assert found["metrics"]["impressions"] == mask.sum()
        assert found["metrics"]["clicks"] == test.filter(mask)["clicked"].sum()


def test_every_check_looks_at_every_layer(shop: Shop):
    looks = [point["layers"] for point in shop.answer["report"]["learning_curves"]["mlp"]]
    hidden = [look["tower hidden 1"] for look in looks]
    assert all(0 <= look["dead"] <= 1 and look["gradient_norm"] > 0 for look in hidden)


def test_a_column_that_comes_after_the_click_is_asked_about(shop: Shop, tmp_path):
    log = pl.read_csv(shop.data / "log.csv").tail(8_000)
    noise = np.random.default_rng(1).normal(scale=0.35, size=len(log))
    log.with_columns((pl.col("clicked") + noise).alias("watched_s")).write_csv(tmp_path / "log.csv")
    document = shop.document(data={"root": str(tmp_path)}, training={"epochs": 1})
    for table in ("users.csv", "items.csv"):
        (tmp_path / table).symlink_to(shop.data / table)
    document["features"]["context"].append({"kind": "numeric", "name": "watched_s"})
    done = axon("train", shop.write(tmp_path / "axon.yaml", document), "--no-publish", cwd=tmp_path)
    told = " ".join(done.stdout.split())
    assert re.search(r"warning watched_s \(AUC 0\.9\d\d alone\) may come after the click", told)
