"""Requests made up from the service's own description, sound and unsound: none may fail, hang, or get an answer that is not described."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from service.openapi import DEADLINE_HEADER, FEEDBACK_PATH, RANK_PATH, SCORE_PATH
from tests.e2e.conftest import served

EXAMPLES = 40
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def service(past_shop, tmp_path_factory):
    """The shop with history and a catalog, served."""
    files = {"catalog": past_shop.data / "items.csv", "users": past_shop.data / "users.csv"}
    settings = {name: str(path) for name, path in files.items()} | {"drain_s": "0"}
    settings["decisions"] = f"file:{tmp_path_factory.mktemp('decisions')}"
    with served(past_shop.registry, tmp_path_factory.mktemp("fuzz"), **settings) as client:
        yield client


@pytest.mark.parametrize(
    "mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value
)
@pytest.mark.parametrize("path", [SCORE_PATH, RANK_PATH, FEEDBACK_PATH])
def test_every_answer_is_a_described_one(service, path, mode):
    document = service.get("/openapi.json").json()
    operation = schemathesis.openapi.from_dict(document)[path]["POST"]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case):
        if (case.headers or {}).get(DEADLINE_HEADER, "").isdigit():
            # One millisecond is a sound deadline, and a 503 the right answer to it.
            case.headers[DEADLINE_HEADER] = "10000"
        response = case.call(base_url=str(service.base_url), timeout=10)
        case.validate_response(response, checks=CHECKS)

    ask()
