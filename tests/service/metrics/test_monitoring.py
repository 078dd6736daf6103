"""What ``/metrics`` counts, and what health checks answer."""

import re

import pytest

from tests.service.conftest import ROW


@pytest.mark.parametrize(
    ("series", "grows_by"),
    [
        pytest.param(
            'axon_requests_total{code="200",endpoint="/api/v1/score",model="shop",version="1"}',
            1,
            id="requests",
        ),
        pytest.param('axon_request_duration_seconds_count{endpoint="/api/v1/score"}', 1, id="durations"),
        pytest.param('axon_predictions_total{model="shop",version="1"}', 2, id="rows"),
        pytest.param('axon_prediction_score_count{model="shop",version="1"}', 2, id="probabilities"),
        pytest.param(
            'axon_prediction_score_bucket{le="0.5",model="shop",version="1"}',
            1,
            id="probabilities up to a half",
        ),
    ],
)
def test_a_request_with_a_full_and_an_empty_row_is_counted(service, series, grows_by):
    before = service.value(series)
    service.score(ROW, {})
    assert service.value(series) == before + grows_by


def test_a_refused_request_is_counted_by_its_status(service):
    series = 'axon_requests_total{code="422",endpoint="/api/v1/score",model="",version=""}'
    before = service.value(series)
    service.score()
    assert service.value(series) == before + 1


def test_addresses_that_do_not_exist_share_one_series(service):
    series = 'axon_requests_total{code="404",endpoint="other",model="",version=""}'
    before = service.value(series)
    service.client.get("/x1")
    service.client.get("/x2")
    assert service.value(series) == before + 2


def test_the_loaded_version_is_told_with_its_digest(service):
    digest = re.search(
        r'axon_model_loaded_info\{alias="champion",digest="(\w+)",model="shop",version="1"\} 1\.0',
        service.client.get("/metrics").text,
    )
    assert digest is not None


def test_how_long_the_model_took_to_load_is_told(service):
    assert service.value('axon_model_load_duration_seconds{model="shop",version="1"}') > 0


def test_the_memory_of_the_process_is_told(service):
    assert service.value("process_resident_memory_bytes") > 1e7


def test_a_client_that_prefers_openmetrics_gets_it(service):
    answer = service.client.get("/metrics", headers={"Accept": "application/openmetrics-text"})
    assert answer.text.endswith("# EOF\n")


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz"])
def test_a_service_with_a_model_is_well(service, path):
    answer = service.client.get(path)
    assert (answer.status_code, answer.text) == (200, "ok")


def test_a_verbose_check_names_the_model(service):
    assert "[+] model shop/1 is loaded" in service.client.get("/healthz?verbose").text
