"""The API description: the application's routes and the live model come in, an OpenAPI 3.1 document goes out.

``/openapi.json`` serves it, and ``/docs`` draws it: with a model loaded it shows that model's real features.
"""

from collections.abc import Sequence
from typing import Any

from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from service.live import LiveModel
from service.problems import KINDS, MEDIA_TYPE, Problem
from service.schema import request_schema

SCORE_PATH = "/api/v1/score"

_GENERIC = "No model is loaded yet, so the features are not known; reload this page when `/readyz` says ok."


def describe(
    routes: Sequence[BaseRoute], live: LiveModel | None, *, version: str, max_rows: int
) -> dict[str, Any]:
    """The OpenAPI document.

    Args:
        routes: Of the application.
        live: The model whose features are shown; None shows a request of any model.
        version: Of the API's code.
        max_rows: Most rows of one request.
    """
    document = get_openapi(
        title="Axon", version=version, description=_description(live), routes=routes, openapi_version="3.1.0"
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    fitted = live.fitted if live else None
    # Where an example stands beside a schema, the page offers it; inside the schema other tools find it.
    time = live.manifest.impression_time if live else None
    schema = request_schema(fitted, max_rows=max_rows, time=time)
    schemas["ScoreRequest"] = schema
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs"))
    schemas["Problem"] = problem
    score = document["paths"][SCORE_PATH]["post"]
    score["requestBody"] = {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/ScoreRequest"},
                "example": schema["example"],
            }
        },
    }
    score["responses"].update(_problem_responses())
    return document


def _problem_responses() -> dict[str, Any]:
    titles: dict[int, list[str]] = {}
    for kind in KINDS.values():
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
