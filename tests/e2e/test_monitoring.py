"""Everything that the dashboard shows and the alerts watch is told by a real service, with the right numbers."""

import json
import re
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from registry.local import LocalRegistry
from registry.outcomes import Outcome
from tests.e2e.conftest import clicked_best, served, some_items
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
DASHBOARD = json.loads((ROOT / "deploy/grafana/dashboards/axon.json").read_text())
ALERTS = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"][0]["rules"]
MODEL = "shop-history"
SHOWN = 5
OF_PROMETHEUS = {"up"}
"""Told by Prometheus itself about what it asks."""
OF_THE_SCRAPE = {"job", "instance"}
"""Labels that Prometheus adds."""


def queries():
    """Every query of the dashboard and of the alerts, by where it stands."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            yield pytest.param(target["expr"], id=f"panel {panel['title']} {target['refId']}")
    for annotation in DASHBOARD["annotations"]["list"]:
        yield pytest.param(annotation["expr"], id=f"annotation {annotation['name']}")
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            (series,) = re.findall(r"label_values\((.+), \w+\)", variable["query"]["query"])
            yield pytest.param(series, id=f"variable {variable['name']}")
    for rule in ALERTS:
        yield pytest.param(rule["expr"], id=f"alert {rule['alert']}")


def selectors(expression):
    """The series that an expression asks for, with the labels that it names of each."""
    found = []

    def visit(node):
        selector = node.vector_selector if isinstance(node, promql_parser.MatrixSelector) else node
        if isinstance(selector, promql_parser.VectorSelector):
            found.append((selector.name, {matcher.name for matcher in selector.matchers.matchers}))
        return True

    filled = re.sub(r"\$(__rate_interval|__range|window)", "5m", expression)
    promql_parser.walk(promql_parser.parse(filled), visit)
    return found


@pytest.fixture(scope="module")
def told(past_shop, past_rows, tmp_path_factory):
    """Of a service that has scored, ranked, learned of clicks, and whose registry has noted a training: scrape and answers."""
    directory = tmp_path_factory.mktemp("watched")
    shutil.copytree(past_shop.registry, directory / "models")
    ended = Outcome(at=datetime(2026, 1, 1, tzinfo=UTC), ending="refused", reasons=("AUC fell",))
    for outcome in (ended, ended.model_copy(update={"ending": "stopped"})):
        LocalRegistry(directory / "models").note_outcome(MODEL, outcome)
    settings = {"decisions": f"file:{directory / 'decisions'}", "watch_attribution_s": "1"}
    # Nobody fills it: the version answers from its snapshot, and says so.
    settings["history"] = f"sqlite:{directory / 'history.sqlite'}"
    settings |= past_shop.tables
    question = {
        "user": past_rows[0]["user"]["user_id"],
        "context": past_rows[0]["context"],
        "candidates": some_items(past_rows),
    }
    with served(directory / "models", directory, **settings) as client:
        for start in range(0, 1000, 200):
            client.post("/api/v1/score", json={"rows": past_rows[start : start + 200]}).raise_for_status()
        answers = [client.post("/api/v1/rank", json=question).json() for _ in range(4)]
        for answer in answers:
            client.post("/api/v1/feedback", json={"events": clicked_best(answer, SHOWN)}).raise_for_status()
        return answers, scraped(client)


def scraped(client):
    """What ``/metrics`` tells once the last window has closed."""
    closed = f'axon_judged_impressions_total{{model="{MODEL}",version="1"}} {4 * SHOWN}.0'
    wait_until(lambda: closed in client.get("/metrics").text)
    text = client.get("/metrics").text
    return [one for family in text_string_to_metric_families(text) for one in family.samples]


@pytest.fixture(scope="module")
def samples(told):
    return told[1]


def value(samples, name, **labels):
    """Of the one series with these labels."""
    (found,) = [one.value for one in samples if one.name == name and labels.items() <= one.labels.items()]
    return found


@pytest.mark.parametrize("expression", list(queries()))
def test_a_query_asks_for_series_and_labels_that_a_service_tells(samples, expression):
    told = {one.name: {*one.labels, *OF_THE_SCRAPE} for one in samples} | dict.fromkeys(
        OF_PROMETHEUS, OF_THE_SCRAPE
    )
    asked = selectors(expression)
    assert [name for name, labels in asked if not labels <= told.get(name, set())] == []


def test_every_series_is_explained(samples):
    page = (ROOT / "docs" / "monitoring.md").read_text()
    told = {one.name for one in samples if not one.name.endswith("_created")}
    names = {re.sub(r"_(bucket|sum|count)$", "", name) for name in told}
    assert sorted(name for name in names if name.startswith("axon_") and f"`{name}`" not in page) == []


def test_shown_items_whose_window_has_closed_are_promises(told):
    answers, samples = told
    promised = sum(item["probability"] for answer in answers for item in answer["items"][:SHOWN])
    assert value(samples, "axon_promised_clicks_total", model=MODEL) == pytest.approx(promised, rel=1e-5)


def test_clicks_on_them_are_observed(samples):
    assert value(samples, "axon_observed_clicks_total", model=MODEL) == 4


def test_scored_rows_and_the_best_candidates_are_looked_at(samples):
    assert value(samples, "axon_feature_rows_total", model=MODEL) == 1000 + 4 * 20


def test_the_drift_of_every_column_with_values_is_told(samples):
    columns = {one.labels["feature"] for one in samples if one.name == "axon_feature_drift_psi"}
    assert {"category", "brand", "price", "city", "age_band"} <= columns


@pytest.mark.parametrize(("outcome", "count"), [("refused", 1), ("stopped", 1), ("failed", 0)])
def test_trainings_that_the_registry_has_noted_are_counted(samples, outcome, count):
    assert value(samples, "axon_retrain_outcomes_total", model=MODEL, outcome=outcome) == count


def test_a_store_of_history_that_nobody_has_filled_is_told(samples):
    assert value(samples, "axon_model_history_filled", model=MODEL) == 0


def test_the_age_of_the_model_can_be_told(samples):
    made = value(samples, "axon_model_created_timestamp_seconds", model=MODEL)
    assert 0 < time.time() - made < 3600
