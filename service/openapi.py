"""The API description: the application's routes and the live model come in, an OpenAPI 3.1 document goes out.

``/openapi.json`` serves it, and ``/docs`` draws it: with a model loaded it shows that model's real features.
"""

from collections.abc import Sequence
from typing import Any

from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from service.errors import (
    FeedbackOffError,
    FeedbackUnavailableError,
    KeyRequiredError,
    LoopbackOnlyError,
    RefusedMoveError,
    RegistryUnavailableError,
    UnknownEntityError,
    UnknownVersionError,
)
from service.models.live import LiveModel
from service.problems import KINDS, MEDIA_TYPE, Problem
from service.ranking.rank_schema import rank_schema
from service.scoring.schema import request_schema

SCORE_PATH = "/api/v1/score"
RANK_PATH = "/api/v1/rank"
FEEDBACK_PATH = "/api/v1/feedback"
DEADLINE_HEADER = "X-Axon-Deadline-Ms"

_DEADLINE = {
    "name": DEADLINE_HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "integer", "minimum": 1, "maximum": 999_999_999},
    "description": "Milliseconds that the request may wait for its turn, if that is less than the service allows.",
}

_VERSION = {
    "name": "version",
    "in": "query",
    "required": False,
    "schema": {"type": "string"},
    "description": "The live version that shall answer: its number, or an alias such as `challenger`.",
}

_OF_CHANGES = (KeyRequiredError, LoopbackOnlyError)
_OF_THE_CATALOG = (UnknownEntityError,)
_OF_MODELS = (UnknownVersionError, RefusedMoveError, RegistryUnavailableError)
_OF_FEEDBACK = (FeedbackOffError, FeedbackUnavailableError)

_GENERIC = "No model is loaded yet, so the features are not known; reload this page when `/readyz` says ok."


def describe(
    routes: Sequence[BaseRoute], live: LiveModel | None, *, version: str, max_rows: int, max_candidates: int
) -> dict[str, Any]:
    """The OpenAPI document.

    Args:
        routes: Of the application.
        live: The model whose features are shown; None shows a request of any model.
        version: Of the API's code.
        max_rows: Most rows of one request to score.
        max_candidates: Most candidates of one request to rank.
    """
    document = get_openapi(
        title="Axon", version=version, description=_description(live), routes=routes, openapi_version="3.1.0"
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    fitted = live.fitted if live else None
    # Where an example stands beside a schema, the page offers it; inside the schema other tools find it.
    time = live.manifest.impression_time if live else None
    schemas["ScoreRequest"] = request_schema(fitted, max_rows=max_rows, time=time)
    schemas["RankRequest"] = rank_schema(fitted, max_candidates=max_candidates, time=time)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs"))
    schemas["Problem"] = problem
    for path, name in ((SCORE_PATH, "ScoreRequest"), (RANK_PATH, "RankRequest")):
        _describe_hot(document["paths"][path]["post"], name, schemas[name]["example"])
    return document


def _describe_hot(operation: dict[str, Any], name: str, example: object) -> None:
    """Say of a route that the framework does not read itself what it takes and what it may answer."""
    schema = {"$ref": f"#/components/schemas/{name}"}
    operation |= json_body(schema, example)
    operation["parameters"] = [_VERSION, _DEADLINE]
    operation["responses"].update(problem_responses())


def json_body(schema: dict[str, Any], example: object) -> dict[str, Any]:
    """The description of a body that no framework reads."""
    content = {"application/json": {"schema": schema, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


def problem_responses(
    *, catalog: bool = False, feedback: bool = False, models: bool = False
) -> dict[int | str, dict[str, Any]]:
    """What may go wrong, by status; what only the routes of the catalog, of feedback, or of models, answer is left out for the others."""
    elsewhere = [
        *(() if catalog or feedback or models else _OF_CHANGES),
        *(() if catalog else _OF_THE_CATALOG),
        *(() if feedback else _OF_FEEDBACK),
        *(() if models else _OF_MODELS),
    ]
    titles: dict[int, list[str]] = {}
    for error, kind in KINDS.items():
        if error in elsewhere:
            continue
        titles.setdefault(kind.status, []).append(kind.title)
    return {
        str(status): {
            "description": "; ".join(titles[status]),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted(titles)
    }


def _description(live: LiveModel | None) -> str:
    purpose = "How likely is this user to click this item, here and now?"
    if live is None:
        return f"{purpose} {_GENERIC}"
    manifest = live.manifest
    trained = f"trained {manifest.created_at:%Y-%m-%d %H:%M} UTC"
    return f"{purpose} Served: `{live.name}`, version {live.version}, a {manifest.family} {trained}."
