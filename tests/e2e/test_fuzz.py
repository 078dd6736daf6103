"""Requests made up from the service's own description, sound and unsound: none may fail, hang, or get an answer that is not described."""

import shutil

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
OF_EVERYBODY = (SCORE_PATH, RANK_PATH, FEEDBACK_PATH)
_MODEL = "/api/v1/models/{name}"
OPERATIONS = [
    *(("POST", path) for path in OF_EVERYBODY),
    *(("POST", f"/api/v1/{kind}") for kind in ("items", "users")),
    *(
        (method, f"/api/v1/{kind}/{{key}}")
        for kind in ("items", "users")
        for method in ("GET", "PUT", "DELETE")
    ),
    ("GET", _MODEL),
    *(("POST", f"{_MODEL}/{move}") for move in ("promote", "rollback", "prune")),
]
# Any text is a name.
_ALWAYS_SOUND = ("GET", _MODEL), GenerationMode.NEGATIVE
WITHOUT_INPUT = [("GET", path) for path in ("/api/v1/models", "/livez", "/readyz", "/healthz", "/metrics")]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def service(past_shop, tmp_path_factory):
    """The shop with history and a catalog, served."""
    settings = {**past_shop.tables, "decisions": f"file:{tmp_path_factory.mktemp('decisions')}"}
    # A copy, for what is asked may move aliases and prune.
    registry = shutil.copytree(past_shop.registry, tmp_path_factory.mktemp("registry") / "models")
    with served(registry, tmp_path_factory.mktemp("fuzz"), **settings) as client:
        yield client


@pytest.fixture(scope="module")
def description(service):
    return service.get("/openapi.json").json()


def test_all_that_is_described_is_asked(description):
    described = {
        (method.upper(), path) for path, methods in description["paths"].items() for method in methods
    }
    assert described == set(OPERATIONS) | set(WITHOUT_INPUT)


@pytest.mark.parametrize("path", [path for _, path in WITHOUT_INPUT])
def test_what_takes_no_input_answers(service, path):
    assert service.get(path).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "mode"),
    [
        (*operation, mode)
        for operation in OPERATIONS
        for mode in GenerationMode
        if (operation, mode) != _ALWAYS_SOUND
    ],
)
def test_every_answer_is_a_described_one(service, description, method, path, mode):
    operation = schemathesis.openapi.from_dict(description)[path][method]

    @settings(
        max_examples=EXAMPLES if path in OF_EVERYBODY else EXAMPLES // 4,
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
