"""The dashboard is one that Grafana takes, and its files fit together."""

import itertools
import json
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
GRAFANA, PROMETHEUS = ROOT / "deploy" / "grafana", ROOT / "deploy" / "prometheus"
DASHBOARD = json.loads((GRAFANA / "dashboards" / "axon.json").read_text())
PANELS = DASHBOARD["panels"]
RULES = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"][0]["rules"]


def compose(name):
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"][name]


def cells(panel):
    place = panel["gridPos"]
    across, down = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
    return set(itertools.product(across, down))


def test_the_dashboard_says_what_it_is():
    assert (DASHBOARD["uid"], DASHBOARD["title"], DASHBOARD["schemaVersion"]) == ("axon", "Axon", 41)


def test_panels_have_ids_of_their_own():
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)


def test_panels_do_not_overlap_and_stay_on_the_grid():
    taken = [cell for panel in PANELS for cell in cells(panel)]
    assert len(taken) == len(set(taken))
    assert {x for x, _ in taken} == set(range(24))


def test_every_panel_has_a_title_and_says_what_it_means():
    assert [panel["title"] for panel in PANELS if panel["type"] != "row" and not panel["description"]] == []


def test_queries_of_a_panel_have_names_of_their_own():
    names = [[target["refId"] for target in panel.get("targets", [])] for panel in PANELS]
    assert [some for some in names if len(some) != len(set(some))] == []


def test_every_panel_asks_the_data_source_that_is_provisioned():
    provisioned = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yaml").read_text())
    uids = {source["uid"] for source in provisioned["datasources"]}
    assert {panel["datasource"]["uid"] for panel in PANELS if panel["type"] != "row"} == uids


def test_the_dashboard_lies_where_its_provider_looks():
    provider = yaml.safe_load((GRAFANA / "provisioning/dashboards/axon.yaml").read_text())["providers"][0]
    mounted = f"./deploy/grafana/dashboards:{provider['options']['path']}:ro"
    assert mounted in compose("grafana")["volumes"]


def test_prometheus_asks_the_service_of_the_project():
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    assert config["scrape_configs"][0]["static_configs"] == [{"targets": ["service:8000"]}]


def test_prometheus_reads_rules_that_exist():
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    assert all((PROMETHEUS / name).is_file() for name in config["rule_files"])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_happened_and_the_page_what_to_do(rule):
    assert rule["annotations"]["summary"]
    assert f"`{rule['alert']}`" in (ROOT / "docs" / "monitoring.md").read_text()


@pytest.mark.parametrize("name", ["prometheus", "grafana"])
def test_watching_comes_only_with_its_profile_pinned_and_locked_down(name):
    found = compose(name)
    assert (found["profiles"], found["read_only"], found["cap_drop"]) == (["watch"], True, ["ALL"])
    assert not found["image"].endswith(":latest")
    assert ":" in found["image"]
    assert [port.split(":")[0] for port in found["ports"]] == ["127.0.0.1"]


def test_grafana_has_no_account_with_a_password_that_everybody_knows():
    environment = compose("grafana")["environment"]
    assert environment["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
