"""The shape of a request, drawn from what was fitted: a live model's spec comes in, a JSON schema goes out.

`service.openapi` puts it into the API description. The checks themselves are `service.scoring.rows` and `features.raw`, which
accept what is described here.
"""

from typing import Any

from features.fitted import FittedEdges, FittedScale, FittedSpec, FittedVocabulary
from features.spec import (
    Age,
    Buckets,
    Categorical,
    ColumnFeature,
    Hashed,
    MultiValued,
    Numeric,
    Rate,
    RawInput,
    RawKind,
    Side,
    TimePart,
)
from service.models.examples import example_rows, example_values, features_reading, plain
from service.scoring.rows import request_inputs

Schema = dict[str, Any]

_TOKEN: Schema = {"type": ["string", "integer", "number", "boolean", "null"]}
_NUMBER: Schema = {"type": "number", "minimum": -3.4028234663852886e38, "maximum": 3.4028234663852886e38}
_MILLISECONDS: Schema = {
    "type": "integer",
    "title": "milliseconds since the epoch",
    "minimum": -253_402_300_799_999,
    "maximum": 253_402_300_799_999,
}
_MISSING: Schema = {"enum": [None, ""], "title": "missing"}
_SIDES = {
    Side.USER: "Who looks: features of the user. An absent feature is a missing value.",
    Side.ITEM: "What is shown: features of the item. An absent feature is a missing value.",
    Side.CONTEXT: "When and where: features of the moment. An absent feature is a missing value.",
}


def request_schema(fitted: FittedSpec | None, *, max_rows: int, time: RawInput | None = None) -> Schema:
    """The JSON schema of a score request's body.

    Args:
        fitted: Of the model that is served; None describes any model.
        max_rows: Most rows of one request.
        time: Where a row may say when its impression is, if history asks for it.
    """
    return {
        "type": "object",
        "title": "ScoreRequest",
        "required": ["rows"],
        "additionalProperties": False,
        "properties": {
            "model": {
                "type": ["string", "null"],
                "description": "NAME, NAME:VERSION or NAME@ALIAS; refused unless it is what is served. Optional.",
            },
            "rows": {"type": "array", "minItems": 1, "maxItems": max_rows, "items": row_schema(fitted, time)},
        },
        "example": {"rows": example_rows(fitted)}
        if fitted
        else {"rows": [{"user": {}, "item": {}, "context": {}}]},
    }


def row_schema(fitted: FittedSpec | None, time: RawInput | None = None) -> Schema:
    """One pair of a user and an item in a context."""
    return {
        "type": "object",
        "title": "Row",
        "description": "One pair of a user and an item, and the moment; the answer has one probability for it.",
        "additionalProperties": False,
        "properties": {side.value: side_schema(fitted, side, time) for side in Side},
    }


def side_schema(fitted: FittedSpec | None, side: Side, time: RawInput | None) -> Schema:
    """The features of one side; any object where no model is loaded."""
    schema: Schema = {"type": "object", "title": side.value.capitalize(), "description": _SIDES[side]}
    if fitted is None:
        return schema
    inputs = [raw for raw in request_inputs(fitted.spec, time) if raw.side is side]
    return {
        **schema,
        "additionalProperties": False,
        "properties": {raw.column: _value_schema(fitted, raw, time) for raw in inputs},
    }


def _value_schema(fitted: FittedSpec, raw: RawInput, time: RawInput | None) -> Schema:
    meanings = [_meaning(fitted, feature) for feature in features_reading(fitted, raw.column)]
    if raw in fitted.spec.key_inputs():
        meanings.append("What happened before is looked up by it.")
    if raw == time:
        meanings.append("When the impression is: what happened before fades until then; now if missing.")
    return {
        **_type_of(raw),
        "description": " ".join(meanings),
        "examples": example_values(fitted, raw),
    }


def _type_of(raw: RawInput) -> Schema:
    match raw.kind:
        case RawKind.TEXT:
            return _TOKEN
        case RawKind.NUMBER:
            return {"anyOf": [_NUMBER, _MISSING]}
        case RawKind.TIME:
            text: Schema = {"type": "string"}
            if raw.time.format in {"auto", "iso"}:
                text["format"] = "date-time"
            return {"anyOf": [_MILLISECONDS, text, _MISSING]}
        case RawKind.TEXTS:
            tokens: Schema = {"type": "array", "items": _TOKEN}
            text = {"type": "string", "title": f"text separated by {raw.separator!r}"}
            return {"anyOf": [tokens, _MISSING] if raw.separator is None else [tokens, text, _MISSING]}


def _meaning(  # noqa: C901, PLR0911  # one case per kind of feature
    fitted: FittedSpec, feature: ColumnFeature
) -> str:
    """One sentence on what the feature makes of its value."""
    learned = fitted.learned_for(feature)
    match feature, learned:
        case Categorical(), FittedVocabulary(tokens=tokens):
            return f"One of {len(tokens)} known values; any other counts as unknown."
        case MultiValued(), FittedVocabulary(tokens=tokens):
            text = f", or text separated by {feature.separator!r}" if feature.separator else ""
            return f"A list of up to {feature.max_length} of {len(tokens)} known values{text}."
        case Hashed(), _:
            return f"Any value; hashed into {feature.buckets} buckets."
        case Numeric(), FittedScale(low=low, high=high):
            low, high = plain(low, feature.scale), plain(high, feature.scale)
            return f"A number; in training from {low:g} to {high:g}."
        case Rate(), _:
            return f"A count; the rate of {feature.clicks} in {feature.impressions} counts."
        case Buckets(), FittedEdges(edges=edges):
            return f"A number; {len(edges) + 1} ranges are told apart."
        case TimePart(), _:
            return f"A time; its {feature.part.replace('_', ' ')} in {feature.time_zone} counts."
        case Age(), _:
            return f"A time; the days from {feature.column} to {feature.at} count."
        case _:
            return (type(feature).__doc__ or "").partition("\n")[0]
