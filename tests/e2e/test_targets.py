"""Click, play and purchase from log to HTTP: one network of three heads, trained, published, scored with and served."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from registry.local import LocalRegistry
from registry.reference import ModelRef
from simulator import WorldConfig, write_shop
from tests.e2e.conftest import EXAMPLE, served
from training.config import TaskConfig, parse_config
from training.errors import DataError, GateClosedError
from training.gate.champion import Champion, champion_of
from training.log.quarantine import Quarantine
from training.pipeline import Places, train
from training.progress import Silent
from training.scoring.evaluate import evaluate_log
from training.scoring.scoring import Scorer, score_file

NOW = datetime(2026, 5, 1, tzinfo=UTC)
TARGETS = ("click", "play", "purchase")
OUTPUTS = [f"probability_{target}" for target in TARGETS]


class Shop:
    """A small shop, with a version of the three targets published."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.data = directory, directory / "data"
        write_shop(WorldConfig(impressions=40_000, users=400, items=120), self.data)
        self.document = yaml.safe_load(EXAMPLE.with_name("targets.yaml").read_text())
        self.document["model"] |= {"hidden": [32], "embedding_dim": 8}
        self.document["training"] |= {"epochs": 5, "batch_size": 512, "calibration": "platt"}
        self.document["training"]["baseline"] = {"epochs": 3}
        self.document["split"] = {"validation_from": 0.7, "test_from": 0.8}
        self.document["gate"] = {"beat": ["prior"]}
        self.document["report"] = {"importance": False}
        places = Places(self.data, directory / "runs", LocalRegistry(directory / "models"))
        self.report = train(self.task(), places, now=NOW, progress=Silent()).report

    def task(self, *targets: dict) -> TaskConfig:
        document = self.document | {"targets": [*self.document["targets"], *targets]}
        return parse_config(document, source="targets.yaml")

    @property
    def version(self):
        return LocalRegistry(self.directory / "models").resolve(ModelRef.parse("shop_targets"))

    def evaluated(self, task: TaskConfig):
        """The report of the published version on the whole log."""
        return evaluate_log(
            task,
            self.version,
            self.data,
            log=self.data / "log.csv",
            runs=self.directory / "runs",
            now=NOW,
            progress=Silent(),
        )[0]


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return Shop(tmp_path_factory.mktemp("targets"))


@pytest.fixture(scope="module")
def scored(shop):
    """The test slice with its answers, and the truth beside them."""
    target = shop.directory / "scored.csv"
    with Quarantine(None, limit=1.0) as quarantine:
        score_file(
            shop.task(),
            Scorer.open(shop.task(), shop.version, stream=False),
            shop.data,
            source=shop.data / "log.csv",
            target=target,
            quarantine=quarantine,
            progress=Silent(),
        )
    truth = pl.read_csv(shop.data / "truth.csv").rename(lambda name: f"true_{name}")
    return pl.concat([pl.read_csv(target), truth], how="horizontal")[32_000:]


def test_the_report_is_about_the_first_target(shop):
    assert shop.report.targets["click"].metrics == shop.report.metrics


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_is_judged_beside_the_prior_and_one_neuron(shop, target):
    found = shop.report.targets[target]
    assert set(found.baselines) == {"prior", "logistic", "mlp before calibration"}
    assert found.metrics.log_loss < found.baselines["prior"].log_loss


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_is_calibrated(shop, target):
    assert shop.report.targets[target].calibration.kind == "platt"
    assert shop.report.targets[target].metrics.ece < 0.015


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_has_a_section_on_the_page(shop, target):
    page = next(shop.directory.rglob("report.html")).read_text()
    assert f"Reliability of {target}" in page


def test_scoring_a_file_adds_a_column_for_every_target(scored):
    assert scored.columns[7:11] == ["probability", *OUTPUTS]


def test_the_first_target_is_the_probability(scored):
    assert scored["probability"].to_list() == scored["probability_click"].to_list()


@pytest.mark.parametrize("output", OUTPUTS[1:])
def test_nothing_is_likelier_than_the_click_that_it_comes_after(scored, output):
    assert (scored[output] <= scored["probability"]).all()


@pytest.mark.parametrize("output", ["probability", *OUTPUTS[1:]])
def test_every_target_is_nearer_to_the_truth_than_its_mean(scored, output):
    true = scored[f"true_{output}"].to_numpy()
    assert np.square(scored[output].to_numpy() - true).mean() < 0.85 * true.var()


@pytest.mark.parametrize("output", ["probability", *OUTPUTS[1:]])
def test_the_mean_of_every_target_is_that_of_the_truth(scored, output):
    assert scored[output].mean() == pytest.approx(scored[f"true_{output}"].mean(), rel=0.2)


def test_a_request_is_answered_target_by_target(shop):
    row = {"user": {"age_band": "25-34"}, "item": {"category": "toys"}}
    with served(shop.directory / "models", shop.directory) as client:
        answer = client.post("/api/v1/score", json={"rows": [row, {}]}).json()
    assert list(answer) == ["model", "version", "probabilities", *OUTPUTS]
    assert answer["probability_click"] == answer["probabilities"]
    assert all(map(float.__lt__, answer["probability_purchase"], answer["probabilities"]))


def test_candidates_are_ranked_by_the_first_target_and_told_of_every_other(shop):
    user, kinds = {"age_band": "25-34"}, ("toys", "books", "garden", "unheard of")
    candidates = [{"id": kind, "features": {"category": kind, "price": 5.0}} for kind in kinds]
    rows = [{"user": user, "item": candidate["features"]} for candidate in candidates]
    with served(shop.directory / "models", shop.directory) as client:
        asked = {"user": {"features": user}, "candidates": candidates}
        items = client.post("/api/v1/rank", json=asked).json()["items"]
        scored = client.post("/api/v1/score", json={"rows": rows}).json()
    assert list(items[0]) == ["id", "rank", "probability", *OUTPUTS]
    probabilities = [item["probability"] for item in items]
    assert probabilities == sorted(probabilities, reverse=True)
    assert probabilities == pytest.approx(sorted(scored["probabilities"], reverse=True), rel=1e-5)
    for item in items:
        place = kinds.index(item["id"])
        assert [item[output] for output in OUTPUTS] == pytest.approx(
            [scored[output][place] for output in OUTPUTS], rel=1e-5
        )
    # Told apart: by its likeliest purchase an item need not be the one with the likeliest click.
    assert len({item["probability_purchase"] for item in items}) > 1


def test_a_version_without_the_tasks_targets_cannot_be_evaluated_by_it(shop):
    with pytest.raises(DataError, match=r"'probability_like'.*train a version with these targets"):
        shop.evaluated(shop.task({"name": "like", "label": "played"}))


def asking_for(shop, target: str, label: str, *others: dict) -> TaskConfig:
    """The shop's task with another first target."""
    data = shop.document["data"] | {"target": target, "label": label}
    return parse_config(shop.document | {"data": data, "targets": list(others)}, source="targets.yaml")


@pytest.mark.parametrize(
    "others", [[], [{"name": "click", "label": "clicked"}]], ids=["alone", "before a click"]
)
def test_what_a_task_asks_for_first_is_judged_by_the_answer_about_it(shop, others):
    report = shop.evaluated(asking_for(shop, "purchase", "purchased", *others))
    assert report.metrics == shop.evaluated(shop.task()).targets["purchase"].metrics
    assert not any("was trained on the label" in note for note in report.notes)


def test_a_version_that_tells_nothing_of_a_label_is_judged_with_a_word_about_it(shop):
    data = shop.document["data"] | {"positive": ["1"]}
    task = parse_config(shop.document | {"data": data, "targets": []}, source="targets.yaml")
    note, *_ = shop.evaluated(task).notes
    assert (
        "was trained on the label 'clicked', 'played', 'purchased', the task file has 'clicked' of '1'"
        in note
    )


@pytest.mark.parametrize("target", TARGETS)
def test_a_champion_stands_against_others_with_its_answer_about_the_same_label(shop, target):
    label = dict(zip(TARGETS, ("clicked", "played", "purchased"), strict=True))[target]
    champion = champion_of(shop.version, asking_for(shop, "wanted", label), shop.data)
    assert isinstance(champion, Champion)
    assert champion.output == f"probability_{target}"


def test_a_champion_of_another_label_cannot_be_stood_against(shop):
    with pytest.raises(GateClosedError, match=r"the task file has 'bought' \(data.label"):
        champion_of(shop.version, asking_for(shop, "wanted", "bought"), shop.data)


def test_a_labelled_log_is_judged_target_by_target(shop):
    found = shop.evaluated(shop.task()).targets
    log = pl.read_csv(shop.data / "log.csv")
    rates = [found[target].metrics.click_rate for target in TARGETS]
    assert rates == pytest.approx([log[label].mean() for label in ("clicked", "played", "purchased")])
