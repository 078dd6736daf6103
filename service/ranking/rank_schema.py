"""The shape of a request to rank, drawn from what was fitted: a live model's spec comes in, a JSON schema goes out.

`service.openapi` puts it into the API description. The checks themselves are `service.ranking.rank_request` and `service.ranking.sides`.
"""

from features.fitted import FittedSpec
from features.spec import RawInput, Side
from service.models.examples import example_rows
from service.scoring.schema import Schema, side_schema

_ID: Schema = {"type": ["string", "integer"], "description": "as the catalog has it"}
_TEXT: Schema = {"type": ["string", "integer", "number", "boolean"]}


def rank_schema(fitted: FittedSpec | None, *, max_candidates: int, time: RawInput | None = None) -> Schema:
    """The JSON schema of a rank request's body.

    Args:
        fitted: Of the model that is served; None describes any model.
        max_candidates: Most candidates of one request.
        time: Where the context may say when the impression is, if history asks for it.
    """
    user, item, context = (side_schema(fitted, side, time) for side in (Side.USER, Side.ITEM, Side.CONTEXT))
    return {
        "type": "object",
        "title": "RankRequest",
        "required": ["candidates"],
        "additionalProperties": False,
        "properties": {
            "model": {
                "type": ["string", "null"],
                "description": "name of the model; the one that is served by default",
            },
            "user": {
                "anyOf": [_ID, _entity(user, "User"), {"type": "null"}],
                "description": "Who looks: an id, or features, or an id whose features of the catalog are overridden.",
            },
            "context": {"anyOf": [context, {"type": "null"}]},
            "candidates": {"anyOf": [_listed(item, max_candidates), _filter()]},
            "k": {
                "type": ["integer", "null"],
                "minimum": 1,
                "description": "how many of the best are answered; all by default",
            },
            "unknown": {
                "enum": ["score", "list", None],
                "description": "An id that the catalog lacks is scored from the features it came with (score, the default), "
                "or left out and named (list).",
            },
        },
        "example": _example(fitted),
    }


def _listed(item: Schema, most: int) -> Schema:
    candidate: Schema = {"anyOf": [_ID, {**_entity(item, "Candidate"), "required": ["id"]}]}
    return {
        "type": "array",
        "minItems": 1,
        "maxItems": most,
        "items": candidate,
        "description": "ids, or ids whose features of the catalog are overridden",
    }


def _filter() -> Schema:
    wanted: Schema = {"type": "object", "minProperties": 1, "additionalProperties": _TEXT}
    return {
        "type": "object",
        "title": "Filter",
        "required": ["filter"],
        "additionalProperties": False,
        "properties": {
            "filter": {
                **wanted,
                "description": 'all items of the catalog with these values: {"category": "shoes"}',
            }
        },
    }


def _entity(features: Schema, title: str) -> Schema:
    return {
        "type": "object",
        "title": title,
        "additionalProperties": False,
        "properties": {"id": _ID, "features": features},
    }


def _example(fitted: FittedSpec | None) -> Schema:
    if fitted is None:
        return {"user": "u1", "candidates": ["i1", "i2"], "k": 1}
    rows = example_rows(fitted)
    candidates = [{"id": f"i{place}", "features": row["item"]} for place, row in enumerate(rows, 1)]
    return {"user": {"features": rows[0]["user"]}, "context": rows[0]["context"], "candidates": candidates}
