"""What the catalog keeps, for a model: a kept value comes in, one that the model may read goes out."""

from features.errors import UnreadableValueError
from features.raw import from_text
from features.spec import RawInput, RawKind


def kept_value(raw: RawInput, value: object) -> object:
    """A feature as the catalog keeps it, for this model.

    A file that was imported for a model that did not read the column has left its cells as they stood: "3.50" is the number
    that it is for one that reads a number there.
    """
    if raw.kind is not RawKind.NUMBER or not isinstance(value, str):
        return value
    try:
        return from_text(raw, value)
    except UnreadableValueError:
        return value
