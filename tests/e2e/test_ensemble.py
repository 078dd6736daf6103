"""Several networks in one export: trained, checked in a fresh process, published and served like any other."""

import json

import pytest

from tests.e2e.conftest import axon


@pytest.fixture(scope="module")
def report(shop, tmp_path_factory):
    """The report of a published ensemble of two."""
    directory = tmp_path_factory.mktemp("ensemble")
    learning = {"model": {"ensemble": 2}, "training": {"epochs": 1, "ema": 0.9}}
    document = shop.document(**learning, gate={"beat": []}, report={"importance": False})
    document["data"]["root"] = str(shop.data)
    config = shop.write(directory / "axon.yaml", document)
    axon("train", config, "--json", cwd=directory)
    return json.loads(next((directory / "models").rglob("report.json")).read_text())


def test_an_ensemble_passes_the_check_of_its_export_and_is_published(report):
    assert report["family"] == "mlp"


def test_the_cost_of_the_ensemble_is_reported(report):
    assert report["parameters"] == 2 * report["ensemble"]["parameters_of_one"]
    assert len(report["ensemble"]["seconds"]) == 2


def test_every_member_has_its_learning_curve_in_the_report(report):
    assert {"mlp 1", "mlp 2"} <= set(report["learning_curves"])


def test_one_network_stands_beside_the_ensemble(report):
    assert report["baselines"]["mlp 1"]["log_loss"] >= 0.99 * report["metrics"]["log_loss"]
